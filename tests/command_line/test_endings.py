"""How a process ends when a disk, a pipe or the memory does: in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from projgan.commands import progress
from small_runs import (
    ENVIRONMENT,
    Run,
    assert_one_line_error,
    brief,
    files_of,
    start,
    train_small,
)


def test_a_full_disk_in_a_real_process_is_one_line(tmp_path: Path) -> None:
    # Files may grow to 100 kB, which the checkpoint (220 kB) does not fit into.
    script = (
        "import resource, signal, sys\n"
        "from projgan.cli import run_command\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "sys.exit(run_command(sys.argv[1:]))\n"
    )
    # No other file may be cut short: neither compiled modules, which would stay, nor coverage's.
    others = {"PYTHONDONTWRITEBYTECODE": "1", "COVERAGE_PROCESS_CONFIG": "", "COVERAGE_PROCESS_START": ""}
    process = start(["-c", script, *brief(str(tmp_path / "run"))], **others)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert "Traceback" not in err
    line = next(line for line in err.splitlines() if line.startswith("projgan: "))
    assert "step-00000002.pt: cannot be written" in line
    assert sorted(path for path in files_of(tmp_path / "run") if path.startswith("checkpoints")) == []
    assert list((tmp_path / "run").rglob("*.tmp")) == []
    train_small(tmp_path / "run", {"training.steps": 2})  # with room again, it goes on


def test_a_pipe_that_closes_is_no_traceback(tmp_path: Path) -> None:
    process = start(["-m", "projgan", "data", "describe", "digits"])
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.wait(timeout=60)
    assert "Traceback" not in err, err
    assert "Exception" not in err, err


def test_an_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "projgan", "data", "describe", "digits"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            check=False,
        )
    assert process.returncode == 2
    assert process.stderr.splitlines() == ["projgan: output: No space left on device"]


def test_a_message_after_an_unfinished_progress_line_has_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress._LinePerUpdate().write("\rtraining: 10%")
    progress.Say.line("few images")
    progress.Say.line("another")
    assert capsys.readouterr().err == "\ntraining: 10%\nfew images\nanother\n"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce] can't allocate memory: you tried")])
def test_no_memory_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("projgan.generation.sample_writing.write_images", fail)
    assert "not enough memory" in assert_one_line_error(*run("sample", "digits"))


def test_another_error_of_ours_is_no_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("a mistake of this program")

    monkeypatch.setattr("projgan.generation.sample_writing.write_images", fail)
    with pytest.raises(RuntimeError, match="mistake of this program"):
        run("sample", "digits")
