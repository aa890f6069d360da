"""`projgan finetune` from a tiny run to a run like any other, bit for bit, and what it refuses."""

import json
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from projgan.cli import run_command
from projgan.config import RunConfig, dump_config, load_config
from projgan.errors import UserError
from projgan.files import file_sha256
from projgan.generation.sampling import sample
from projgan.listening import Listener, Progress
from projgan.pictures.pixels import to_float
from projgan.report.methods import group_runs
from projgan.report.runs import read_runs
from projgan.storage.network_file import load_classifier, load_generator, save_network, weights_sha256
from projgan.storage.run_directory import RunDirectory
from projgan.storage.teachers import teachers_of
from projgan.training.finetuning import choose_run_dir, finetuned_config
from projgan.training.request import FinetuningRequest
from projgan.training.run import train
from small_runs import (
    ONE_RANK,
    assert_no_leftovers,
    assert_one_line_error,
    assert_same_run,
    changed,
    differences,
    files_of,
    last_checkpoint,
    read_rows,
    save_blank_classifier,
    start,
    train_small,
)

DIGITS = tuple("0123456789")
DYING_RUNS = Path(__file__).with_name("dying_runs.py")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 8 steps, and classifiers that know nothing; not to be written to."""
    folder = tmp_path_factory.mktemp("finetuning")
    train_small(folder / "run", {"training.steps": 8, "training.checkpoint_every": 3})
    torch.manual_seed(4)
    save_blank_classifier(folder / "guide.safetensors", DIGITS)
    save_blank_classifier(folder / "other.safetensors", DIGITS)
    save_blank_classifier(folder / "large.safetensors", DIGITS, resolution=16)
    save_blank_classifier(folder / "fewer.safetensors", DIGITS[:9])
    save_blank_classifier(folder / "turned.safetensors", DIGITS[::-1])
    save_blank_classifier(folder / "letters.safetensors", tuple("abcdefghij"))
    return folder


@pytest.fixture
def finetune(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command on the run, from a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, run: str = "run", guide: str = "guide") -> tuple[int, str, str]:
        given = ["finetune", str(folder / run), "--classifier", str(folder / f"{guide}.safetensors")]
        code = run_command([*given, "--run-dir", "out", *words])
        return code, *capsys.readouterr()

    return run


def request_of(folder: Path, **changes: object) -> FinetuningRequest:
    return changed(FinetuningRequest(classifier=folder / "guide.safetensors", steps=7), **changes)


@pytest.fixture(scope="module")
def finetuned(folder: Path) -> Path:
    """The run after 7 more steps at weight 2, which nothing disturbed; not to be written to."""
    train(finetuned_config(folder / "run", request_of(folder, weight=2.0)), folder / "finetuned", ONE_RANK)
    return folder / "finetuned"


def test_weight_zero_is_training_on_bit_for_bit(folder: Path, tmp_path: Path) -> None:
    config = finetuned_config(folder / "run", request_of(folder, weight=0.0))
    train(config, tmp_path / "zero", ONE_RANK)
    plain = config.model_copy(update={"finetuning": type(config.finetuning)()})
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/config.yaml").write_text(dump_config(plain))
    shutil.copytree(folder / "run/checkpoints", tmp_path / "plain/checkpoints")
    train(plain, tmp_path / "plain", ONE_RANK)
    assert last_checkpoint(tmp_path / "zero")["step"] == 15
    assert_same_run(tmp_path / "zero", tmp_path / "plain")


def test_both_networks_optimisers_and_the_average_are_those_of_the_run(folder: Path, tmp_path: Path) -> None:
    # At a rate near zero nothing but the moments and the statistics of the norms can move.
    config = finetuned_config(folder / "run", request_of(folder, steps=1, learning_rate=1e-30))
    train(config, tmp_path, ONE_RANK)
    before, after = last_checkpoint(folder / "run"), last_checkpoint(tmp_path)
    for part in ("generator", "discriminator"):
        moving = ("running_mean", "running_var", "u", "sigma")
        kept = {name for name in before[part] if name.split(".")[-1] not in moving}
        assert len(kept) > 5
        for name in kept:
            assert torch.equal(before[part][name], after[part][name]), name
    steps = [state["generator_optimizer"]["state"][0]["step"] for state in (before, after)]
    assert [float(step) for step in steps] == [8, 9]


def test_a_weight_changes_the_generator_and_writes_nothing_where_it_came_from(
    folder: Path, tmp_path: Path
) -> None:
    before = files_of(folder)
    for weight in (0.0, 1.0):
        train(
            finetuned_config(folder / "run", request_of(folder, weight=weight)),
            tmp_path / str(weight),
            ONE_RANK,
        )
    assert files_of(folder) == before
    one, other = (last_checkpoint(tmp_path / weight)["generator"] for weight in ("0.0", "1.0"))
    assert differences(one, other) != []


def test_the_generator_learns_what_its_guide_wants(folder: Path, tmp_path: Path) -> None:
    """A guide that nobody taught, so that nothing but its gradient leads to its classes."""
    guide, description = load_classifier(folder / "guide.safetensors")
    with torch.no_grad():
        guide.linear.weight *= 100  # or its logits would hardly depend on the image
        guide.linear.bias.zero_()
    save_network(guide, description, tmp_path / "guide.safetensors")
    labels = torch.arange(100) % 10
    errors = {}
    for weight in (0.0, 10.0):
        request = request_of(
            folder, classifier=tmp_path / "guide.safetensors", weight=weight, steps=40, learning_rate=2e-3
        )
        train(finetuned_config(folder / "run", request), tmp_path / str(weight), ONE_RANK)
        generator, _ = load_generator(tmp_path / str(weight) / "generator.safetensors")
        images = torch.cat(list(sample(generator, list(range(100)), labels)))
        with torch.inference_mode():
            errors[weight] = torch.nn.functional.cross_entropy(guide(to_float(images)), labels).item()
    assert errors[10.0] < 0.8 * errors[0.0], errors


@pytest.mark.parametrize("stop", [1, 3, 6])
def test_a_stopped_run_ends_as_the_one_that_was_not(
    folder: Path, finetuned: Path, tmp_path: Path, stop: int
) -> None:
    config = finetuned_config(folder / "run", request_of(folder, weight=2.0))

    def interrupt(progress: Progress) -> None:
        if progress.step == 8 + stop:
            signal.raise_signal(signal.SIGTERM)

    result = train(config, tmp_path, ONE_RANK, Listener(stepped=interrupt))
    assert (result.step, result.exit_code) == (8 + stop, 143)
    assert train(config, tmp_path, ONE_RANK).exit_code == 0
    assert_same_run(finetuned, tmp_path)


def test_kills_lose_nothing(folder: Path, finetuned: Path, tmp_path: Path) -> None:
    """At random instants and in the middle of writing, also before the first checkpoint of its own."""
    words = ["finetune", str(folder / "run"), "--classifier", str(folder / "guide.safetensors")]
    words += ["--weight", "2", "--steps", "7", "--run-dir", str(tmp_path)]
    plans = [
        ["write", 1],
        ["renamed", 1],
        ["row", 1],
        ["write", 2],
        ["rename", 2],
        ["renamed", 3],
        ["row", 1],
    ]
    plans += [random.Random(0).uniform(0.02, 0.4), None]
    process = start([str(DYING_RUNS)])
    task = {"words": words, "plans": plans, "run_dir": str(tmp_path)}
    out, err = process.communicate(json.dumps(task), timeout=300)
    assert process.returncode == 0, err
    ends = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [ended["code"] for ended in ends].count(-signal.SIGKILL) >= 6, ends
    assert ends[-1]["code"] == 0, err
    assert_same_run(finetuned, tmp_path)
    assert_no_leftovers(tmp_path)


def test_the_run_says_where_it_came_from(folder: Path, finetuned: Path) -> None:
    settings = yaml.safe_load((finetuned / "config.yaml").read_text())
    checkpoint = folder / "run/checkpoints/step-00000008.pt"
    assert settings["finetuning"] == {
        "classifier_weight": 2.0,
        "classifier": str(folder / "guide.safetensors"),
        "classifier_sha256": file_sha256(folder / "guide.safetensors"),
        "imagenet_classes": None,
        "run": str(folder / "run"),
        "step": 8,
        "checkpoint_sha256": file_sha256(checkpoint),
    }
    assert settings["training"]["steps"] == 15
    assert [row["step"] for row in read_rows(finetuned)] == [9, 12, 15]
    _, description = load_generator(finetuned / "generator.safetensors")
    said = description.provenance.settings["finetuning"]
    assert (said["run"], said["classifier"]) == ("run", "guide.safetensors")  # no folder of this machine
    assert str(folder) not in description.model_dump_json()
    assert (description.provenance.step, description.provenance.images_seen) == (15, 15 * 8 * 2)


def test_the_rate_starts_as_the_runs_and_falls_to_zero_with_the_steps(folder: Path) -> None:
    """The small run's rate is 5e-4, and has fallen since its step 4."""

    def config_of(**changes: object) -> RunConfig:
        return finetuned_config(folder / "run", request_of(folder, **changes))

    settings = config_of().optimizer
    assert (settings.learning_rate, settings.decay_start, settings.decay_end) == (5e-4, 8, 15)
    assert config_of(learning_rate=1e-5).optimizer.learning_rate == 1e-5
    assert config_of(steps=None).training.steps == 9  # an eighth of 8
    devices = [config_of(device=device).training.device for device in (None, "cuda")]
    assert devices == ["cpu", "cuda"]


