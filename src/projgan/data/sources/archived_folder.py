"""A zip or tar of class folders."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from projgan.data.decode import UnreadableImageError, open_image
from projgan.data.sources.archive import Archive
from projgan.data.sources.base import Item, Source, fingerprint_items
from projgan.data.sources.tree import arrange, is_hidden, is_image_name
from projgan.errors import UserError

_ENDINGS = (".tar.gz", ".tgz", ".tar", ".zip")


class ArchivedFolderSource(Source):
    """Images at `CLASS/**/IMAGE` or `SPLIT/CLASS/**/IMAGE`, in the order of the archive.

    One folder that wraps all the others is seen through.
    """

    kind = "archive of class folders"

    def __init__(self, archive: Archive, split: str | None = None) -> None:
        self._archive = archive
        self.location = str(archive.path)
        self.name = archive_stem(archive.path)
        images = [
            member for member in archive.members if is_image_name(member.name) and not is_hidden(member.name)
        ]
        tree = arrange(
            [member.name for member in images],
            {name for name in archive.folders if not is_hidden(name)},
            split,
            self.location,
            strip_root=True,
        )
        chosen = [images[position] for position in tree.positions]
        self._names = [member.name for member in chosen]
        self.labels, self.class_names = tree.labels, tree.class_names
        self.split, self.splits = tree.split, tree.splits
        self.problems, self.remarks = tree.problems, tree.remarks
        self.total_bytes = sum(member.size for member in chosen)
        identities = [("archive", archive.identity), *((member.name, member.identity) for member in chosen)]
        self.fingerprint = fingerprint_items(self.class_names, identities, self.labels)

    def item_name(self, index: int) -> str:
        """Return the member's name."""
        return self._names[index]

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


def archive_stem(path: Path) -> str:
    """Return the file's name without `.tar.gz` and its kind."""
    for ending in _ENDINGS:
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)]
    return path.stem
