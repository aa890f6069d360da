"""Published numbers beside ours: no cell that was not measured, no verdict that may not be given."""

import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import reproduce
import runs
from fabricated_runs import fabricate, metric_row
from projgan.config import RunConfig, load_config
from projgan.errors import UserError
from projgan.evaluation.rows import MetricRow
from projgan.report.intervals import Spread
from projgan.storage.run_directory import RunDirectory
from reproduction.carrying import pack, unpack
from reproduction.cells import Cell, MeasuredRun, judge, obstacle, read_cell
from reproduction.drawing import charts
from reproduction.lines import NOT_MEASURED, table_lines
from reproduction.lines import Line as ReproducedLine
from reproduction.tables import (
    MeasuredProtocol,
    Published,
    Row,
    Table,
    departure,
    load_table,
    row_config,
    table_names,
)
from small_runs import assert_same_run, save_blank_classifier, train_small


def published(value: float, metric: str = "fid", **changes: Any) -> Published:
    fields = {"by": "paper", "metric": metric, "protocol": "standard", "value": value}
    return Published.model_validate(fields | {"source": "there"} | changes)


def spread(value: float, half: float | None = 1.0) -> Spread:
    return Spread(value, half, None if half is None else "student-t", 3)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [  # intervals by hand
        (spread(10), published(10.9), "agrees"),
        (spread(10), published(11), "agrees"),
        (spread(10), published(11.1), "better"),
        (spread(10), published(8.9), "worse"),
        (spread(10), published(11.1, uncertainty=0.1), "agrees"),
        (spread(10), published(11.2, uncertainty=0.1), "better"),
        (spread(8, 0.1), published(8.2, "inception_score"), "worse"),
        (spread(8, 0.1), published(7.8, "inception_score"), "better"),
        (spread(10, None), published(10), "no interval"),
    ],
)
def test_verdicts_by_hand(ours: Spread, theirs: Published, expected: str) -> None:
    assert judge(ours, theirs) == expected


def inception_run(value: float, seed: int = 0, **changes: Any) -> MeasuredRun:
    names = {"features": "inception", "protocol": "standard"} | changes
    metric = names.pop("metric", "fid")
    rows = (MetricRow.model_validate(metric_row(metric, value, **names)),)
    return MeasuredRun(f"run-{seed}", seed, 1000, rows)


STANDARD = MeasuredProtocol(name="standard", metrics=("fid",))


def test_a_cell_is_the_mean_over_seeds_with_student_ts_interval() -> None:
    cell = read_cell(
        [inception_run(value, seed) for seed, value in enumerate((10.0, 11.0, 12.0))],
        "fid",
        STANDARD,
        "inception",
    )
    assert (cell.seeds, cell.step, cell.protocol) == ((0, 1, 2), 1000, "standard")
    assert cell.spread is not None
    assert cell.spread.value == 11
    # t(0.975, 2) = 4.30265, deviation 1, three seeds
    assert cell.spread.half_width == pytest.approx(4.30265 / math.sqrt(3), rel=1e-5)
    alone = read_cell([inception_run(10, standard_error=0.5)], "fid", STANDARD, "inception")
    assert alone.spread is not None
    assert (alone.spread.kind, alone.spread.half_width) == ("standard-error", pytest.approx(0.98, rel=1e-3))


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "fd"},
        {"features": "classifier:digits"},
        {"protocol": "paper"},
        {"protocol": "custom"},
        {"step": 999},
        {"truncation": 0.5},
    ],
)
def test_what_was_measured_otherwise_fills_no_cell(changes: dict[str, Any]) -> None:
    assert read_cell([inception_run(10, **changes)], "fid", STANDARD, "inception") == Cell("fid", "standard")


def test_seeds_measured_in_two_ways_do_not_share_a_cell() -> None:
    two = [inception_run(10, 0), inception_run(10, 1, features_sha256="e" * 64)]
    with pytest.raises(UserError, match="features_sha256"):
        read_cell(two, "fid", STANDARD, "inception")


