"""What TensorBoard reads of a run, beside the run's own files."""

import signal
from pathlib import Path

import pytest

from projgan.cli import run_command
from projgan.listening import Progress
from projgan.storage.run_directory import RunDirectory
from projgan.training import journals
from small_runs import train_small

accumulators = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="the extra tensorboard is not installed"
)
CHANGES = {"training.logging": ["tensorboard"], "sampling.every": 8, "sampling.columns": 2}


def read(run: Path) -> "accumulators.EventAccumulator":
    found = accumulators.EventAccumulator(str(run / "tensorboard"), {"scalars": 0, "images": 0})
    return found.Reload()


def test_it_shows_what_the_runs_own_files_say(tmp_path: Path) -> None:
    train_small(tmp_path / "run", CHANGES)
    found, rows = read(tmp_path / "run"), RunDirectory(tmp_path / "run").read_stats()
    assert len(rows) == 7
    for name in ("loss_generator", "loss_discriminator", "learning_rate", "images_per_second"):
        events = found.Scalars(name)
        assert [event.step for event in events] == [row["step"] for row in rows]
        assert [event.value for event in events] == pytest.approx([row[name] for row in rows], rel=1e-6)
    assert [event.step for event in found.Images("samples")] == [8, 16, 20]
    assert found.Images("samples")[0].encoded_image_string.startswith(b"\x89PNG")


def test_a_run_that_resumes_writes_nothing_twice(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 13:
            raise KeyboardInterrupt  # between checkpoints: steps 11 to 13 are done again

    with pytest.raises(KeyboardInterrupt):
        train_small(tmp_path / "run", CHANGES, stepped=stop)
    train_small(tmp_path / "run", CHANGES)
    steps = [event.step for event in read(tmp_path / "run").Scalars("loss_generator")]
    assert steps == [3, 6, 9, 12, 15, 18, 20]


def test_without_it_no_folder_is_made_and_it_may_be_added_on_resuming(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 10:
            signal.raise_signal(signal.SIGTERM)

    train_small(tmp_path / "run", {"sampling.every": 8}, stepped=stop)
    assert not (tmp_path / "run" / "tensorboard").exists()
    train_small(tmp_path / "run", CHANGES)
    assert [event.step for event in read(tmp_path / "run").Scalars("loss_generator")] == [12, 15, 18, 20]


def test_what_is_not_installed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(journals, "find_spec", lambda name: None)
    words = ["train", "demo", "--logging", "tensorboard", "--run-dir", str(tmp_path / "run")]
    assert run_command(words) == 2
    assert "pip install 'projgan[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