@pytest.mark.parametrize(
    ("weight", "remedy"),
    [
        (0.0, "a lower optimizer.learning_rate in another --run-dir may help"),
        (
            1e39,  # more than float32 holds
            "a lower optimizer.learning_rate or --weight of `projgan finetune` (here 1e+39) in another "
            "--run-dir may help",
        ),
    ],
)
def test_what_diverges_names_all_that_may_be_the_cause(
    folder: Path, tmp_path: Path, weight: float, remedy: str
) -> None:
    request = request_of(folder, weight=weight, learning_rate=None if weight else 1e30)
    with pytest.raises(UserError, match=r"^step \d+: a (loss|weight) is not finite") as caught:
        train(finetuned_config(folder / "run", request), tmp_path / "run", ONE_RANK)
    assert str(caught.value).endswith(remedy)


def test_the_classifier_stays_as_it_is(folder: Path, tmp_path: Path) -> None:
    classifier, _ = load_classifier(folder / "guide.safetensors")
    before, file = weights_sha256(classifier), file_sha256(folder / "guide.safetensors")
    train(finetuned_config(folder / "run", request_of(folder, steps=2)), tmp_path, ONE_RANK)
    assert weights_sha256(load_classifier(folder / "guide.safetensors")[0]) == before
    assert file_sha256(folder / "guide.safetensors") == file


