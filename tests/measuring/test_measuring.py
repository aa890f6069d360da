"""Numbers measured on the way of a run, afterwards, and on two processes: the same ones."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from projgan.cli import run_command
from projgan.config import DataConfig, EvaluationConfig
from projgan.errors import UserError
from projgan.evaluation.rows import MetricRow
from projgan.listening import Progress
from projgan.measuring import measuring
from projgan.measuring.measuring import evaluate
from projgan.pictures.grids import write_png
from projgan.pictures.pillow import to_pil
from projgan.storage.network_file import load_generator, weights_sha256
from projgan.storage.run_directory import RunDirectory
from small_runs import (
    ONE_RANK,
    assert_one_line_error,
    command_line,
    projgan,
    save_blank_classifier,
    start,
    train_small,
)

METRICS = ("fd", "intra_fd", "accuracy")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of digits that has learned nothing: its features are as good as any for equality."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("classifier") / "blank.safetensors"
    return save_blank_classifier(path, tuple("0123456789"))


def measured(classifier: Path, **changes: Any) -> dict[str, Any]:
    return {
        "evaluation.every": 8,
        "evaluation.features": f"classifier:{classifier}",
        "evaluation.generated_images": 60,
        "evaluation.metrics": METRICS,
        **changes,
    }


def rows_of(run_dir: Path) -> list[MetricRow]:
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    return [MetricRow.model_validate_json(line) for line in lines]


def numbers(rows: list[MetricRow]) -> list[tuple[Any, ...]]:
    """All of the rows but the time they took."""
    return [tuple(row.model_dump(exclude={"seconds"}).items()) for row in rows]


def test_a_run_is_measured_at_its_cadence_and_at_its_end(classifier: Path, tmp_path: Path) -> None:
    train_small(tmp_path / "run", measured(classifier))
    rows = rows_of(tmp_path / "run")
    assert [(row.subject.step, row.metric) for row in rows] == [
        (step, name) for step in (8, 16, 20) for name in ("fd", "intra_fd", "accuracy_top1", "accuracy_top5")
    ]
    assert [row.subject.images_seen for row in rows[::4]] == [8 * 16, 16 * 16, 20 * 16]
    assert {row.measurement.real_images for row in rows if row.metric == "fd"} == {1797}
    # The last row is of the file that the run leaves, and says so.
    generator, _ = load_generator(tmp_path / "run" / "generator.safetensors")
    assert rows[-1].subject.sha256 == weights_sha256(generator)
    assert len({row.subject.sha256 for row in rows}) == 3


def test_measuring_does_not_change_the_run(classifier: Path, tmp_path: Path) -> None:
    train_small(tmp_path / "measured", measured(classifier))
    train_small(tmp_path / "plain")
    files = [(tmp_path / name / "generator.safetensors") for name in ("measured", "plain")]
    hashes = [weights_sha256(load_generator(file)[0]) for file in files]
    assert hashes[0] == hashes[1]


def stop_at(step: int) -> Callable[[Progress], None]:
    def stepped(progress: Progress) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    return stepped


def test_a_run_that_was_stopped_has_the_numbers_of_one_that_was_not(classifier: Path, tmp_path: Path) -> None:
    train_small(tmp_path / "whole", measured(classifier))
    with pytest.raises(KeyboardInterrupt):
        train_small(
            tmp_path / "run", measured(classifier), stepped=stop_at(18)
        )  # measured at 16, saved at 15
    assert [row.subject.step for row in rows_of(tmp_path / "run")] == [8] * 4 + [16] * 4
    train_small(tmp_path / "run", measured(classifier))
    changed = [
        row.model_copy(update={"subject": row.subject.model_copy(update={"name": "whole"})})
        for row in rows_of(tmp_path / "run")
    ]
    assert numbers(changed) == numbers(rows_of(tmp_path / "whole"))


@pytest.mark.parametrize("condition", ["projection", "unconditional"])
def test_checkpoints_of_an_average_with_foreign_statistics_are_measured_with_its_own(
    classifier: Path, tmp_path: Path, condition: str
) -> None:
    """As version 0.1 wrote them, and as a signal leaves them."""
    run, metrics = tmp_path / "run", ("fd",)
    changes = {"evaluation.metrics": metrics, "discriminator.condition": condition}
    if condition == "unconditional":
        changes["generator.condition"] = "none"
    train_small(run, measured(classifier, **changes))
    (path,) = [path for path in (run / "checkpoints").glob("*.pt") if "20" in path.name]
    state = torch.load(path, weights_only=True)
    for name, tensor in state["average"].items():
        if name.endswith("running_mean"):
            tensor += 3
    settings = EvaluationConfig(features=f"classifier:{classifier}", generated_images=60, metrics=metrics)

    def distance(**marks: bool) -> MetricRow:
        torch.save({key: value for key, value in state.items() if key != "average_is_measured"} | marks, path)
        return evaluate(run, None, settings, ONE_RANK, checkpoints=True)[-1]

    foreign, mended, stopped = (
        distance(average_is_measured=True),
        distance(),
        distance(average_is_measured=False),
    )
    expected = rows_of(run)[2].value
    assert mended.value == stopped.value == pytest.approx(expected, rel=0.05)
    assert foreign.value != pytest.approx(expected, rel=0.2)
    assert mended.subject.sha256 not in (foreign.subject.sha256, rows_of(run)[2].subject.sha256)


def test_what_was_not_measured_then_is_measured_when_the_run_is_resumed(
    classifier: Path, tmp_path: Path
) -> None:
    train_small(tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
    for _ in range(2):  # and only once
        train_small(tmp_path / "run", measured(classifier))
        assert [row.subject.step for row in rows_of(tmp_path / "run")] == [20] * 4


def test_a_number_taken_by_hand_is_not_taken_for_one_of_the_run(classifier: Path, tmp_path: Path) -> None:
    """Another draw, fewer images or some of the metrics: the run measures its own."""
    run = tmp_path / "run"
    train_small(run)
    for settings in ({"seed": 7}, {"generated_images": 59}, {"metrics": ("fd",)}):
        asked = {"features": f"classifier:{classifier}", "generated_images": 60, "metrics": METRICS}
        evaluate(run, None, EvaluationConfig(**{**asked, **settings}), ONE_RANK)
    by_hand = len(rows_of(run))
    for _ in range(2):
        train_small(run, measured(classifier))
        assert len(rows_of(run)) == by_hand + 4
    assert {(row.measurement.seed, row.measurement.generated_images) for row in rows_of(run)[-4:]} == {
        (0, 60)
    }
    train_small(run, measured(classifier, **{"evaluation.metrics": (*METRICS, "precision", "density")}))
    assert [row.metric for row in rows_of(run)[by_hand + 8 :]] == [
        "precision",
        "recall",
        "density",
        "coverage",
    ]


def test_numbers_that_cannot_be_kept_are_shown(
    classifier: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(finished), "--features", f"classifier:{classifier}", "--generated-images", "60"]
    before = rows_of(finished) if (finished / "metrics.jsonl").exists() else []

    def full(*given: object) -> None:
        raise UserError("metrics.jsonl: cannot be written (No space left on device)")

    for name, place, value, said in (
        ("why_not_writable", measuring, lambda folder: "Read-only file system", "Read-only file system"),
        ("append_metrics", RunDirectory, full, "No space left on device"),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(place, name, value)
            assert run_command([*words, "--metrics", "fd", "--json"]) == 0
        out, err = capsys.readouterr()
        assert [row["metric"] for row in json.loads(out)] == ["fd"]
        assert said in err
        assert "kept nowhere" in err
    assert (rows_of(finished) if before else []) == before


def test_a_cache_is_taken_without_other_images_and_not_needed(
    classifier: Path,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["evaluate", str(finished), "--features", f"classifier:{classifier}", "--generated-images", "60"]
    words += ["--metrics", "fd"]
    assert run_command([*words, "--cache", str(tmp_path / "cache")]) == 0
    assert len(list((tmp_path / "cache" / "references").iterdir())) == 1
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))  # where nothing can be written
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    capsys.readouterr()
    assert run_command([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["metric"] == "fd"
    assert "features of real images are not kept for the next time" in err


@pytest.mark.parametrize("changes", [{}, {"training.precision": "bf16", "training.ema_decay": None}], ids=str)
def test_every_checkpoint_gives_the_numbers_measured_on_the_way(
    classifier: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Also where the very generator that is measured is trained in another precision."""
    run = tmp_path / "run"
    kept = {"training.keep_checkpoints": 9, "training.checkpoint_every": 8, "evaluation.seed": 3, **changes}
    train_small(run, measured(classifier, **kept))
    on_the_way = rows_of(run)
    settings = EvaluationConfig(
        features=f"classifier:{classifier}", generated_images=60, metrics=METRICS, seed=3
    )
    again = evaluate(run, None, settings, ONE_RANK, checkpoints=True)
    assert numbers(again) == numbers(on_the_way)
    assert numbers(rows_of(run)) == numbers(on_the_way) * 2  # they are added to the run's
    of_file, of_checkpoints = (
        evaluate(run, None, settings, ONE_RANK, checkpoints=checkpoints, truncation=0.5)
        for checkpoints in (False, True)
    )
    assert numbers(of_file) == numbers(of_checkpoints[-4:])
    assert of_file[0].value != on_the_way[-4].value


