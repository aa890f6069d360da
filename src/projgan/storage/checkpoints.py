"""Checkpoints: state dicts only, written atomically, and read without ever executing anything."""

import re
from pathlib import Path
from typing import Any, Protocol

from projgan.errors import UserError
from projgan.storage.state_file import load_state, same, save_state

FORMAT = "projgan-checkpoint-1"
_NAME = re.compile(r"step-(\d{8,})\.pt")


def checkpoint_steps(folder: Path) -> list[int]:
    """Return the steps that have a checkpoint, in order."""
    if not folder.is_dir():
        return []
    matches = (_NAME.fullmatch(entry.name) for entry in folder.iterdir())
    return sorted(int(match[1]) for match in matches if match)


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the file of a step's checkpoint."""
    return folder / f"step-{step:08d}.pt"


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], keep: int) -> Path:
    """Write a checkpoint, then remove all but the newest `keep`; returns its path."""
    path = checkpoint_path(folder, step)
    save_state(path, state, FORMAT)
    for old in checkpoint_steps(folder)[:-keep]:
        checkpoint_path(folder, old).unlink(missing_ok=True)
    return path


def load_checkpoint(folder: Path, step: int) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Raises:
        UserError: damaged, or not a checkpoint of this package. Nothing in it is executed.
    """
    path = checkpoint_path(folder, step)
    earlier = [other for other in checkpoint_steps(folder) if other < step]
    remedy = (
        f"remove it to resume from {checkpoint_path(folder, earlier[-1]).name}"
        if earlier
        else "choose another --run-dir, or remove it, the networks and the numbers to start again"
    )
    state = load_state(path, FORMAT, remedy)
    if not same(state.get("step"), step):
        raise UserError(f"{path}: a checkpoint of step {state.get('step')}, renamed; {remedy}")
    return state


class Checkpoints(Protocol):
    """Where a training keeps its states."""

    remedy: str
    """What a person can do about one that does not fit."""

    def newest(self) -> tuple[dict[str, Any], Path] | None:
        """Return the state to go on from and its file, or None."""

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write the state of a step; returns its file."""


class CheckpointFolder:
    """A file a checkpoint, of which the newest are kept."""

    remedy = "remove it, or choose another --run-dir"

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder, self.keep = folder, keep

    def newest(self) -> tuple[dict[str, Any], Path] | None:
        """Return the state of the latest step and its file, or None.

        Raises:
            UserError: it is damaged.
        """
        steps = checkpoint_steps(self.folder)
        if not steps:
            return None
        return load_checkpoint(self.folder, steps[-1]), checkpoint_path(self.folder, steps[-1])

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write the state of a step and remove old ones; returns its file."""
        return save_checkpoint(self.folder, step, state, self.keep)


class CheckpointFile:
    """One file, written over by each checkpoint and removed at the end."""

    remedy = "remove it to start again, or choose another --out"

    def __init__(self, path: Path, form: str) -> None:
        self.path, self.form = path, form

    def newest(self) -> tuple[dict[str, Any], Path] | None:
        """Return the state and its file, or None.

        Raises:
            UserError: it is damaged, or of another form.
        """
        if not self.path.exists():
            return None
        return load_state(self.path, self.form, self.remedy), self.path

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write the state over the last one; returns the file."""
        save_state(self.path, state, self.form)
        return self.path

    def discard(self) -> None:
        """Remove it: the training has ended."""
        self.path.unlink(missing_ok=True)
