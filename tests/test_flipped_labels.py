"""The arithmetic of `benchmarks/flipped_labels.py`, and the whole of it at the smallest size."""

import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import binomtest

import projgan
from projgan.cli import run_command

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "flipped_labels.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    specification = spec_from_file_location("flipped_labels", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_as_many_labels_as_asked_are_flipped_to_others_alike(benchmark: ModuleType) -> None:
    labels = np.arange(10_000) % 5
    changed = benchmark.flip(labels, 5, 0.3, seed=1)
    moved = (changed - labels) % 5
    assert (moved != 0).sum() == 3000
    assert np.abs(np.bincount(moved, minlength=5)[1:] - 750).max() < 100
    assert np.array_equal(changed, benchmark.flip(labels, 5, 0.3, seed=1))
    assert not np.array_equal(changed, benchmark.flip(labels, 5, 0.3, seed=2))


def test_flips_are_counted_among_the_first_suspects(benchmark: ModuleType, tmp_path: Path) -> None:
    header = ["label", "posterior: a", "posterior: b", "r(y|x): a", "r(y|x): b"]
    header += ["log p(y|x): a", "log p(y|x): b"]
    rows = [
        ["a", 0, 0, 1, 3, 0, -5],
        ["b", 0, 0, 1, 3, 0, 0],
        ["b", 0, 0, 2, 2, 4, 0],
        ["a", 0, 0, 0, 1, 0, 1],
    ]
    with (tmp_path / "inspection.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    scores = benchmark.read_scores(tmp_path / "inspection.csv")
    assert {name: values.tolist() for name, values in scores.items()} == {
        "r(y|x) and p(y|x)": [-3, -2, 4, 2],
        "r(y|x) alone": [2, -2, 0, 1],
        "p(y|x) alone": [-5, 0, 4, 1],
    }
    flipped = np.array([False, False, True, True])
    assert benchmark.found_in(0.25, scores["r(y|x) and p(y|x)"], flipped) == 1
    assert benchmark.found_in(0.5, scores["r(y|x) and p(y|x)"], flipped) == 2
    assert benchmark.found_in(0.5, scores["r(y|x) alone"], flipped) == 1


@pytest.mark.parametrize(("found", "of"), [(0, 90), (45, 90), (217, 270), (90, 90)])
def test_the_interval_is_scipys(benchmark: ModuleType, found: int, of: int) -> None:
    expected = binomtest(found, of).proportion_ci(method="wilson")
    assert benchmark.wilson(found, of) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_commands_are_run_as_a_person_would_and_tell_of_failure(
    benchmark: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    benchmark._call(["--version"])
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", f"projgan --version\n{projgan.__version__}\n")
    with pytest.raises(subprocess.CalledProcessError):
        benchmark._call(["trian"])


@pytest.mark.slow
def test_the_whole_benchmark(
    benchmark: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def call(words: Sequence[str]) -> None:
        small = ["--generated-per-class", "20"] if words[0] == "inspect" else []
        with redirect_stdout(sys.stderr):
            assert run_command([*words, *small]) == 0

    monkeypatch.setattr(benchmark, "_call", call)
    options = "training.steps=2 training.batch_size=4 training.generator_batch_size=4 generator.width=4"
    settings = (*options.split(), "discriminator.width=4")
    methods = ("projection", "ac-gan")
    assert (
        benchmark.flipped_labels("demo", data="digits", methods=methods, out=tmp_path, options=settings) == 0
    )
    results = json.loads((tmp_path / "flipped-labels.json").read_text())
    assert [(result["method"], result["score"]) for result in results] == [
        ("projection", "r(y|x) and p(y|x)"),
        ("projection", "r(y|x) alone"),
        ("projection", "p(y|x) alone"),
        ("ac-gan", "classifier"),
    ]
    assert {result["flipped"] for result in results} == {90}
    assert "| by chance | | | 5% | 10% |" in capsys.readouterr().out
