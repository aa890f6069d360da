"""A file in pieces small enough to be carried, and the file again from its newest whole set of pieces."""

import hashlib
import math
import re
from pathlib import Path

from projgan.errors import UserError
from projgan.files import write_atomically

LARGEST = 16 * 2**20 - 2**16
"""Bytes of a piece."""
_NAME = re.compile(r"(?P<stem>.+)\.(?P<number>\d+)-of-(?P<count>\d+)\.(?P<sha256>[0-9a-f]{16})\.piece")


def cut(path: Path, folder: Path) -> list[Path]:
    """Write a file into a folder as pieces, whole before those of another file there are removed."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    count = max(1, math.ceil(len(content) / LARGEST))
    written = []
    for number in range(count):
        part = content[number * LARGEST : (number + 1) * LARGEST]
        piece = folder / f"{path.name}.{number + 1}-of-{count}.{digest}.piece"
        write_atomically(piece, lambda file, part=part: file.write(part), sync=False)
        written.append(piece)
    for old in folder.glob("*.piece"):
        if old not in written:
            old.unlink()
    return written


def join(folder: Path, into: Path) -> Path:
    """Put the pieces in a folder together again, in another; returns the file, the last one by name.

    Raises:
        UserError: no whole set of pieces, or one that is damaged.
    """
    sets: dict[tuple[str, str], dict[int, Path]] = {}
    counts: dict[tuple[str, str], int] = {}
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match:
            key = match["stem"], match["sha256"]
            sets.setdefault(key, {})[int(match["number"])] = path
            counts[key] = int(match["count"])
    whole = [key for key, parts in sets.items() if parts.keys() == set(range(1, counts[key] + 1))]
    if not whole:
        raise UserError(f"{folder}: no whole set of pieces of a checkpoint")
    stem, digest = max(whole)
    content = b"".join(
        sets[stem, digest][number].read_bytes() for number in range(1, counts[stem, digest] + 1)
    )
    if not hashlib.sha256(content).hexdigest().startswith(digest):
        raise UserError(f"{folder}: the pieces of {stem} are damaged")
    into.mkdir(parents=True, exist_ok=True)
    write_atomically(into / stem, lambda file: file.write(content))
    return into / stem
