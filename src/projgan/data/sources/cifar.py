"""CIFAR-10 and CIFAR-100 as published, binary or Python version, in their archive or unpacked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from projgan.data.sources.archive import Archive
from projgan.data.sources.arrays import ArraySource
from projgan.data.sources.base import MAX_ITEM_BYTES, check_labels
from projgan.data.sources.inert_pickle import byte_array, read_pickle
from projgan.data.sources.splits import choose_split
from projgan.errors import UserError

_PIXELS = 3 * 32 * 32
_MAX_NAMES_BYTES = 2**20
"""Of the file with the class names; the published ones have some 1,500."""


@dataclass(frozen=True)
class _Publication:
    """The files of one published form: which hold the images of each split, and which the names."""

    kind: str
    name: str
    splits: Mapping[str, tuple[str, ...]]
    names_file: str
    names_key: str | None  # None: the names are lines of text
    label_key: str | None  # None: labels are bytes before each image
    label_bytes: int = 0


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_PUBLICATIONS = (
    _Publication(
        kind="CIFAR-10, binary version",
        name="cifar10",
        splits={"train": tuple(f"{batch}.bin" for batch in _BATCHES), "test": ("test_batch.bin",)},
        names_file="batches.meta.txt",
        names_key=None,
        label_key=None,
        label_bytes=1,
    ),
    _Publication(
        kind="CIFAR-100, binary version",
        name="cifar100",
        splits={"train": ("train.bin",), "test": ("test.bin",)},
        names_file="fine_label_names.txt",
        names_key=None,
        label_key=None,
        label_bytes=2,  # the coarse label, then the fine one
    ),
    _Publication(
        kind="CIFAR-10, Python version",
        name="cifar10",
        splits={"train": _BATCHES, "test": ("test_batch",)},
        names_file="batches.meta",
        names_key="label_names",
        label_key="labels",
    ),
    _Publication(
        kind="CIFAR-100, Python version",
        name="cifar100",
        splits={"train": ("train",), "test": ("test",)},
        names_file="meta",
        names_key="fine_label_names",
        label_key="fine_labels",
    ),
)


def cifar_in_folder(folder: Path, split: str | None = None) -> ArraySource | None:
    """Return the CIFAR set whose unpacked files lie in `folder`, or None where they do not."""
    present = {path.name for path in folder.iterdir() if path.is_file()}
    publication = _recognise(present)
    if publication is None:
        return None
    return _read(publication, present, str(folder), split, lambda name: _read_file(folder / name))


def cifar_in_archive(archive: Archive, split: str | None = None) -> ArraySource | None:
    """Return the CIFAR set in an archive, or None where it holds something else."""
    full_names = {member.name.rsplit("/", 1)[-1]: member.name for member in archive.members}
    publication = _recognise(full_names.keys())
    if publication is None:
        return None
    return _read(
        publication, full_names.keys(), str(archive.path), split, lambda name: archive.read(full_names[name])
    )


def _recognise(present: Iterable[str]) -> _Publication | None:
    present = set(present)
    for publication in _PUBLICATIONS:
        some_images = any(present.intersection(files) for files in publication.splits.values())
        if publication.names_file in present and some_images:
            return publication
    return None


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_ITEM_BYTES:
            raise UserError(f"{path} is larger than the {MAX_ITEM_BYTES:,} bytes accepted; download it again")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check its permissions") from error


def _read(
    publication: _Publication,
    present: Iterable[str],
    location: str,
    split: str | None,
    read: Callable[[str], bytes],
) -> ArraySource:
    present = set(present)
    splits = [name for name, files in publication.splits.items() if present.intersection(files)]
    chosen = choose_split(split, splits, location)
    missing = [name for name in publication.splits[chosen] if name not in present]
    if missing:
        raise UserError(f"{location}: {', '.join(missing)} of {publication.kind} is missing; unpack it again")
    class_names = _read_class_names(publication, read(publication.names_file), location)
    parts = [
        _read_images(publication, read(name), f"{location}, {name}") for name in publication.splits[chosen]
    ]
    labels = np.concatenate([part_labels for _, part_labels in parts])
    if not len(labels):
        raise UserError(f"{location} holds no images of the split {chosen!r}; download it again")
    check_labels(labels, len(class_names), location)
    return ArraySource(
        kind=publication.kind,
        name=publication.name,
        location=location,
        images=np.concatenate([pixels for pixels, _ in parts]).reshape(-1, 3, 32, 32),
        labels=labels,
        class_names=class_names,
        classes_from=publication.names_file,
        split=chosen,
        splits=tuple(sorted(splits)),
    )


def _read_images(publication: _Publication, content: bytes, place: str) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels uint8 `[N, 3072]` and labels int64 `[N]` of one file."""
    if publication.label_key is None:
        row = publication.label_bytes + _PIXELS
        if len(content) % row:
            raise UserError(f"{place} has {len(content):,} bytes, not a multiple of {row}; download it again")
        rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, row)
        return rows[:, publication.label_bytes :], rows[:, publication.label_bytes - 1].astype(np.int64)
    batch = _expect_dict(read_pickle(content, place), place)
    pixels = byte_array(batch.get("data"), place)
    labels = batch.get(publication.label_key)
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 1000 for label in labels):
        raise UserError(f"{place} has no list of labels {publication.label_key!r}; download it again")
    if pixels.shape != (len(labels), _PIXELS):
        raise UserError(
            f"{place} has {len(labels)} labels for an array of {pixels.shape[0]}x{pixels.shape[1]}, "
            f"where {_PIXELS} columns belong; download it again"
        )
    return pixels, np.array(labels, dtype=np.int64)


def _read_class_names(publication: _Publication, content: bytes, location: str) -> tuple[str, ...]:
    place = f"{location}, {publication.names_file}"
    if len(content) > _MAX_NAMES_BYTES:
        raise UserError(f"{place} has {len(content):,} bytes, far more than class names; download it again")
    if publication.names_key is None:
        names: Any = [
            line.strip() for line in content.decode("utf-8", "replace").splitlines() if line.strip()
        ]
    else:
        meta = _expect_dict(read_pickle(content, place), place)
        names = meta.get(publication.names_key)
    if isinstance(names, list):
        names = [name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in names]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"{place} has no list of class names; download it again")
    return tuple(names)


def _expect_dict(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{place} is not a dictionary as published; download it again")
    return value