def test_what_keeps_a_verdict_back_is_named() -> None:
    images = ("a" * 64,)  # as the fabricated measurements have it
    cell = read_cell([inception_run(10)], "fid", STANDARD, "inception")
    assert obstacle(cell, published(10), images, None) is None
    assert obstacle(cell, published(10, protocol="paper"), images, None) == "protocol standard, not paper"
    assert obstacle(cell, published(10), (), None) == "images of an unknown checksum"
    assert (
        obstacle(cell, published(10), images, "training.steps 4, not 5")
        == "trained with training.steps 4, not 5"
    )
    other = read_cell(
        [inception_run(10, metric="fd", features="classifier:x")], "fd", STANDARD, "classifier:x"
    )
    assert obstacle(other, published(10), images, None) == "features of classifier:x, not Inception"


def test_what_a_row_is_stands_above_options() -> None:
    row = Row(name="no-decay", settings={"optimizer.decay_start": None, "optimizer.decay_end": None})
    config = row_config(row, "demo", 10, {"optimizer.decay_end": 20, "training.batch_size": 4}, 0)
    assert (config.optimizer.decay_start, config.optimizer.decay_end) == (None, None)
    assert config.training.batch_size == 4


def tiny_table(**changes: Any) -> Table:
    fields: dict[str, Any] = {
        "title": "digits",
        "preset": "demo",
        "data_fingerprints": ["a" * 64],
        "protocols": [{"name": "standard", "metrics": ["fid", "intra_fid", "accuracy_top1"]}],
        "rows": [
            {"name": "projection", "published": [published(12.0).model_dump()]},
            {"name": "longer", "length": 2, "others": [published(9.0).model_dump()]},
            {"name": "unconditional", "settings": runs.method_settings("unconditional")},
        ],
    }
    return Table.model_validate(fields | changes)


def lines_of(
    table: Table, features: str, measured: dict[str, list[MeasuredRun]], steps: int | None = None
) -> list[Any]:
    configs = {row.name: row_config(row, "demo", steps, {}, 0) for row in table.rows}
    by_row = {row.name: measured.get(row.name, []) for row in table.rows}
    return list(table_lines(table, table.rows, table.protocols, configs, by_row, features))


def test_an_unmeasured_cell_stays_empty_and_gets_no_verdict() -> None:
    lines = lines_of(tiny_table(), "inception", {"projection": [inception_run(10, standard_error=0.5)]})
    shown = {
        (line.row, line.cell.metric): (line.cell.spread and line.cell.spread.value, line.verdict)
        for line in lines
    }
    assert shown == {
        ("projection", "fid"): (10, "better (one seed)"),
        ("projection", "intra_fid"): (None, ""),
        ("longer", "fid"): (None, ""),
        ("longer", "intra_fid"): (None, ""),
        ("unconditional", "fid"): (None, ""),
    }
    (empty, *_) = lines_of(tiny_table(), "inception", {})
    assert (empty.cell.spread, empty.cell.step, empty.verdict) == (None, None, NOT_MEASURED)


def test_another_networks_distance_stands_in_and_is_called_so() -> None:
    run = inception_run(10, metric="fd", features="classifier:digits", standard_error=0.5)
    lines = lines_of(tiny_table(), "classifier:digits", {"projection": [run]})
    of_projection = [
        (line.cell.metric, bool(line.cell.spread), len(line.published), line.verdict) for line in lines[:4]
    ]
    assert of_projection == [
        ("fd", True, 0, ""),
        ("fid", False, 1, NOT_MEASURED),
        ("intra_fd", False, 0, ""),
        ("accuracy_top1", False, 0, ""),
    ]


