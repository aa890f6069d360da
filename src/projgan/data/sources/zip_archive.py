"""Zip files."""

import stat
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

from projgan.data.sources.archive import Member, check_member, plain_name, reading_archive, refuse_too_many
from projgan.data.sources.expansion import check_expansion
from projgan.data.sources.links import follow_links, linked_name
from projgan.errors import UserError

_UNIX = (3, 19)  # Unix and macOS: the systems whose zips say what a link is
_MAX_TARGET_BYTES = 4096


class ZipArchive:
    """A zip file; members can be read in any order and from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.identity = ""  # every member has a checksum
        self.random_access = True
        self.folders: set[str] = set()
        self.links_out: list[str] = []
        self.specials: list[str] = []
        self._infos: dict[str, zipfile.ZipInfo] = {}
        self._zip = zipfile.ZipFile(path)
        links: dict[str, str | None] = {}
        expanded = 0
        for count, info in enumerate(self._zip.infolist(), start=1):
            check_member(path, info.filename, info.file_size, count)
            if info.flag_bits & 1:
                raise UserError(f"{path} is encrypted; unpack it and give the folder")
            expanded += info.file_size
            self._take(info, links)
        check_expansion(path.stat().st_size, expanded, str(path))
        for name, found in follow_links(dict(self._infos), links):
            if found is None:
                self.links_out.append(name)
            else:
                self._infos[name] = found
                refuse_too_many(path, len(self._infos))
        self.members = [
            Member(name, info.file_size, f"{info.file_size} {info.CRC:08x}")
            for name, info in self._infos.items()
        ]

    def _take(self, info: zipfile.ZipInfo, links: dict[str, str | None]) -> None:
        # The format knows only forward slashes; tools on Windows have written the other ones all the same.
        slashed = info.filename.replace("\\", "/")
        name = plain_name(slashed)
        if slashed.endswith("/") or not name:
            self.folders |= {name} - {""}
            return
        self._infos.pop(name, None)  # the last of a name is the one that counts, and its place
        links.pop(name, None)
        if info.create_system in _UNIX and stat.S_ISLNK(info.external_attr >> 16):
            links[name] = self._target(name, info)
        else:
            self._infos[name] = info

    def _target(self, name: str, info: zipfile.ZipInfo) -> str | None:
        if info.file_size > _MAX_TARGET_BYTES:
            return None
        return linked_name(name, self._read(info).decode("utf-8", "surrogateescape"))

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        with reading_archive(self.path), self._zip.open(info) as stream:
            return stream.read(info.file_size)

    def read(self, name: str) -> bytes:
        """Return the content of one member."""
        return self._read(self._infos[name])

    def read_in_order(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield wanted members in the order of `members`."""
        for member in self.members:
            if member.name in wanted:
                yield member.name, self.read(member.name)
