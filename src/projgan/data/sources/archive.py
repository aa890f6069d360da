"""Members of zip and tar archives, read in memory only: nothing is ever written to disk."""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast

from projgan.data.sources.base import MAX_ITEM_BYTES, file_identity
from projgan.data.sources.expansion import check_expansion
from projgan.errors import UserError

MAX_MEMBERS = 5_000_000

_ERRORS = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, OSError),
    *(EOFError, NotImplementedError, RuntimeError, ValueError),
)


@dataclass(frozen=True)
class Member:
    """A regular file in an archive; `identity` is its size, with its checksum or time where there is one."""

    name: str
    size: int
    identity: str


class Archive(Protocol):
    """What zip and tar have in common.

    Attributes:
        identity: what changes with the content of the members, where their own identities may not.
        random_access: any member is read as fast as the first.
    """

    path: Path
    identity: str
    members: list[Member]
    folders: set[str]
    random_access: bool

    def read(self, name: str) -> bytes:
        """Return the content of one member."""

    def read_in_order(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield wanted members in the order of the archive."""


def open_archive(path: Path) -> Archive:
    """Return the archive at `path`, every member's name and declared size checked.

    Raises:
        UserError: no archive, damaged, or hostile (names that leave it, members or totals too large).
    """
    try:
        return ZipArchive(path) if zipfile.is_zipfile(path) else TarArchive(path)
    except UserError:
        raise
    except _ERRORS as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} cannot be read as an archive ({error}); download or make it again")


def _check_member(path: Path, name: str, size: int, count: int) -> str:
    """Return the member's name with forward slashes and without a leading "./"."""
    if count > MAX_MEMBERS:
        raise UserError(f"{path} has more than the {MAX_MEMBERS:,} members accepted")
    parts = PurePosixPath(name).parts
    # No member is ever written out; a name that leaves the archive still tells that it is not to be trusted.
    if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or (parts and ":" in parts[0]):
        raise UserError(
            f"{path} has a member named {name[:100]!r}, which leaves the archive; do not trust it"
        )
    if size > MAX_ITEM_BYTES:
        raise UserError(
            f"{path}: member {name[:100]!r} has {size:,} bytes, more than the {MAX_ITEM_BYTES:,} accepted"
        )
    return str(PurePosixPath(name))


class ZipArchive:
    """A zip file; members can be read in any order and from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.identity = ""  # every member has a checksum
        self.random_access = True
        self.members: list[Member] = []
        self.folders: set[str] = set()
        self._infos: dict[str, zipfile.ZipInfo] = {}
        self._zip = zipfile.ZipFile(path)
        expanded = 0
        for count, info in enumerate(self._zip.infolist(), start=1):
            name = _check_member(path, info.filename, info.file_size, count)
            if info.flag_bits & 1:
                raise UserError(f"{path} is encrypted; unpack it and give the folder")
            expanded += info.file_size
            if info.is_dir():
                self.folders.add(name)
            elif name not in self._infos:
                self.members.append(Member(name, info.file_size, f"{info.file_size} {info.CRC:08x}"))
                self._infos[name] = info
        check_expansion(path.stat().st_size, expanded, str(path))

    def read(self, name: str) -> bytes:
        """Return the content of one member."""
        try:
            info = self._infos[name]
            with self._zip.open(info) as stream:
                return stream.read(info.file_size)
        except _ERRORS as error:
            raise _damaged(self.path, error) from error

    def read_in_order(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield wanted members in the order of the archive."""
        for member in self.members:
            if member.name in wanted:
                yield member.name, self.read(member.name)


class TarArchive:
    """A tar file, plain or gzip-compressed; quick in its own order, slow out of it when compressed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members: list[Member] = []
        self.folders: set[str] = set()
        self._places: dict[str, tuple[int, int]] = {}
        self._compressed = _is_gzip(path)
        self.random_access = not self._compressed
        status = path.stat()
        self.identity = file_identity(status)  # tar has no checksums, and its times are seldom real
        for count, info in enumerate(self._scan(), start=1):
            name = _check_member(path, info.name, info.size if info.isreg() else 0, count)
            check_expansion(status.st_size, info.offset_data + info.size, str(path))
            if info.isdir():
                self.folders.add(name)
            elif info.isreg() and not info.issparse() and name not in self._places:
                self.members.append(Member(name, info.size, f"{info.size} {info.mtime}"))
                self._places[name] = (info.offset_data, info.size)

    def _scan(self) -> Iterator[tarfile.TarInfo]:
        with self._open() as stream, tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r:") as archive:
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header otherwise: a gigabyte for ImageNet
                yield info

    def _open(self) -> "_BoundedReader":
        plain: IO[bytes] = self.path.open("rb")  # closed by the reader
        if self._compressed:
            return _BoundedReader(cast("IO[bytes]", gzip.GzipFile(fileobj=plain)), plain)
        return _BoundedReader(plain, plain)

    def read(self, name: str) -> bytes:
        """Return the content of one member."""
        return next(self.read_in_order((name,)))[1]

    def read_in_order(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield wanted members in the order of the archive."""
        try:
            with self._open() as stream:
                for member in self.members:
                    if member.name not in wanted:
                        continue
                    offset, size = self._places[member.name]
                    stream.seek(offset)
                    content = stream.read(size)
                    if len(content) != size:
                        raise EOFError(f"{member.name} is cut short")
                    yield member.name, content
        except _ERRORS as error:
            raise _damaged(self.path, error) from error


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


class _BoundedReader:
    """A file that refuses a single read larger than any member may be.

    A tar header may declare names and attributes of any length, which tarfile would read whole.
    """

    def __init__(self, stream: IO[bytes], beneath: IO[bytes]) -> None:
        self._stream, self._beneath = stream, beneath

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > MAX_ITEM_BYTES + tarfile.BLOCKSIZE:
            raise tarfile.ReadError(f"a header declares {size:,} bytes")
        return self._stream.read(size)

    def seek(self, position: int) -> int:
        return self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell()

    def __enter__(self) -> "_BoundedReader":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.close()
        self._beneath.close()