def test_the_same_command_again_has_nothing_left_to_do_and_more_steps_go_on(finetune: Command) -> None:
    code, out, err = finetune("--steps", "2", "--json")
    assert (code, json.loads(out)) == (
        0,
        {"step": 10, "generator": "out/generator.safetensors", "finished": True},
    )
    assert "starting from" in err
    files = files_of(Path("out"))
    code, out, err = finetune("--steps", "2")
    assert (code, out) == (0, "out/generator.safetensors\n")
    assert "resuming out at step 10" in err
    assert files_of(Path("out")) == files
    assert finetune("--steps", "4")[0] == 0
    assert last_checkpoint(Path("out"))["step"] == 12


def test_its_folder_is_beside_the_run_if_not_given(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "demo")
    words = ["finetune", str(tmp_path / "demo"), "--classifier", str(folder / "guide.safetensors")]
    assert run_command([*words, "--steps", "1"]) == 0
    assert (tmp_path / "demo-finetuned/generator.safetensors").is_file()
    assert choose_run_dir(tmp_path / "demo/../demo/", None) == tmp_path / "demo-finetuned"
    assert choose_run_dir(tmp_path / "demo", tmp_path / "other") == tmp_path / "other"
    with pytest.raises(UserError, match="the run that this starts from"):
        choose_run_dir(tmp_path / "demo", tmp_path / "x/../demo")


