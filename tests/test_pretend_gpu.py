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


def cases_of(guard: Path, check: str) -> dict[str, dict[str, Any]]:
    """The lines of a check, made in a process of its own."""
    words = [sys.executable, str(HERE / "run_checks.py"), str(guard), check]
    made = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, timeout=550)
    lines = [json.loads(line) for line in made.stdout.splitlines() if line.startswith('{"check"')]
    assert made.returncode == 0, made.stderr[-2000:]
    return {line["case"]: line for line in lines}


def assert_all_ok(cases: dict[str, dict[str, Any]], least: int) -> None:
    assert [case for case in cases.values() if not case["ok"]] == []
    assert len(cases) >= least


def test_what_is_on_a_gpu_stays_there_and_waits_for_nothing(guard: Path) -> None:
    assert_all_ok(cases_of(guard, "findings"), 8)


def test_mistakes_that_a_gpu_refuses_are_seen(guard: Path) -> None:
    """The pretence itself must be able to fail."""
    assert_all_ok(cases_of(guard, "mistakes"), 7)


def test_what_is_launched_and_read_and_written(guard: Path) -> None:
    assert_all_ok(cases_of(guard, "counts"), 7)


@pytest.mark.slow
def test_every_preset_of_full_size_is_asked_for_what_a_gpu_can_do(guard: Path) -> None:
    assert_all_ok(cases_of(guard, "presets"), 12)


@pytest.mark.slow
def test_every_command_runs(guard: Path) -> None:
    assert_all_ok(cases_of(guard, "commands"), 17)


@pytest.mark.slow
def test_every_condition_trains_as_on_a_cpu(guard: Path) -> None:
    assert_all_ok(cases_of(guard, "correctness"), 38)


@pytest.mark.slow
def test_recorded_steps_are_run_steps_and_resume(guard: Path) -> None:
    assert_all_ok(cases_of(guard, "graphs"), 9)
