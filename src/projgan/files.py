"""Writing files so that none is ever half there, and naming them by their content."""

import contextlib
import hashlib
import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from unicodedata import normalize

from projgan.errors import UserError


def write_atomically(path: Path, write: Callable[[IO[bytes]], object], *, sync: bool = True) -> None:
    """Let `write` fill a temporary file, sync it, rename it to `path` and sync the folder.

    Without `sync` a power cut may lose the file, but a kill still leaves no half one: for what is many and
    easily made again.

    Raises:
        UserError: the disk is full or the folder cannot be written; `path` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        temporary.replace(path)
        if sync:
            sync_folder(path.parent)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        reason = (cause.strerror if isinstance(cause, OSError) else None) or " ".join(str(cause).split())[
            :120
        ]
        raise UserError(
            f"{path}: cannot be written ({reason}); what was there before is untouched"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # a read-only folder: there is nothing to remove
            temporary.unlink(missing_ok=True)


def chosen_cache(given: Path | None) -> Path:
    """Return the folder that was given for what can be made or fetched again, or `~/.cache/projgan`.

    Where that is not there yet, it is `$XDG_CACHE_HOME/projgan`, if that variable is an absolute path.

    Raises:
        UserError: none was given, and nothing says where this user's files are.
    """
    if given:
        return given
    try:
        usual = Path.home() / ".cache" / "projgan"
    except RuntimeError:
        usual = None
    elsewhere = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if elsewhere.is_absolute() and not (usual and os.path.lexists(usual)):
        return elsewhere / "projgan"
    if usual is None:
        raise UserError(
            "no folder for the cache: this user has no home directory; set HOME to a folder that can be "
            "written, or give the cache itself (--data.cache of train, --cache of other commands)"
        )
    return usual


def in_either_form(path: Path) -> Path:
    """Return the path itself, or where nothing is there, what is with its accents in one piece or apart."""
    if path.exists():
        return path
    found = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts if path.anchor else path.parts:
        forms = (part, normalize("NFC", part), normalize("NFD", part))
        found = next((found / form for form in forms if (found / form).exists()), found / part)
    return found if found.exists() else path


def without_detours(path: Path) -> Path:
    """Return a path to the same place without `..`: making `a/../b` must not make a folder `a` on the way."""
    return Path(os.path.realpath(path)) if ".." in path.parts else path


def names_apart(resolved: Sequence[Path]) -> list[str]:
    """Name each path by as much of its end as sets it apart from the others, none of which is the same."""
    longest = max(len(path.parts) for path in resolved)
    for count in range(1, longest + 1):
        names = ["/".join(path.parts[-count:]) for path in resolved]
        if len(set(names)) == len(names):
            break
    return names


def refuse_unnameable(path: Path, option: str = "") -> None:
    """Refuse a path that could be neither stored in a file nor shown.

    Raises:
        UserError: a NUL in it, or bytes that are not UTF-8, in the folders above it too.
    """
    if "\0" in str(path):
        raise UserError(f"{option}{str(path)!r}: no path has a NUL in it")
    # Python keeps bytes that are no text as lone surrogates, which no encoding accepts.
    if any("\ud800" <= letter <= "\udfff" for letter in os.path.realpath(path)):
        raise UserError(f"{option}{str(path)!r}: the name is not valid UTF-8; rename it, or choose another")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, if need be.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror})") from error


@contextlib.contextmanager
def made_beside(folder: Path) -> Iterator[Path]:
    """Give a new folder for files that are moved into another one when all are there; it is gone afterwards.

    It lies beside the other, under a name that begins with a dot.

    Raises:
        UserError: it cannot be made.
    """
    try:
        made = tempfile.TemporaryDirectory(
            dir=folder.resolve().parent, prefix=f".{folder.name}.", suffix=".tmp", ignore_cleanup_errors=True
        )
    except OSError as error:
        raise UserError(f"{folder}: nothing can be written beside it ({error.strerror})") from error
    with made as name:
        yield Path(name)


def nearest_folder(folder: Path) -> Path:
    """Return the folder, or the nearest of those above it, that is there."""
    while not os.path.lexists(folder):
        folder = folder.parent
    return folder


def why_not_writable(folder: Path) -> str | None:
    """Say why a folder could not be made or written into; None where it could be. Nothing is left there."""
    try:
        with tempfile.TemporaryFile(dir=nearest_folder(folder)):  # without a name where the system can
            return None
    except OSError as error:
        return error.strerror or str(error)


def sync_folder(folder: Path) -> None:
    """Make sure that names given in a folder outlast a power cut, where a folder can be synced at all."""
    if sys.platform == "win32":  # which opens no folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_for_this_process(file: IO[Any]) -> None:
    """Lock an open file until it is closed or this process ends, however it ends.

    Raises:
        BlockingIOError: another process holds it.
        OSError: files cannot be locked at this place.
        UserError: the system has no such locks.
    """
    try:
        import fcntl
    except ImportError:
        _lock_first_byte(file)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_first_byte(file: IO[Any]) -> None:
    """As Windows does it; the byte need not be there."""
    try:
        windows: Any = importlib.import_module("msvcrt")
    except ImportError:
        raise UserError(
            "this system locks no files (Python has neither fcntl nor msvcrt here), so two trainings could "
            "spoil each other; train on Linux, macOS or Windows"
        ) from None
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    try:
        windows.locking(file.fileno(), windows.LK_NBLCK, 1)
    except PermissionError as error:  # what Windows says of a byte that another process holds
        raise BlockingIOError(*error.args) from error


def file_sha256(path: Path | str) -> str:
    """Return the sha256 of a file's bytes in hex, which names the weights in it for good.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
