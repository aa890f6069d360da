"""What a run needs to go on: tensors and numbers in one file, which is never executed."""

import pickle
import pickletools
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from projgan.errors import UserError, reason_of
from projgan.files import write_atomically

NAMES = ("torch", "torch._utils", "collections")
"""Modules whose names a state of ours mentions; more could make much of little."""
NEVER_NEGATIVE = ("running_var", "exp_avg_sq")
"""Variances, and Adam's mean squares."""


def save_state(path: Path, state: dict[str, Any], form: str) -> None:
    """Write state dicts, tensors and numbers; `form` names what they are a state of."""
    write_atomically(path, lambda file: torch.save({"format": form, **state}, file))


def restore(load: Callable[[Any], object], state: Any, path: Path, remedy: str) -> None:
    """Hand a state that was read from a file to what it belongs to.

    Raises:
        UserError: it does not belong there; ends with the remedy.
    """
    try:
        load(state)
    except UserError:
        raise
    except Exception as error:  # whatever lies where something else belongs
        raise UserError(f"{path}: not a checkpoint of this training ({reason_of(error)}); {remedy}") from None


def load_state(path: Path, form: str, remedy: str) -> dict[str, Any]:
    """Read what `save_state` wrote in this form, onto the CPU.

    Raises:
        UserError: damaged, of another form, or with weights that no training can have; it ends with `remedy`.
            Nothing in the file is executed.
    """
    try:
        _check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of odd pickles before it refuses them
            state = torch.load(path, map_location="cpu", weights_only=True)
        _refuse_impossible(state, path, remedy)
    except UserError:
        raise
    except _ForeignError:
        raise UserError(
            f"{path}: holds more than tensors and numbers, so it was not loaded; {remedy}"
        ) from None
    except Exception as error:  # of zipfile, of pickle, of torch
        raise UserError(f"{path}: damaged ({reason_of(error)}); {remedy}") from None
    if not isinstance(state, dict) or not same(state.get("format"), form):
        raise UserError(f"{path}: not a checkpoint of this version of projgan; {remedy}")
    if type(state.get("step")) is not int or state["step"] < 0:
        raise UserError(f"{path}: a checkpoint without its step; {remedy}")
    state.pop("format")
    return state


def same(found: object, wanted: object) -> bool:
    """Whether what a file holds is this very value; a tensor, which compares to many answers, is not."""
    return type(found) is type(wanted) and bool(found == wanted)


class _ForeignError(Exception):
    pass


def _check_archive(path: Path) -> None:
    """Compare every checksum, which torch writes and does not look at, and the names in the pickle."""
    with path.open("rb") as file:
        if file.read(1) == pickle.PROTO:
            raise _ForeignError
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise _ForeignError  # torch compresses nothing; what is compressed may be endless
        broken = archive.testzip()
        if broken is not None:
            raise ValueError(f"{broken} is not what was written")
        for member in members:
            if member.filename.endswith("data.pkl"):
                _check_pickle(archive.read(member))


def _check_pickle(content: bytes) -> None:
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "STACK_GLOBAL" or (
            opcode.name == "GLOBAL" and str(argument).partition(" ")[0] not in NAMES
        ):
            raise _ForeignError


def _refuse_impossible(state: object, path: Path, remedy: str) -> None:
    for name, tensor in _tensors(state):
        if not tensor.is_floating_point() or tensor.layout != torch.strided:
            continue
        bad = tensor.isnan() if name.endswith("exp_avg_sq") else ~tensor.isfinite()  # a square may overflow
        if bad.any():
            raise UserError(f"{path}: {name} has values that are not finite; {remedy}")
        if name.endswith(NEVER_NEGATIVE) and (tensor < 0).any():
            raise UserError(f"{path}: {name} has values below zero, where none can be; {remedy}")


def _tensors(value: object, place: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor in nested dicts and lists, with its place."""
    if isinstance(value, Tensor):
        yield place, value
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield from _tensors(part, f"{place}.{key}".lstrip("."))