def test_a_shorter_training_and_a_single_seed_are_told() -> None:
    run = inception_run(10, standard_error=0.5)
    (line, *_) = lines_of(tiny_table(), "inception", {"projection": [run]}, steps=1000)
    assert line.verdict == "none: trained with training.steps 1000, not 1500"
    given = published(12.0).model_dump()
    (line, *_) = lines_of(
        tiny_table(rows=[{"name": "projection", "published": [given]}]), "inception", {"projection": [run]}
    )
    assert line.verdict == "better (one seed)"


@pytest.mark.parametrize("name", table_names())
def test_every_row_of_the_tables_is_a_valid_experiment(name: str) -> None:
    table = load_table(name)
    base = load_config(table.preset)
    for row in table.rows:
        config = row_config(row, table.preset, None, {}, 3)
        assert departure(table, row, config) is None
        assert config.training.seed == 3
        steps = round(base.training.steps * row.length)
        assert config.training.steps == steps
        assert config.optimizer.decay_end in (steps, None)
        small = row_config(row, "cifar10-small", 100, {"training.cpu_threads": 1}, 3)
        assert small.training.steps == round(100 * row.length)
        assert small.optimizer.decay_end in (small.training.steps, None)
        assert departure(table, row, small) == f"training.steps {small.training.steps}, not {steps}"
        for each in (*row.published, *row.others):
            assert table.data_fingerprints
            (known,) = [protocol for protocol in table.protocols if protocol.name == each.protocol]
            assert each.metric in known.metrics


def test_the_papers_table_is_as_it_was_published() -> None:
    """Those numbers of table 3 that public pages repeat; the others could not be read and are not there."""
    expected = {
        "cifar10": {
            "projection": {"fid": 17.5, "inception_score": 8.62},
            "input-concat": {"fid": 19.2},
            "hidden-concat": {"fid": 19.2},
            "ac-gan": {},
        },
        "cifar100": {
            "projection": {"fid": 23.2},
            "input-concat": {"fid": 31.4},
            "hidden-concat": {"fid": 24.8},
            "ac-gan": {},
        },
    }
    for name, rows in expected.items():
        table = {row.name: row for row in load_table(name).rows}
        for row, values in rows.items():
            assert {each.metric: each.value for each in table[row].published} == values
            assert all("table 3, as repeated by" in each.source for each in table[row].published)


def test_a_table_with_a_mistake_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    good = tiny_table().model_dump(mode="json")
    for change in (
        {"rows": [good["rows"][0]] * 2},
        {"protocols": [{"name": "standard", "metrics": ["fidd"]}]},
        {"published": 1},
    ):
        path.write_text(yaml.safe_dump(good | change))
        with pytest.raises(UserError, match=r"mine\.yaml: "):
            load_table(str(path))
    with pytest.raises(UserError, match="did you mean 'cifar10'"):
        load_table("cifar-10")
    with pytest.raises(UserError, match="written section"):
        row_config(Row(name="a", settings={"steps": 3}), "demo", None, {}, 0)


