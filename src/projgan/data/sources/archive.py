"""What zip and tar have in common: members read in memory only, nothing is ever written to disk."""

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from projgan.data.sources.base import MAX_ITEM_BYTES
from projgan.data.sources.listing import leaves
from projgan.errors import UserError, reading

MAX_MEMBERS = 5_000_000


@dataclass(frozen=True)
class Member:
    """A file in an archive; `identity` is its size, with its checksum or time where there is one."""

    name: str
    size: int
    identity: str


class Archive(Protocol):
    """What zip and tar have in common.

    Attributes:
        identity: what changes with the content of the members, where their own identities may not.
        members: its files, each name once, in the order in which they are read fastest. Of a name that is
            stored twice the last is meant, as when the archive is unpacked. Links to what is inside are here
            under their own names.
        folders: those that are listed.
        links_out: links that lead out, to nothing, or back to a folder they lie in.
        specials: what is neither file, folder nor link, such as a device.
        random_access: any member is read as fast as the first.
    """

    path: Path
    identity: str
    members: list[Member]
    folders: set[str]
    links_out: list[str]
    specials: list[str]
    random_access: bool

    def read(self, name: str) -> bytes:
        """Return the content of one member."""

    def read_in_order(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield wanted members in the order of `members`."""


def reading_archive(path: Path) -> AbstractContextManager[None]:
    """Turn whatever the libraries raise on an archive that is damaged into one line."""
    return reading(path, "an archive", "download or make it again")


def check_member(path: Path, name: str, size: int, count: int) -> None:
    """Refuse a member that leaves the archive or is too large, and members without end.

    No member is ever written out; a name that leaves the archive still tells that it is not to be trusted.
    """
    refuse_too_many(path, count)
    if leaves(name):
        raise UserError(
            f"{path} has a member named {name[:100]!r}, which leaves the archive; do not trust it"
        )
    if size > MAX_ITEM_BYTES:
        raise UserError(
            f"{path}: member {name[:100]!r} has {size:,} bytes, more than the {MAX_ITEM_BYTES:,} accepted"
        )


def refuse_too_many(path: Path, count: int) -> None:
    """Refuse an archive with more members than can be held."""
    if count > MAX_MEMBERS:
        raise UserError(f"{path} has more than the {MAX_MEMBERS:,} members accepted")


def plain_name(name: str) -> str:
    """Return a name without "./" in it; of the archive itself the empty name."""
    plain = str(PurePosixPath(name))
    return "" if plain == "." else plain
