"""What every source of labelled images offers, wherever its images lie."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from projgan.data.sources.splits import canonical_split
from projgan.data.store import MAX_NAME_LENGTH
from projgan.errors import UserError
from projgan.names import composed

MAX_ITEMS = 50_000_000
"""No source may declare more images than this."""
MAX_CLASSES = 1_000_000
MAX_ITEM_BYTES = 256 * 2**20
"""No encoded image, and no member of an archive, may be larger than this."""


@dataclass(frozen=True)
class Item:
    """One image on its way to be decoded: `open` may be called in another thread.

    `held_bytes` is the memory its encoded form already takes, so that a reader can bound what is in flight.
    """

    index: int
    open: Callable[[], Image.Image]
    held_bytes: int = 0


class Source(ABC):
    """Labelled images in a fixed order.

    Attributes:
        kind: what it is, in words ("folder of class folders").
        name: short human name ("cifar10").
        location: the path as given.
        split: the split chosen, or None where there are no splits.
        splits: the splits present; empty where there are none.
        class_names: names sorted by label.
        classes_from: what the classes were read from, in words.
        labels: int64 `[N]`.
        conditions: float32 `[N,K]` where a condition other than one class was asked for and is there.
        condition_names: names of its columns.
        total_bytes: size of all encoded images, in bytes.
        fingerprint: sha256 in hex that changes with the items, their labels, and their content where
            knowing it costs nothing more, else their sizes and times of change; not with where they lie.
            One fingerprint means the same images, while the same images may have several.
        problems: what forbids training on it, one line each; `pack` refuses with the first of them.
        remarks: what a person should know, one line each.
        deeper: the remark on a folder with one class that says where more may lie; "" in most.
    """

    kind: str
    name: str
    location: str
    split: str | None = None
    splits: tuple[str, ...] = ()
    class_names: tuple[str, ...]
    classes_from: str
    labels: np.ndarray
    conditions: np.ndarray | None = None
    condition_names: tuple[str, ...] = ()
    total_bytes: int
    fingerprint: str
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    deeper: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def test_split(self) -> str | None:
        """The split to measure on what is learned of this one: `test`, else `validation`, else None."""
        others = [name for name in ("test", "validation") if name in self.splits and name != self.split]
        return others[0] if others else None

    @abstractmethod
    def item_name(self, index: int) -> str:
        """Return the name of an image in words of the source: a file name, or a row of a file."""

    @abstractmethod
    def read(self, index: int) -> Image.Image:
        """Return one image, header read and pixels perhaps not yet.

        Raises:
            UnreadableImageError: names the image.
        """

    def iterate(self) -> Iterator[Item]:
        """Yield every item in order, by the fastest way through the source."""
        for index in range(len(self)):
            yield Item(index, partial(self.read, index))


def fingerprint_items(
    class_names: Sequence[str],
    items: Iterable[tuple[str, int | str]],
    labels: np.ndarray,
    condition_names: Sequence[str] = (),
    conditions: np.ndarray | None = None,
) -> str:
    """Return a sha256 over class names, items (name, and size or checksum), labels and conditions."""
    digest = hashlib.sha256()
    for name in class_names:
        digest.update(f"class {name!r}\n".encode())
    for name, identity in items:
        digest.update(f"item {name!r} {identity}\n".encode())
    digest.update(np.ascontiguousarray(labels, dtype="<i8").tobytes())
    for name in condition_names:
        digest.update(f"column {name!r}\n".encode())
    if conditions is not None:
        digest.update(np.ascontiguousarray(conditions, dtype="<f4").tobytes())
    return digest.hexdigest()


def file_identity(status: os.stat_result) -> str:
    """Return what changes when a file is written anew, even where its size stays the same."""
    return f"{status.st_size} {status.st_mtime_ns}"


def natural_order(names: Iterable[str]) -> list[str]:
    """Return `names` sorted: by value when every one is a whole number, else by character."""
    names = list(names)
    if names and all(name.isascii() and name.isdecimal() and len(name) <= 18 for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def refuse_split_of_undivided(split: str | None, location: str) -> None:
    """Accept only None and "train", however spelt, for a source without splits: it is all to train on."""
    if split is not None and canonical_split(split) != "train":
        raise UserError(f"{location} has no splits, so {split!r} cannot be chosen; leave the split out")


def labels_from_names(values: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the distinct names, composed, in natural order, and each value's label as int64 `[N]`."""
    values = [composed(value) for value in values]
    class_names = natural_order(set(values))
    label = {name: position for position, name in enumerate(class_names)}
    return tuple(class_names), np.array([label[value] for value in values], dtype=np.int64)


def check_labels(labels: np.ndarray, class_count: int, place: str) -> None:
    """Refuse labels outside `0 .. class_count - 1`."""
    outside = np.flatnonzero((labels < 0) | (labels >= class_count))
    if len(outside):
        first = int(outside[0])
        raise UserError(
            f"{place}: label {int(labels[first])} of item {first} is outside 0..{class_count - 1} "
            f"({len(outside)} such); correct the labels or the class names"
        )


def refuse_undecodable(name: str, place: str) -> None:
    """Refuse a name that is not valid UTF-8: it could be neither stored nor shown."""
    # Python keeps the bytes of such names as lone surrogates, which no encoding accepts.
    if not name.isascii() and any("\ud800" <= character <= "\udfff" for character in name):
        raise UserError(f"{place!r}: the name {name[:200]!r} is not valid UTF-8; rename it")


def check_class_names(class_names: Sequence[str], place: str) -> None:
    """Refuse class names that are no names: given twice, not valid text, or endless."""
    seen: set[str] = set()
    for name in class_names:
        refuse_undecodable(name, place)
        if len(name) > MAX_NAME_LENGTH:
            raise UserError(
                f"{place}: the class name {name[:50]!r}… has {len(name):,} characters, more than the "
                f"{MAX_NAME_LENGTH:,} accepted; shorten it"
            )
        if name in seen:
            raise UserError(f"{place}: two classes are called {name!r}; give each a name of its own")
        seen.add(name)


def numbered_class_names(labels: np.ndarray, place: str) -> tuple[str, ...]:
    """Return "0", "1", … up to the largest label, for a source that declares no names."""
    largest = int(labels.max(initial=0))
    if largest >= MAX_CLASSES:
        raise UserError(f"{place}: label {largest} is more than the {MAX_CLASSES:,} classes accepted")
    return tuple(str(label) for label in range(largest + 1))