def test_a_finetuned_run_is_finetuned_again(finetuned: Path, folder: Path, tmp_path: Path) -> None:
    request = FinetuningRequest(classifier=folder / "other.safetensors", steps=1)
    assert train(finetuned_config(finetuned, request), tmp_path / "again", ONE_RANK).step == 16
    both = tuple(file_sha256(folder / f"{name}.safetensors") for name in ("guide", "other"))
    assert teachers_of(yaml.safe_load((tmp_path / "again/config.yaml").read_text())) == both
    third = finetuned_config(tmp_path / "again", request_of(folder, steps=1))
    assert teachers_of(third.model_dump()) == both
    methods = group_runs(read_runs([finetuned, tmp_path / "again"]))
    assert not any("earlier_teachers" in method.settings for method in methods)


def test_a_run_is_no_fair_subject_of_what_taught_the_weights_it_started_from(
    folder: Path, finetuned: Path, tmp_path: Path
) -> None:
    guide = file_sha256(folder / "guide.safetensors")
    shutil.copytree(finetuned, tmp_path / "first")
    changes = {
        "training.start_from": str(tmp_path / "first"),
        "evaluation.every": 1,
        "evaluation.generated_images": 20,
        "evaluation.metrics": ("fd",),
        "evaluation.features": f"classifier:{folder / 'guide.safetensors'}",
    }
    train_small(tmp_path / "second", changes | {"training.steps": 1})
    shutil.rmtree(tmp_path / "first")  # a run goes on without what it started from
    train_small(tmp_path / "second", changes | {"training.steps": 2})
    rows = RunDirectory(tmp_path / "second").read_metrics()
    assert [row["subject"]["teachers"] for row in rows] == [[guide]] * 2
    _, description = load_generator(tmp_path / "second/generator.safetensors")
    assert teachers_of(description.provenance.settings) == (guide,)
    third = finetuned_config(tmp_path / "second", FinetuningRequest(classifier=folder / "other.safetensors"))
    assert teachers_of(third.model_dump()) == (guide, file_sha256(folder / "other.safetensors"))


def test_every_command_takes_the_run(
    folder: Path, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finetuned, tmp_path / "tuned")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    measured = ["--features", f"classifier:{folder / 'other.safetensors'}", "--generated-images", "40"]
    assert run_command(["sample", "tuned", "--count", "2", "--out", "grid.png"]) == 0
    assert run_command(["evaluate", "tuned", *measured, "--metrics", "fd", "accuracy_top1"]) == 0
    assert run_command(["morph", "tuned", "--classes", "1", "2", "--out", "morph.png"]) == 0
    assert run_command(["inspect", "tuned", "--generated-per-class", "3"]) == 0
    assert run_command(["compare", "tuned", str(folder / "run"), "--out", "report"]) == 0
    for name in ("grid.png", "morph.png", "inspection/most-real.png"):
        assert Image.open(name).size[0] > 0
    report = json.loads(Path("report/report.json").read_text())
    assert [method["name"] for method in report["methods"]] == [
        "classifier weight 2.0",
        "classifier weight off",
    ]
    words = ["train", "tuned/config.yaml", "--run-dir", "tuned", "--dry-run", "--json"]
    assert run_command(words) == 0


