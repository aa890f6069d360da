"""What a run needs to go on: tensors and numbers in one file, which is never executed."""

import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from projgan.errors import UserError
from projgan.files import write_atomically


def save_state(path: Path, state: dict[str, Any], form: str) -> None:
    """Write state dicts, tensors and numbers; `form` names what they are a state of."""
    write_atomically(path, lambda file: torch.save({"format": form, **state}, file))


def restore(load: Callable[[dict[str, Any]], object], state: dict[str, Any], path: Path, remedy: str) -> None:
    """Hand a state that was read from a file to what it belongs to.

    Raises:
        UserError: it does not belong there; ends with the remedy.
    """
    try:
        load(state)
    except (KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{path}: not a checkpoint of this training ({reason}); {remedy}") from None


def load_state(path: Path, form: str, remedy: str) -> dict[str, Any]:
    """Read what `save_state` wrote in this form, onto the CPU.

    Raises:
        UserError: damaged, or of another form; it ends with `remedy`. Nothing in the file is executed.
    """
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
    if not isinstance(state, dict) or state.get("format") != form:
        raise UserError(f"{path}: not a checkpoint of this version of projgan; {remedy}")
    state.pop("format")
    return state
