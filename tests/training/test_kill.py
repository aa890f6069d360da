"""Runs that are killed at any instant lose nothing that was checkpointed, and end as if they had lived."""

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

from small_runs import (
    assert_no_leftovers,
    assert_same_run,
    command_line,
    last_checkpoint,
    start,
    train_small,
)

DYING_RUNS = Path(__file__).with_name("dying_runs.py")


def die_repeatedly(run_dir: Path, plans: list[Any], changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Start the same run again and again, killing it as each plan says; how each start ended."""
    task = {"words": command_line(run_dir, changes), "plans": plans, "run_dir": str(run_dir)}
    process = start([str(DYING_RUNS)])
    out, err = process.communicate(json.dumps(task), timeout=300)
    assert process.returncode == 0, err
    assert "Traceback" not in err, err
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def newest(ended: dict[str, Any]) -> int:
    return max((int(name[5:13]) for name in ended["checkpoints"]), default=0)


def test_kills_at_random_instants_lose_nothing(uninterrupted: Path, tmp_path: Path) -> None:
    # Without kills, a start costs some 0.1 s before its first step and 0.05 s a step with its checkpoint.
    rng = random.Random(0)
    plans = [rng.uniform(0.02, 0.4) for _ in range(8)] + [None]
    changes = {"training.checkpoint_every": 1, "training.keep_checkpoints": 2}
    ends = die_repeatedly(tmp_path, plans, changes)
    assert ends[-1]["code"] == 0
    assert [ended["code"] for ended in ends].count(-signal.SIGKILL) >= 4, ends
    steps = [newest(ended) for ended in ends]
    assert steps == sorted(steps)  # nothing that was checkpointed is ever lost
    assert_same_run(uninterrupted, tmp_path)
    assert_no_leftovers(tmp_path)


def test_kills_in_the_middle_of_writing_lose_nothing(uninterrupted: Path, tmp_path: Path) -> None:
    # The first three come before the folder has a configuration; the others reach, by their counts,
    # configuration, statistics, checkpoints and networks, with only one checkpoint kept.
    first = [["write", 1], ["rename", 1], ["renamed", 1]]
    others = [[place, count] for place in ("write", "rename", "renamed") for count in (2, 3, 4, 5)]
    others += [[place, count] for place in ("row", "remove") for count in (1, 2)]
    random.Random(3).shuffle(others)
    changes = {"training.checkpoint_every": 1, "training.keep_checkpoints": 1}
    ends = die_repeatedly(tmp_path, [*first, *others, None], changes)
    assert ends[-1]["code"] == 0
    assert [ended["code"] for ended in ends[:10]] == [-signal.SIGKILL] * 10, ends
    steps = [newest(ended) for ended in ends]
    assert steps == sorted(steps)
    assert_same_run(uninterrupted, tmp_path)
    assert_no_leftovers(tmp_path)


def test_a_real_process_that_gets_a_signal_says_how_to_go_on(tmp_path: Path) -> None:
    # More steps than there is time for; the cadence of checkpoints never comes.
    endless = {"training.steps": 10**6, "training.checkpoint_every": 10**6, "optimizer.decay_end": 10**6}
    run_dir, whole, step = tmp_path / "run", tmp_path / "whole", 0
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        process = start(["-m", "projgan", *command_line(run_dir, endless)])
        wait_for_rows(run_dir, process, step + 3)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        assert out == ""
        assert "Traceback" not in err
        earlier, step = step, last_checkpoint(run_dir)["step"]
        assert step > earlier
        assert f"stopped at step {step}; the same command resumes" in err
        assert_no_leftovers(run_dir)
    changes = endless | {"training.steps": step + 5}
    train_small(whole, changes)
    train_small(run_dir, changes)
    assert_same_run(whole, run_dir)


def wait_for_rows(run_dir: Path, process: Any, step: int) -> None:
    """Wait until a run has written a row of statistics of a step or a later one."""
    deadline, stats = time.monotonic() + 90, run_dir / "stats.jsonl"
    while time.monotonic() < deadline and process.poll() is None:
        lines = stats.read_text().splitlines() if stats.exists() else []
        if lines and lines[-1].endswith("}") and json.loads(lines[-1])["step"] >= step:
            return
        time.sleep(0.02)
    raise AssertionError(f"no statistics of step {step}: {process.poll()}")
