"""Tar files, plain or compressed by gzip."""

import gzip
import tarfile
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import IO, NamedTuple, cast

from projgan.data.sources.archive import Member, check_member, plain_name, reading_archive, refuse_too_many
from projgan.data.sources.base import MAX_ITEM_BYTES, file_identity
from projgan.data.sources.expansion import check_expansion
from projgan.data.sources.links import follow_links, linked_name

_PIECE = 2**20


class _Stored(NamedTuple):
    """Where the content of a member lies."""

    offset: int
    size: int
    time: float
    pieces: Sequence[tuple[int, int]] | None
    """Of a sparse member: where in it the stored bytes belong, and how many; zeros lie between."""

    def read(self, stream: "_BoundedReader") -> bytes:
        stream.seek(self.offset)
        if self.pieces is None:
            return _read_exactly(stream, self.size)
        content = bytearray(self.size)
        for start, length in self.pieces:
            if not 0 <= start <= start + length <= self.size:
                raise tarfile.ReadError("a sparse member is larger than itself")
            content[start : start + length] = _read_exactly(stream, length)
        return bytes(content)


class TarArchive:
    """A tar file, plain or gzip-compressed; if compressed, quick only in the order of its members."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folders: set[str] = set()
        self.links_out: list[str] = []
        self.specials: list[str] = []
        self._stored: dict[str, _Stored] = {}
        self._compressed = _is_gzip(path)
        self.random_access = not self._compressed
        status = path.stat()
        self.identity = file_identity(status)  # tar has no checksums, and its times are seldom real
        links: dict[str, str | None] = {}
        for count, info in enumerate(self._scan(), start=1):
            check_member(path, info.name, info.size if info.isreg() else 0, count)
            check_expansion(status.st_size, info.offset_data + info.size, str(path))
            self._take(info, links)
        for name, found in follow_links(dict(self._stored), links):
            if found is None:
                self.links_out.append(name)
            else:
                self._stored[name] = found
                refuse_too_many(path, len(self._stored))
        # By place, so that links and what they lead to are read together, without going back.
        self._stored = dict(sorted(self._stored.items(), key=lambda item: item[1].offset))
        self.members = [
            Member(name, stored.size, f"{stored.size} {stored.time}") for name, stored in self._stored.items()
        ]

    def _take(self, info: tarfile.TarInfo, links: dict[str, str | None]) -> None:
        name = plain_name(info.name)
        if info.isdir() or not name:
            self.folders |= {name} - {""}
            return
        if info.islnk() and plain_name(info.linkname) == name:
            return  # a file that was given twice is a link to itself
        self._stored.pop(name, None)  # the last of a name is the one that counts
        links.pop(name, None)
        if info.isreg():
            # typeshed has the map of a sparse member as bytes
            pieces = cast("list[tuple[int, int]] | None", info.sparse)
            self._stored[name] = _Stored(info.offset_data, info.size, info.mtime, pieces)
        elif info.islnk():
            target = linked_name("", info.linkname)  # of a hard link it is a member's own name
            earlier = self._stored.get(target or "")
            if earlier is not None:
                self._stored[name] = earlier
            else:
                links[name] = target
        elif info.issym():
            links[name] = linked_name(name, info.linkname)
        else:
            self.specials.append(name)

    def _scan(self) -> Iterator[tarfile.TarInfo]:
        with self._open() as stream, tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r:") as archive:
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header otherwise: a gigabyte for ImageNet
                yield info
            if self._compressed:
                self._read_to_the_end(stream)

    def _read_to_the_end(self, stream: "_BoundedReader") -> None:
        """Let gzip compare its checksum, which stands behind all that tar reads."""
        try:
            while stream.read(_PIECE):
                check_expansion(self.path.stat().st_size, stream.tell(), str(self.path))
        except gzip.BadGzipFile as error:
            if not str(error).startswith("Not a gzipped file"):  # something behind the archive, as tar allows
                raise

    def _open(self) -> "_BoundedReader":
        plain: IO[bytes] = self.path.open("rb")  # closed by the reader
        if self._compressed:
            return _BoundedReader(cast("IO[bytes]", gzip.GzipFile(fileobj=plain)), plain)
        return _BoundedReader(plain, plain)

    def read(self, name: str) -> bytes:
        """Return the content of one member."""
        with reading_archive(self.path), self._open() as stream:
            return self._stored[name].read(stream)

    def read_in_order(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield wanted members in the order of `members`; what several have in common is read once."""
        chosen = (name for name in self._stored if name in wanted)
        with reading_archive(self.path), self._open() as stream:
            for stored, names in groupby(chosen, key=self._stored.__getitem__):
                content = stored.read(stream)
                for name in names:
                    yield name, content


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _read_exactly(stream: "_BoundedReader", size: int) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise EOFError("a member is cut short")
    return content


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