def test_the_command_measures_a_run_and_a_file(classifier: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_small(run, measured(classifier))
    words = ["--features", f"classifier:{classifier}", "--generated-images", "60", "--metrics", *METRICS]
    code, out, err = projgan("evaluate", str(run), *words, "--json")
    assert code == 0, err
    rows = [MetricRow.model_validate(row) for row in json.loads(out)]
    assert numbers(rows) == numbers(rows_of(run)[-4:]) == numbers(rows_of(run)[8:12])
    file = run / "generator.safetensors"
    code, out, err = projgan("evaluate", str(file), "--data", "digits", *words)
    assert code == 0, err
    assert out.splitlines()[0] == "generator.safetensors, step 20"
    assert out.splitlines()[1].split()[:2] == ["fd", f"{rows[0].value:.4g}"]
    assert out.splitlines()[-1].startswith(
        "± is one standard error. Protocol custom, features classifier:blank"
    )
    error = assert_one_line_error(*projgan("evaluate", str(file), *words))
    assert "does not say which images it was trained on; give real images with --data" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--metrics", "fid"], "fid is not what classifier:blank measures"),
        (["--metrics", "classification-accuracy-score"], "digits has no other part to test on"),
        (["--real-images", "1798"], "compares with 1,798 real images, and there are 1,797"),
        (["--data", "nowhere"], "no data at 'nowhere'"),
        (["--split", "test"], "digits has no splits, so 'test' cannot be chosen"),
        (["--seed", "-1"], "seed is -1: input should be greater than or equal to 0"),
        (["--truncation", "-1"], "truncation is -1.0; it must be above 0 and below 10"),
        (["--checkpoints", "--protocol", "intra"], "protocol intra counts generated images per class"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    words: list[str], message: str, classifier: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = ["--features", f"classifier:{classifier}"]
    assert run_command(["evaluate", str(finished), *features, "--generated-images", "60", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert message in err


def test_a_feature_network_that_is_not_there_is_one_line(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, message in (("resnet", "unknown feature network 'resnet'"), ("classifier:no.st", "no.st")):
        assert run_command(["evaluate", str(finished), "--features", name]) == 2
        assert message in capsys.readouterr().err


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("finished") / "run"
    train_small(run)
    return run


def test_settings_that_cannot_be_measured_stop_a_run_before_it_trains(
    classifier: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="fid is not what classifier:blank measures"):
        train_small(tmp_path / "run", measured(classifier, **{"evaluation.metrics": ("fid",)}))
    assert not (tmp_path / "run").exists()
    with pytest.raises(
        UserError, match=r"looks at images of 1 channel\(s\), and these have 3; train a class"
    ):
        train_small(tmp_path / "run", measured(classifier, **{"data.channels": 3}))
    words = command_line(tmp_path / "run2", measured(classifier, **{"evaluation.metrics": "fud"}))
    assert "unknown metric 'fud'" in assert_one_line_error(*projgan(*words))


def test_two_processes_measure_the_numbers_of_one(classifier: Path, finished: Path, tmp_path: Path) -> None:
    """Shares of 31 and 30 images, gathered; the first process alone writes and prints."""
    cache = tmp_path / "cache"
    words = ["evaluate", str(finished), "--features", f"classifier:{classifier}", "--json"]
    words += ["--generated-images", "61", "--real-images", "1001", "--cache", str(cache), "--data", "digits"]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = start([*launcher, "-m", "projgan", *words])
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    two = [MetricRow.model_validate(row) for row in json.loads(out)]
    assert numbers(rows_of(finished)[-len(two) :]) == numbers(two)
    (kept,) = (cache / "references").iterdir()
    kept.unlink()  # so that one process takes the features anew
    code, out, err = projgan(*words)
    assert code == 0, err
    one = [MetricRow.model_validate(row) for row in json.loads(out)]
    assert {"fd", "kd", "precision", "coverage", "intra_fd"} < {row.metric for row in one}
    assert numbers(two) == numbers(one)


def test_images_of_any_size_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw = np.random.default_rng(0)
    for name in "0123456789":
        for index in range(6):
            pixels = draw.integers(0, 256, (1, 12, 12), dtype=np.uint8)
            write_png(to_pil(pixels), tmp_path / "images" / name / f"{index}.png")
    blank = save_blank_classifier(tmp_path / "blank.safetensors", tuple("0123456789"), 12)
    words = ["evaluate", str(tmp_path / "images"), "--data", "digits", "--features", f"classifier:{blank}"]
    words += [
        "--generated-images",
        "60",
        "--real-images",
        "300",
        "--cache",
        str(tmp_path / "cache"),
        "--json",
    ]
    assert run_command([*words, "--metrics", "fd", "accuracy_top5", "recall"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["metric"] for row in rows] == ["fd", "accuracy_top1", "accuracy_top5", "precision", "recall"]
    assert {row["measurement"]["resolution"] for row in rows} == {12}


def test_a_file_that_is_no_generator_is_called_so(
    classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "garbage.safetensors").write_bytes(b"garbage" * 50)
    features = ["--features", f"classifier:{classifier}"]
    for subject, message in (
        ("garbage.safetensors", "not a safetensors file"),
        ("gone", "gone: no such file or run, and no published model"),
    ):
        assert run_command(["evaluate", str(tmp_path / subject), *features]) == 2
        assert message in capsys.readouterr().err


def test_a_run_tells_its_numbers(classifier: Path, tmp_path: Path) -> None:
    told: list[str] = []
    train_small(tmp_path / "run", measured(classifier), said=told.append)
    rows = RunDirectory(tmp_path / "run").read_metrics()
    fds = [
        f"step {row['subject']['step']}: fd {row['value']:.4g}, intra_fd"
        for row in rows
        if row["metric"] == "fd"
    ]
    numbers = [line for line in told if line.startswith("step ")]
    assert [line[: len(fd)] for line, fd in zip(numbers, fds, strict=True)] == fds
    assert len(numbers) == 3


def test_a_checkpoint_of_other_networks_is_one_line(
    classifier: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    path = sorted((run / "checkpoints").iterdir())[0]
    state = torch.load(path, weights_only=True)
    state["average"] = {"conv.weight": torch.zeros(1)}
    torch.save(state, path)
    words = ["evaluate", str(run), "--checkpoints", "--features", f"classifier:{classifier}"]
    assert run_command(words) == 2
    assert f"{path.name}: not a checkpoint of this training" in capsys.readouterr().err


def test_images_that_are_given_are_fitted_as_the_generator_s_were(
    classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("a", 60), ("b", 200)):
        (tmp_path / "wide" / name).mkdir(parents=True)
        Image.new("L", (16, 8), value).save(tmp_path / "wide" / name / "1.png")
    source = str(tmp_path / "wide")
    train_small(tmp_path / "run", {"data.source": source, "data.fit": "pad", "training.steps": 1})
    asked: list[DataConfig] = []

    def stop(data: DataConfig, *rest: Any, **more: Any) -> None:
        asked.append(data)
        raise UserError("far enough")

    monkeypatch.setattr("projgan.measuring.measuring.load_real", stop)
    settings = EvaluationConfig(features=f"classifier:{classifier}")
    for subject in (tmp_path / "run", tmp_path / "run" / "generator.safetensors"):
        with pytest.raises(UserError, match="far enough"):
            evaluate(subject, DataConfig(source=source), settings, ONE_RANK)
    with pytest.raises(UserError, match="far enough"):
        evaluate(Path("digits"), DataConfig(source=source), settings, ONE_RANK)
    assert [data.fit for data in asked] == ["pad", "pad", "crop"]
