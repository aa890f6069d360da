"""Whether a packed store has the pixels it was made with: read once a file, and remembered beside it."""

import contextlib
import hashlib
import json
import time
from pathlib import Path
from typing import Literal

from projgan.errors import UserError
from projgan.files import write_atomically

Verify = Literal["never", "once", "always"]
NOTE = ".verified.json"
SETTLED_SECONDS = 2.0
"""A file changed later than this before it was read may be changed again within one tick of its clock."""
_Identity = dict[str, int | str]
_verified: dict[Path, _Identity] = {}
"""What this process has read itself, for stores in which nothing can be noted."""


def has_checksum(images: Path, offset: int, sha256: str, verify: Verify, noting: bool = True) -> bool:
    """Return whether the bytes of a file from `offset` on have a checksum.

    Where that was found before, and the file is the same by its size, its times, its place on the disk and
    the checksum asked for, it is not read again unless `verify` is "always". The time of change cannot be
    set by a program, as that of writing can. Without `noting` what is found is written nowhere.
    """
    if verify == "never":
        return True
    place, before = images.resolve(), _identity(images, sha256)
    noted = _noted(images)
    if verify == "once" and before in (_verified.get(place), noted):
        if noting and noted != before:
            _note(images, before)
        return True
    started = time.time()
    if _sha256_from(images, offset) != sha256:
        return False
    last_change = max(int(before["changed_ns"]), int(before["written_ns"])) / 1e9
    if _identity(images, sha256) == before and started - last_change > SETTLED_SECONDS:
        _verified[place] = before
        if noting:
            _note(images, before)
    return True


def _note(images: Path, identity: _Identity) -> None:
    content = json.dumps(identity).encode()
    with contextlib.suppress(UserError):  # a folder that cannot be written: it is read anew next time
        write_atomically(images.with_name(NOTE), lambda file: file.write(content), sync=False)


def _identity(images: Path, sha256: str) -> _Identity:
    status = images.stat()
    return {
        "size": status.st_size,
        "written_ns": status.st_mtime_ns,
        "changed_ns": status.st_ctime_ns,
        "inode": status.st_ino,
        "device": status.st_dev,
        "sha256": sha256,
    }


def _noted(images: Path) -> object:
    try:
        return json.loads(images.with_name(NOTE).read_bytes()[:1000])
    except (OSError, ValueError, RecursionError):
        return None


def _sha256_from(path: Path, offset: int) -> str:
    with path.open("rb") as stream:
        stream.seek(offset)
        return hashlib.file_digest(stream, "sha256").hexdigest()
