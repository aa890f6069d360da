"""A folder of images: in class folders, or beside a file that says what each shows."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from PIL import Image

from projgan.data.decode import UnreadableImageError, open_image
from projgan.data.sources.arrangement import FileSource
from projgan.data.sources.arranging import arrange
from projgan.data.sources.base import MAX_ITEM_BYTES, MAX_ITEMS, file_identity
from projgan.data.sources.columns import ONE_CLASS, ConditionRequest
from projgan.data.sources.listing import File, Listing, is_image_name, is_system_name
from projgan.errors import UserError


class FolderSource(FileSource):
    """Images at `CLASS/**/IMAGE` or `SPLIT/CLASS/**/IMAGE`, sorted by class and name.

    Where a file of labels lies beside them, they are what it names, in the order of its rows.
    """

    def __init__(self, folder: Path, split: str | None = None, request: ConditionRequest = ONE_CLASS) -> None:
        self.name = folder.resolve().name
        self._folder = folder
        listing = FolderListing(folder)
        super().__init__(listing, arrange(listing, split, request))

    def read(self, index: int) -> Image.Image:
        """Open one file."""
        name = self._names[index]
        return open_file(self._folder / name, name)


def open_file(path: Path, name: str) -> Image.Image:
    """Return the image in a file, whose bytes are read at once so that no handle stays open."""
    try:
        if path.stat().st_size > MAX_ITEM_BYTES:
            raise UnreadableImageError(name, f"larger than the {MAX_ITEM_BYTES:,} bytes accepted")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(name, f"cannot be read ({error.strerror})") from error
    return open_image(content, name)


class FolderListing(Listing):
    """What lies in a folder, which is never left: links are followed to what is inside it."""

    noun = "folder"
    in_order = False
    unwrap = False
    refuses_links = True

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._folder, self._root = folder, folder.resolve()
        pending = [("", False)]
        try:
            while pending:
                relative, linked = pending.pop()
                with os.scandir(folder / relative) as entries:
                    for entry in entries:
                        name = f"{relative}/{entry.name}".lstrip("/")
                        if self._take(entry, name, linked):
                            pending.append((name, linked or entry.is_symlink()))
        except OSError as error:
            raise UserError(
                f"{error.filename or folder} cannot be read ({error.strerror}); check its permissions"
            ) from error
        self.links_out.sort()

    def _take(self, entry: "os.DirEntry[str]", name: str, linked: bool) -> bool:
        """Note one entry, and return whether it is a folder to look into."""
        if entry.name.startswith("."):
            return False
        if is_system_name(entry.name):
            if entry.is_dir():
                self.system.add(name)
            return False
        if entry.is_symlink() and not self._stays(Path(entry.path), linked):
            if is_image_name(name) or not Path(entry.path).is_file():
                self.links_out.append(name)
            return False
        if entry.is_dir():
            self.folders.add(name)
            return True
        if entry.is_file():
            status = entry.stat()
            self.files[name] = File(status.st_size, file_identity(status))
            if len(self.files) > MAX_ITEMS:
                raise UserError(f"{self._folder} holds more than the {MAX_ITEMS:,} files accepted")
        else:
            self.specials.append(name)
        return False

    def _stays(self, link: Path, linked: bool) -> bool:
        """Return whether a link leads to a file or folder inside, and not back to where it lies."""
        try:
            target, place = link.resolve(), link.parent.resolve()
        except RuntimeError:  # links in a circle, before Python 3.13
            return False
        if not target.is_relative_to(self._root):
            return False
        if target.is_file():
            return True
        # In a folder that was reached by a link no other is followed: they could multiply without end.
        return target.is_dir() and not linked and not place.is_relative_to(target)

    def find(self, name: str) -> str | None:
        """Return the name of the file that a person calls so, also of a hidden one.

        Raises:
            UserError: it is a link that leaves the folder.
        """
        found = super().find(name)
        path = self._folder / name
        try:
            if found is not None or not path.is_file():
                return found
            stays, status = path.resolve().is_relative_to(self._root), path.stat()
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
            raise UserError(f"{name[:100]!r} cannot be read ({error})") from error
        if not stays:
            raise UserError(f"{name} is a link that leaves the folder; put the image itself there")
        self.files[name] = File(status.st_size, file_identity(status))
        return name

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the content of some files."""
        for name in names:
            try:
                yield name, (self._folder / name).read_bytes()
            except OSError as error:
                raise UserError(
                    f"{self.place_of(name)} cannot be read ({error.strerror}); check its permissions"
                ) from error

    def place_of(self, name: str) -> str:
        """Return the path of a file."""
        return str(self._folder / name)
