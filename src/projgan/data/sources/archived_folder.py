"""A zip or tar of images: in class folders, or beside a file that says what each shows."""

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from PIL import Image

from projgan.data.decode import UnreadableImageError, open_image
from projgan.data.sources.archive import Archive
from projgan.data.sources.arrangement import FileSource
from projgan.data.sources.arranging import arrange
from projgan.data.sources.base import Item
from projgan.data.sources.columns import ONE_CLASS, ConditionRequest
from projgan.data.sources.listing import (
    File,
    Listing,
    is_hidden,
    is_image_name,
    is_system_name,
)
from projgan.errors import UserError

_ENDINGS = (".tar.gz", ".tgz", ".tar", ".zip")


class ArchivedFolderSource(FileSource):
    """Images at `CLASS/**/IMAGE` or `SPLIT/CLASS/**/IMAGE`, or those that a file of labels names.

    They are in the order of the archive. One folder that wraps all the others is seen through.
    """

    def __init__(
        self, archive: Archive, split: str | None = None, request: ConditionRequest = ONE_CLASS
    ) -> None:
        self._archive = archive
        self.name = archive_stem(archive.path)
        listing = ArchiveListing(archive)
        super().__init__(listing, arrange(listing, split, request), [("archive", archive.identity)])

    def read(self, index: int) -> Image.Image:
        """Read one member; slow in a compressed tar, which is unpacked up to it."""
        name = self._names[index]
        try:
            content = self._archive.read(name)
        except UserError as error:
            raise UnreadableImageError(name, str(error.__cause__ or error)) from error
        return open_image(content, name)

    def iterate(self) -> Iterator[Item]:
        """Yield every image in the order of the archive, which is unpacked once."""
        if self._archive.random_access:
            yield from super().iterate()  # members are then read by the threads that decode them
            return
        for index, (name, content) in enumerate(self._archive.read_in_order(set(self._names))):
            yield Item(index, partial(open_image, content, name), len(content))


class ArchiveListing(Listing):
    """What lies in an archive."""

    noun = "archive"
    in_order = True
    unwrap = True
    refuses_links = False

    def __init__(self, archive: Archive) -> None:
        super().__init__(str(archive.path))
        self._archive = archive
        for member in archive.members:
            if self._is_seen(member.name):
                self.files[member.name] = File(member.size, member.identity)
        self.folders = {name for name in archive.folders if self._is_seen(name)}
        # Few archives list their folders: a class is not to vanish with pictures that are not read.
        self.links_out = sorted(name for name in archive.links_out if not is_hidden(name))
        self.specials = [name for name in archive.specials if not is_hidden(name)]
        linked = [name for name in self.links_out if is_image_name(name)]
        self.folders |= {str(PurePosixPath(name).parent) for name in (*self.unread_pictures, *linked)} - {"."}

    def _is_seen(self, name: str) -> bool:
        if not is_hidden(name):
            return True
        parts = name.split("/")
        for depth, part in enumerate(parts[:-1], start=1):
            if is_system_name(part):
                self.system.add("/".join(parts[:depth]))
        return False

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the content of some files, in one pass through the archive."""
        return self._archive.read_in_order(names)

    def place_of(self, name: str) -> str:
        """Return the archive and the member."""
        return f"{self.place}, {name}"


def archive_stem(path: Path) -> str:
    """Return the file's name without `.tar.gz` and its kind."""
    for ending in _ENDINGS:
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)]
    return path.stem
