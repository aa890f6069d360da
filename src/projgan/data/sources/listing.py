"""What lies in a folder or an archive, and what of it is passed over: one form for both."""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple

from projgan.data.decode import IMAGE_SUFFIXES
from projgan.names import composed

SYSTEM_NAMES = frozenset(
    {
        *(
            "__macosx",
            "@eadir",
            "@tmp",
            "@recycle",
            "@recently-snapshot",
            "@sharebin",
            "#recycle",
            "#snapshot",
        ),
        *("$recycle.bin", "system volume information", "lost+found", "network trash folder"),
        *("temporary items", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__pycache__"),
    }
)
"""Lower-case names of what systems and their tools leave in folders: thumbnails, bins, settings."""

_UNREAD_PICTURES = frozenset(
    {
        *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".tga", ".ppm", ".pgm", ".pbm", ".pnm"),
        *(".ico", ".psd", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2", ".exr", ".hdr"),
        ".dcm",
    }
)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SHOWN = 4


class File(NamedTuple):
    """A file: its bytes, and what changes with its content."""

    size: int
    identity: str


class Listing(ABC):
    """Files and folders by their names relative to the place, with forward slashes.

    What is hidden (by a dot) or of the system is in none of these but `system`.

    Attributes:
        place: path of the folder or archive.
        noun: "folder" or "archive".
        files: in the order in which they are read fastest.
        folders: those that can be classes without images.
        links_out: links that are not followed, since they lead out, to nothing, or back into themselves.
        specials: what is neither file, folder nor link.
        system: folders of the system.
        in_order: whether files are read fastest in the order they have here, which is then that of images.
        unwrap: whether a folder that holds all others is seen through.
        refuses_links: whether links that are not followed forbid training: where they can be mended.
    """

    noun: str
    in_order: bool
    unwrap: bool
    refuses_links: bool

    def __init__(self, place: str) -> None:
        self.place = place
        self.files: dict[str, File] = {}
        self.folders: set[str] = set()
        self.links_out: list[str] = []
        self.specials: list[str] = []
        self.system: set[str] = set()
        self._composed: dict[str, str] | None = None

    @abstractmethod
    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the content of some files.

        Raises:
            UserError: one cannot be read.
        """

    @abstractmethod
    def place_of(self, name: str) -> str:
        """Return what to call a file in messages."""

    def find(self, name: str) -> str | None:
        """Return the name of the file that a person calls so, its letters composed or not; or None."""
        if name in self.files or name.isascii():
            return name if name in self.files else None
        if self._composed is None:
            self._composed = {composed(known): known for known in self.files if not known.isascii()}
        return self._composed.get(composed(name))

    @cached_property
    def images(self) -> list[str]:
        """Names of the files that are images by name."""
        return [name for name in self.files if is_image_name(name)]

    @cached_property
    def unread_pictures(self) -> list[str]:
        """Names of the files that are pictures by name, in formats that are not read."""
        return [name for name in self.files if is_unread_picture(name)]

    @cached_property
    def folders_of_images(self) -> set[str]:
        """Names of all folders with an image in them or below."""
        found: set[str] = set()
        for name in self.images:
            folder = name.rpartition("/")[0]
            while folder and folder not in found:
                found.add(folder)
                folder = folder.rpartition("/")[0]
        return found

    def links_line(self) -> str:
        """Say which links are not followed."""
        return (
            f"{self.links_out[0]} is a link out of the {self.noun}, to nothing, or back to itself "
            f"({len(self.links_out)} such); links are followed only to what is inside, so put the "
            "images themselves there"
        )

    def passed_over(self, used: Collection[str] = ()) -> tuple[str, ...]:
        """Say what is no image and was not `used`, a line for each kind."""
        left = [name for name in self.files if not is_image_name(name) and name not in used]
        pictures = [name for name in left if is_unread_picture(name)]
        others = [name for name in left if not is_unread_picture(name)]
        remarks = []
        if pictures:
            kinds = _by_suffix(pictures)
            remarks.append(
                f"pictures in a format that is not read are ignored ({kinds}); convert them to JPEG"
            )
        if others:
            remarks.append(
                f"{len(others)} files that are not images by name are ignored ({_by_suffix(others)})"
            )
        if self.system:
            names = sorted({PurePosixPath(name).name for name in self.system})
            more = ", …" if len(names) > _SHOWN else ""
            remarks.append(f"folders of the system are passed over ({', '.join(names[:_SHOWN])}{more})")
        if self.specials:
            remarks.append(
                f"{len(self.specials)} entries that are neither files nor folders are passed over "
                f"(such as {self.specials[0]})"
            )
        return tuple(remarks)


def is_image_name(name: str) -> bool:
    """Return whether a file's name ends like an image's."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def is_unread_picture(name: str) -> bool:
    """Return whether a file's name ends like that of a picture in a form that is not read."""
    return PurePosixPath(name).suffix.lower() in _UNREAD_PICTURES


def unread_words(pictures: Sequence[str]) -> str:
    """Say what a place holds in which there are pictures, but none in a format that is read."""
    return f"holds no images in a format that is read, but {_by_suffix(pictures)}; convert them to JPEG"


def _by_suffix(names: Sequence[str]) -> str:
    counts = Counter(PurePosixPath(name).suffix.lower() for name in names)
    return ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in counts.most_common(_SHOWN))


def is_hidden(name: str) -> bool:
    """Return whether any part of a relative path is hidden, or is of the system."""
    return any(part.startswith(".") or is_system_name(part) for part in name.split("/"))


def is_system_name(name: str) -> bool:
    """Return whether systems call something so that they leave in folders."""
    return name.lower() in SYSTEM_NAMES


def leaves(name: str) -> bool:
    """Return whether a relative name leads out of where it is, on any system."""
    slashed = name.replace("\\", "/")
    absolute = slashed.startswith("/") or _DRIVE.match(name) is not None
    return absolute or ".." in slashed.split("/") or "\0" in name