Fake = Callable[..., int]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that leave what the true ones would, at once; returns what was called."""
    called: list[list[str]] = []

    def call(words: Sequence[str], deadline: float | None = None) -> int:
        called.append(list(words))
        if words[0] == "train":
            config = load_config(words[1])
            if config.training.seed == 13:
                return 143
            path = Path(words[3])
            made = fabricate(path, step=config.training.steps)
            RunDirectory(made).save_config(config)
            return 0
        run, options = RunDirectory(Path(words[1])), list(words)
        names = options[options.index("--metrics") + 1 :]
        step = load_config(str(run.config)).training.steps
        rows = [metric_row(name, 10.0, step, protocol="custom", generated_images=64) for name in names]
        run.append_metrics(rows)
        return 0

    monkeypatch.setattr(runs, "call", call)
    monkeypatch.setattr(reproduce, "call", call)
    monkeypatch.setattr(reproduce, "refuse_stranger", lambda *given: None)
    return called


def write_tiny(folder: Path) -> str:
    fields = tiny_table().model_dump(mode="json")
    fields["protocols"][0] |= {"generated_images": 64}
    fields["rows"].append({"name": "same", "settings": {"training.ema_decay": 0.99}})
    (folder / "tiny.yaml").write_text(yaml.safe_dump(fields))
    return str(folder / "tiny.yaml")


def test_what_is_there_is_not_made_again(fake: list[list[str]], tmp_path: Path) -> None:
    table = write_tiny(tmp_path)
    choices: dict[str, Any] = {
        "data": "digits",
        "features": "classifier:digits.safetensors",
        "out": tmp_path / "out",
    }
    code = reproduce.reproduce(table, seeds=(0, 13), **choices)
    assert code == 143
    trained = [Path(words[3]).name for words in fake if words[0] == "train"]
    assert trained == [
        f"{row}-seed{seed}" for seed in (0, 13) for row in ("projection", "longer", "unconditional")
    ]
    evaluated = {Path(words[1]).name: words for words in fake if words[0] == "evaluate"}
    assert set(evaluated) == {"projection-seed0", "longer-seed0", "unconditional-seed0"}
    assert (
        evaluated["projection-seed0"][-6:]
        == "--generated-images 64 --metrics fd intra_fd accuracy_top1".split()
    )
    assert evaluated["unconditional-seed0"][-2:] == ["--metrics", "fd"]
    page = json.loads((tmp_path / "out" / "table" / "table.json").read_text())
    values = {(line["row"], line["metric"]): (line["value"], line["seeds"]) for line in page["lines"]}
    assert values["projection", "fd"] == values["same", "fd"] == (10, [0])
    assert values["projection", "fid"] == (None, [])
    assert page["facts"]["runs"] == "3 of 6 trained to their end"
    fake.clear()
    assert reproduce.reproduce(table, seeds=(0,), **choices) == 0
    assert fake == []
    text = (tmp_path / "out" / "table" / "table.md").read_text()
    assert (
        "| `projection` | `fd` | standard with 64 generated images | 1,500 | 10.0 (1 seed) |  |  |  |" in text
    )
    assert (
        "| `projection` | `fid` | standard with 64 generated images |  |  | 12 [1] |  | not measured |"
        in text
    )
    with pytest.raises(UserError, match="training\\.batch_size 64, not 8; choose"):
        reproduce.reproduce(table, options=("training.batch_size=8",), **choices)


def test_a_classifier_of_other_classes_is_refused_before_any_training(tmp_path: Path) -> None:
    save_blank_classifier(tmp_path / "small.safetensors", class_names=("cat", "dog"))
    words: dict[str, Any] = {"data": "digits", "out": tmp_path / "out"}
    for features, said in {
        f"classifier:{tmp_path / 'small.safetensors'}": "small was not trained on the classes of digits",
        f"classifier:{tmp_path / 'none.safetensors'}": "none.safetensors",
    }.items():
        with pytest.raises(UserError, match=said):
            reproduce.reproduce(write_tiny(tmp_path), features=features, **words)
    assert not (tmp_path / "out").exists()


def test_no_time_makes_nothing_but_the_table(fake: list[list[str]], tmp_path: Path) -> None:
    code = reproduce.reproduce(write_tiny(tmp_path), data="digits", seconds=0, out=tmp_path / "out")
    assert code == 0
    assert fake == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["table"]


def test_a_command_is_asked_to_stop_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    true_popen = subprocess.Popen
    monkeypatch.setattr(runs.subprocess, "Popen", lambda words, **rest: true_popen(sleeper, **rest))
    start = time.monotonic()
    assert runs.call(["train"], start + 0.2) == -15
    assert time.monotonic() - start < 10
    assert runs.call(["train"], start) == runs.STOPPED


def test_a_carried_run_goes_on_to_the_same_end(tmp_path: Path) -> None:
    train_small(tmp_path / "whole")
    train_small(tmp_path / "one" / "run", {"training.steps": 10})
    pack(tmp_path / "one" / "run", False, tmp_path / "bag")
    carried = sorted(path.name for path in (tmp_path / "bag" / "run").rglob("*") if path.is_file())
    assert carried == ["config.yaml", "generator.safetensors", "stats.jsonl", "step-00000010.pt"]
    unpack(tmp_path / "two" / "run", tmp_path / "bag")
    train_small(tmp_path / "two" / "run")
    assert_same_run(tmp_path / "two" / "run", tmp_path / "whole")
    unpack(tmp_path / "two" / "run", tmp_path / "bag")  # behind, so it brings nothing
    assert_same_run(tmp_path / "two" / "run", tmp_path / "whole")
    pack(tmp_path / "two" / "run", True, tmp_path / "bag")
    carried = sorted(path.name for path in (tmp_path / "bag" / "run").rglob("*") if path.is_file())
    assert carried == ["config.yaml", "generator.safetensors", "stats.jsonl"]
    shutil.rmtree(tmp_path / "one" / "run")
    unpack(tmp_path / "one" / "run", tmp_path / "bag")
    config: RunConfig = load_config(str(tmp_path / "whole" / "config.yaml"))
    assert runs.is_finished(tmp_path / "one" / "run", config)
    pack(tmp_path / "never", False, tmp_path / "bag")
    unpack(tmp_path / "never", tmp_path / "bag")
    assert not (tmp_path / "never").exists()


@pytest.mark.slow
def test_a_table_of_digits_from_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    script = Path(__file__).parents[1] / "benchmarks" / "reproduce.py"
    features = tmp_path / "digits.safetensors"
    made = [sys.executable, "-m", "projgan", "classifier", "digits", "--epochs", "1", "--out", str(features)]
    subprocess.run(made, check=True, capture_output=True)
    tiny = "training.batch_size=4 generator.width=4 discriminator.width=4".split()
    words = [
        sys.executable,
        str(script),
        write_tiny(tmp_path),
        "--data",
        "digits",
        "--steps",
        "4",
        "--threads",
        "1",
    ]
    words += [
        "--rows",
        "projection",
        "same",
        "--features",
        f"classifier:{features}",
        "--out",
        str(tmp_path / "out"),
    ]
    done = subprocess.run([*words, "--options", *tiny], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = json.loads((tmp_path / "out" / "table" / "table.json").read_text())
    values = {(line["row"], line["metric"]): line["value"] for line in page["lines"]}
    assert values["projection", "fd"] == values["same", "fd"] > 0
    assert values["projection", "fid"] is None
    assert page["lines"][0]["values"] == [page["lines"][0]["value"]]
    chart = (tmp_path / "out" / "table" / "fd-standard-with-64-generated-images.svg").read_text()
    assert "projection" in chart
    assert "same" in chart
    assert str(tmp_path) not in page["facts"]["command"]


def test_protocols_that_differ_in_their_real_images_share_no_cell_and_no_chart() -> None:
    few, many = (
        MeasuredProtocol(name="paper", metrics=("fid",), real_images=count, generated_images=64)
        for count in (200, 1_000)
    )
    measured = inception_run(10, protocol="custom", generated_images=64, real_images=200)
    assert read_cell([measured], "fid", few, "inception").spread is not None
    assert read_cell([measured], "fid", many, "inception").spread is None
    cells = [
        Cell("fid", protocol.title, spread(10.0 + place), (10.0 + place,))
        for protocol in (few, many)
        for place in range(2)
    ]
    lines = [ReproducedLine(f"row-{index % 2}", cell) for index, cell in enumerate(cells)]
    names = [name for name, _ in charts(lines)]
    assert names == [
        f"fid-paper-with-{count}-real-images-64-generated-images.svg" for count in ("200", "1-000")
    ]
    assert list(charts(lines[:1])) == []
