"""Checkpoints: state dicts only, written atomically, and read without ever executing anything."""

import re
from pathlib import Path
from typing import Any

from projgan.errors import UserError
from projgan.storage.state_file import load_state, save_state

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
        else "remove it to start again, or choose another --run-dir"
    )
    state = load_state(path, FORMAT, remedy)
    if state.get("step") != step:
        raise UserError(f"{path}: a checkpoint of step {state.get('step')}, renamed; {remedy}")
    return state
