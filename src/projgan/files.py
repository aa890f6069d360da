"""Writing files so that none is ever half there."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from projgan.errors import UserError


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a temporary file, sync it, rename it to `path` and sync the folder.

    Raises:
        UserError: the disk is full or the folder cannot be written; `path` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        reason = (error.strerror if isinstance(error, OSError) else None) or " ".join(str(error).split())[
            :120
        ]
        raise UserError(
            f"{path}: cannot be written ({reason}); what was there before is untouched"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # a read-only folder: there is nothing to remove
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
