"""A folder of class folders."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from projgan.data.decode import UnreadableImageError, open_image
from projgan.data.sources.base import MAX_ITEM_BYTES, MAX_ITEMS, Source, file_identity, fingerprint_items
from projgan.data.sources.tree import arrange, is_image_name
from projgan.errors import UserError


class FolderSource(Source):
    """Images at `CLASS/**/IMAGE`, or `SPLIT/CLASS/**/IMAGE`, sorted by class and name."""

    kind = "folder of class folders"

    def __init__(self, folder: Path, split: str | None = None) -> None:
        self.location = str(folder)
        self.name = folder.resolve().name
        self._folder = folder
        walked = _walk(folder)
        order = sorted(walked.images)
        tree = arrange(order, walked.folders, split, self.location)
        # By label, so that the order is the classes' own even when they sort as numbers.
        ranked = sorted(
            zip(tree.labels.tolist(), (order[position] for position in tree.positions), strict=True)
        )
        self._names = [name for _, name in ranked]
        self.labels = tree.labels[tree.labels.argsort(kind="stable")]
        self.class_names = tree.class_names
        self.split, self.splits = tree.split, tree.splits
        self.total_bytes = sum(walked.images[name].size for name in self._names)
        self.fingerprint = fingerprint_items(
            self.class_names, ((name, walked.images[name].identity) for name in self._names), self.labels
        )
        self.problems = tree.problems + walked.problems(self.location)
        self.remarks = tree.remarks + walked.remarks()

    def item_name(self, index: int) -> str:
        """Return the file's name relative to the folder."""
        return self._names[index]

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


class _File(NamedTuple):
    size: int
    identity: str


@dataclass
class _Walked:
    images: dict[str, _File] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def problems(self, place: str) -> tuple[str, ...]:
        if not self.links:
            return ()
        return (
            f"{place}: {self.links[0]} is a link out of the folder, to a folder or to nothing "
            f"({len(self.links)} such); links are followed only to files inside, so put the images "
            "themselves there",
        )

    def remarks(self) -> tuple[str, ...]:
        if not self.others:
            return ()
        kinds = ", ".join(
            f"{count} {suffix or 'without suffix'}" for suffix, count in self.others.most_common(4)
        )
        return (f"{self.others.total()} files that are not images by name are ignored ({kinds})",)


def _walk(folder: Path) -> _Walked:
    """Collect images with their sizes and times without leaving the folder; hidden files are passed over."""
    walked = _Walked()
    root = folder.resolve()
    pending = [""]
    try:
        while pending:
            relative = pending.pop()
            with os.scandir(folder / relative) as entries:
                for entry in entries:
                    if not entry.name.startswith("."):
                        _take(entry, f"{relative}/{entry.name}".lstrip("/"), root, walked, pending)
    except OSError as error:
        raise UserError(
            f"{error.filename or folder} cannot be read ({error.strerror}); check its permissions"
        ) from error
    if len(walked.images) > MAX_ITEMS:
        raise UserError(f"{folder} holds more than the {MAX_ITEMS:,} images accepted")
    return walked


def _take(entry: "os.DirEntry[str]", name: str, root: Path, walked: _Walked, pending: list[str]) -> None:
    if entry.is_symlink():
        target = Path(entry.path).resolve()
        if not (target.is_file() and target.is_relative_to(root)):
            if is_image_name(name) or not target.is_file():
                walked.links.append(name)
            return
    elif entry.is_dir():
        walked.folders.add(name)
        pending.append(name)
        return
    if not entry.is_file():
        return
    if is_image_name(name):
        status = entry.stat()
        walked.images[name] = _File(status.st_size, file_identity(status))
    else:
        walked.others[Path(name).suffix.lower()] += 1
