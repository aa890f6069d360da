"""A packed store on its way to its name, locked by its maker; what a killed one left is cleared away."""

import contextlib
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from projgan.data.store import CONDITIONS, IMAGES, LABELS, MANIFEST
from projgan.data.verification import NOTE
from projgan.errors import UserError
from projgan.files import lock_for_this_process

LOCK = ".lock"
ABANDONED_SECONDS = 24 * 3600
"""After which a half-made store is taken for abandoned where files cannot be locked."""
_PARTIAL = re.compile(r"\..+-[0-9a-f]{32}\.(partial|new)")
_OURS = re.compile("|".join(map(re.escape, (IMAGES, LABELS, CONDITIONS, MANIFEST, LOCK, NOTE))))
_OURS_TOO = re.compile(rf"\.{re.escape(NOTE)}\.\d+\.tmp")


class HalfMade:
    """A folder to fill."""

    def __init__(self, out: Path) -> None:
        self.folder, self._out = _other_name(out), out
        new = self.folder.with_suffix(".new")  # nobody takes it for abandoned before it is locked
        new.mkdir()
        self._lock = _locked(new)
        new.rename(self.folder)

    def give_name(self) -> None:
        """Let the folder appear under its name.

        Raises:
            OSError: something is there already.
        """
        self.folder.rename(self._out)
        self.release()
        (self._out / LOCK).unlink(missing_ok=True)

    def release(self) -> None:
        """Let others take the folder for abandoned."""
        if self._lock is not None:
            self._lock.close()


@contextmanager
def half_made(out: Path) -> Iterator[HalfMade]:
    """Give a folder beside `out` to fill, after those that killed processes left there are cleared away."""
    _clear_abandoned(out.parent)
    made = HalfMade(out)
    try:
        yield made
    finally:
        made.release()
        shutil.rmtree(made.folder, ignore_errors=True)


def holds_only_ours(folder: Path) -> bool:
    """Return whether a folder has nothing in it but what a packed store consists of."""
    return (
        folder.is_dir()
        and not folder.is_symlink()
        and all(_OURS.fullmatch(path.name) or _OURS_TOO.fullmatch(path.name) for path in folder.iterdir())
    )


def discard(store: Path) -> None:
    """Remove a store, at once for whoever looks for it by its name."""
    gone = _other_name(store)
    with contextlib.suppress(FileNotFoundError):  # another process was first
        store.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _other_name(out: Path) -> Path:
    return out.parent / f".{out.name}-{uuid.uuid4().hex}.partial"


def _locked(folder: Path) -> IO[Any] | None:
    lock = (folder / LOCK).open("a")
    try:
        lock_for_this_process(lock)
    except (OSError, UserError):  # no locks here: its age has to do
        lock.close()
        (folder / LOCK).unlink(missing_ok=True)
        return None
    return lock


def _clear_abandoned(folder: Path) -> None:
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # its maker has just given it its name
            if _PARTIAL.fullmatch(path.name) and holds_only_ours(path) and _is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(partial: Path) -> bool:
    if partial.suffix == ".new" or not (partial / LOCK).is_file():
        return time.time() - partial.stat().st_mtime > ABANDONED_SECONDS
    try:
        with (partial / LOCK).open("a") as lock:
            lock_for_this_process(lock)
    except (OSError, UserError):
        return False
    return True
