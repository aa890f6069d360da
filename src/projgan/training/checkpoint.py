"""Checkpoints: state dicts only, written atomically, and read without ever executing anything."""

import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from projgan.errors import UserError
from projgan.files import write_atomically

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
    write_atomically(path, lambda file: torch.save({"format": FORMAT, **state}, file))
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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of odd pickles before it refuses them
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path}: holds more than tensors and numbers, so it was not loaded; {remedy}"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UserError(f"{path}: damaged ({reason}); {remedy}") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError(f"{path}: not a checkpoint of this version of projgan; {remedy}")
    if state.get("step") != step:
        raise UserError(f"{path}: a checkpoint of step {state.get('step')}, renamed; {remedy}")
    state.pop("format")
    return state