def test_seeds_of_one_weight_are_one_method(folder: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        train_small(tmp_path / f"run{seed}", {"training.steps": 1, "training.seed": seed})
        request = request_of(folder, steps=1)
        train(finetuned_config(tmp_path / f"run{seed}", request), tmp_path / f"tuned{seed}", ONE_RANK)
    methods = group_runs(read_runs([tmp_path / "tuned0", tmp_path / "tuned1"]))
    assert [len(method.runs) for method in methods] == [2]


@pytest.mark.parametrize(
    ("guide", "message"),
    [
        (
            "large",
            r"a classifier of resolution 16, but the images of the run have resolution 8; train one with",
        ),
        ("fewer", r"a classifier of 9 classes, but the run has 10; train one on the run's own data"),
        ("turned", r"but in another order (class 0 is 9, not 0); train one"),
        ("letters", r"but other ones (class 0 is a, not 0); train one"),
        ("none", r"none.safetensors: no such file; make one with `projgan classifier DATA`"),
        ("run/generator", "holds a generator, not a classifier"),
    ],
)
def test_a_classifier_of_other_images_is_refused_and_leaves_no_folder(
    finetune: Command, guide: str, message: str
) -> None:
    code, out, err = finetune(guide=guide)
    assert message in assert_one_line_error(code, out, err)
    assert not Path("out").exists()


def test_a_run_that_cannot_be_guided_is_refused(folder: Path, finetune: Command, tmp_path: Path) -> None:
    plain = {"generator.condition": None, "discriminator.condition": "unconditional"}
    train_small(tmp_path / "unconditional", plain | {"training.steps": 1})
    (tmp_path / "young").mkdir()
    shutil.copy(folder / "run/config.yaml", tmp_path / "young")
    for run, message in (
        ("unconditional", "generator.condition None: fine-tune a run of class labels"),
        ("young", "has not reached a checkpoint, so there is nothing to fine-tune"),
        ("nowhere", "no such file or run"),
    ):
        code, _, err = finetune(run=str(tmp_path / run))
        assert code == 2
        assert len(err.splitlines()) == 1
        assert message in err, err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--weight", "-1"], "--weight is -1;"),
        (["--weight", "inf"], "--weight is inf"),
        (["--steps", "0"], "--steps is 0; it must be at least 1"),
        (["--learning-rate", "0"], "--learning-rate is 0;"),
    ],
)
def test_numbers_out_of_range_are_refused(finetune: Command, words: list[str], message: str) -> None:
    code, _, err = finetune(*words)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1


def test_what_would_be_another_run_is_refused(finetune: Command) -> None:
    assert finetune("--steps", "1")[0] == 0
    assert "finetuning.classifier_weight 1.0, not 3.0" in finetune("--steps", "1", "--weight", "3")[2]
    assert "finetuning.classifier_sha256" in finetune("--steps", "1", guide="other")[2]


def test_files_that_changed_under_a_run_are_told(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    shutil.copy(folder / "guide.safetensors", tmp_path)
    request = FinetuningRequest(classifier=tmp_path / "guide.safetensors", steps=1)
    (tmp_path / "config.yaml").write_text(dump_config(finetuned_config(tmp_path / "run", request)))
    train_small(tmp_path / "run", {"training.steps": 14, "training.keep_checkpoints": 1})
    words = ["train", str(tmp_path / "config.yaml"), "--run-dir", str(tmp_path / "out")]
    with pytest.raises(Exception, match=r"step-00000008\.pt: not the checkpoint that this run was to start"):
        train(load_config(words[1]), tmp_path / "out", ONE_RANK)
    train_small(tmp_path / "another", {"training.steps": 8, "training.seed": 1})
    shutil.copy(tmp_path / "another/checkpoints/step-00000008.pt", tmp_path / "run/checkpoints")
    with pytest.raises(Exception, match=r"step-00000008\.pt: not the checkpoint that this run was to start"):
        train(load_config(words[1]), tmp_path / "out", ONE_RANK)
    shutil.copy(folder / "other.safetensors", tmp_path / "guide.safetensors")
    with pytest.raises(Exception, match=r"not the classifier that this run began with"):
        train(load_config(words[1]), tmp_path / "out", ONE_RANK)
    assert not (tmp_path / "out").exists()


def test_a_configuration_has_all_of_it_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "half.yaml").write_text("finetuning: {classifier_weight: 1.0}")
    with pytest.raises(Exception, match=r"its keys go together; let `projgan finetune RUN"):
        load_config(str(tmp_path / "half.yaml"))
