"""What may be written over: what this package wrote itself. For anything else a person has to ask."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from projgan.errors import UserError, printable
from projgan.files import make_folder, write_atomically

SIGN = "Made by projgan"
"""Stands somewhere in every file that a person asks for with --out."""
TABLE_SIGN = "image,label,logit,r(x)"
"""How a table begins instead, which has no place for a comment."""
MARK = ".projgan.json"
"""In a folder of images: how they were made, so that none made otherwise comes to lie beside them."""
IMAGES = ("*/seed*.png", "*_seed*.png", "comparison.png")
"""What such a folder holds: samples in a folder a class, or enlarged images. All else is somebody's."""
_ENDS = 2**16
"""Bytes at either end of a file in which its sign is looked for."""
_REMEDY = "choose another --out, or add --overwrite"


def is_ours(path: Path) -> bool:
    """Return whether a file carries the sign of this package."""
    try:
        with path.open("rb") as file:
            head = file.read(_ENDS)
            file.seek(max(0, path.stat().st_size - _ENDS))
            ends = head + file.read(_ENDS)
    except OSError:
        return False
    return SIGN.encode() in ends or ends.startswith(TABLE_SIGN.encode())


def refuse_foreign(paths: Iterable[Path], overwrite: bool = False) -> None:
    """Refuse to write over files that this package did not write.

    Raises:
        UserError: one is there and `overwrite` is not asked for, or a folder is in its place.
    """
    for path in paths:
        if path.is_dir():
            raise UserError(f"--out {path}: a folder; give a file in it")
        if not overwrite and path.exists() and not is_ours(path):
            raise UserError(f"--out {path}: there already, and not written by projgan; {_REMEDY}")


def claim_folder(folder: Path, made_by: Mapping[str, object], overwrite: bool = False) -> None:
    """Make a folder of images, and note in it how they are made.

    Args:
        folder: to be written to; one that was left half written by the same request is gone on with.
        made_by: plain values that all images of the folder have in common.
        overwrite: take a folder with anything else in it; images made otherwise by this package are removed.

    Raises:
        UserError: it holds something else, or images made otherwise, and `overwrite` is not asked for.
    """
    mark = folder / MARK
    before = _read(mark)
    now = json.loads(json.dumps(made_by))
    if before != now:
        if before is not None and not overwrite:
            raise UserError(f"--out {folder}: has images made with {_difference(before, now)}; {_REMEDY}")
        if before is None and not overwrite and _holds_anything(folder):
            raise UserError(f"--out {folder}: not empty, and holds no such images; {_REMEDY}")
        if before is not None:
            _remove_images(folder)
    make_folder(folder)
    write_atomically(mark, lambda file: file.write(json.dumps(now, indent=2).encode()))


def _holds_anything(folder: Path) -> bool:
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


def _read(mark: Path) -> dict[str, object] | None:
    if not mark.is_file():
        return None
    try:
        found = json.loads(mark.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _difference(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    for key, value in now.items():
        if before.get(key) != value:
            return f"{key} {printable(str(before.get(key)))}, not {printable(str(value))}"
    return "other settings"


def _remove_images(folder: Path) -> None:
    for pattern in IMAGES:
        for path in folder.glob(pattern):
            if path.is_file() and is_ours(path):
                path.unlink()
