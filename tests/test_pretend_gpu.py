"""On a GPU that is only pretended, with real numbers or none: what it refuses, waits for and launches.

A build of torch without CUDA needs a small guard for that, which is compiled here. Where there is no compiler
these tests are skipped; what is left is the meta device (test_no_waiting.py) and the tape (test_graphs.py).
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu.guard import build_guard
from small_runs import ENVIRONMENT

HERE = Path(__file__).parent / "pretend_gpu"


@pytest.fixture(scope="session")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if torch.cuda.is_available():
        pytest.skip("there is a real GPU here; benchmarks/first_gpu.py looks at it")
    built = build_guard(tmp_path_factory.mktemp("guard"))
    if isinstance(built, str):
        pytest.skip(f"no GPU can be pretended with torch {torch.__version__}: {built}")
    return built


Cases = dict[str, dict[str, dict[str, Any]]]


def cases_of(guard: Path, *checks: str) -> Cases:
    """The lines of some checks, all made in one process of their own, by check and case."""
    words = [sys.executable, str(HERE / "run_checks.py"), str(guard), *checks]
    made = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, timeout=550)
    lines = [json.loads(line) for line in made.stdout.splitlines() if line.startswith('{"check"')]
    assert made.returncode == 0, made.stderr[-2000:]
    return {check: {line["case"]: line for line in lines if line["check"] == check} for check in checks}


@pytest.fixture(scope="module")
def quick(guard: Path) -> Cases:
    return cases_of(guard, "findings", "mistakes", "counts")


def assert_all_ok(cases: dict[str, dict[str, Any]], least: int) -> None:
    assert [case for case in cases.values() if not case["ok"]] == []
    assert len(cases) >= least


def test_what_is_on_a_gpu_stays_there_and_waits_for_nothing(quick: Cases) -> None:
    assert_all_ok(quick["findings"], 8)


def test_mistakes_that_a_gpu_refuses_are_seen(quick: Cases) -> None:
    """The pretence itself must be able to fail."""
    assert_all_ok(quick["mistakes"], 7)


def test_what_is_launched_and_read_and_written(quick: Cases) -> None:
    assert_all_ok(quick["counts"], 8)


@pytest.mark.slow
def test_every_preset_of_full_size_is_asked_for_what_a_gpu_can_do(guard: Path) -> None:
    assert_all_ok(cases_of(guard, "presets")["presets"], 12)


@pytest.mark.slow
def test_every_command_runs(guard: Path) -> None:
    assert_all_ok(cases_of(guard, "commands")["commands"], 18)


@pytest.mark.slow
def test_every_condition_trains_as_on_a_cpu(guard: Path) -> None:
    assert_all_ok(cases_of(guard, "correctness")["correctness"], 38)


@pytest.mark.slow
def test_recorded_steps_are_run_steps_and_resume(guard: Path) -> None:
    assert_all_ok(cases_of(guard, "graphs")["graphs"], 9)
