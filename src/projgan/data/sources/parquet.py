"""Images and labels in Parquet files of the Hugging Face image layout."""

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from projgan.data.decode import UnreadableImageError, open_image
from projgan.data.sources.base import (
    MAX_CLASSES,
    MAX_ITEM_BYTES,
    Item,
    Source,
    check_labels,
    fingerprint_items,
    labels_from_names,
    numbered_class_names,
)
from projgan.data.sources.parquet_file import ParquetFile
from projgan.data.sources.shards import Shards
from projgan.errors import UserError
from projgan.names import composed


class ParquetSource(Source):
    """Encoded images in Parquet, row by row in the order of the files."""

    kind = "Parquet in the Hugging Face layout"

    def __init__(self, shards: Shards) -> None:
        self.location, self.name = shards.location, shards.name
        self.split, self.splits, self.remarks = shards.split, shards.splits, shards.remarks
        self._files = [ParquetFile(path) for path in shards.files]
        for file in self._files:
            file.refuse_several_splits()
        self._starts = np.cumsum([0] + [file.count for file in self._files])
        self._paths = [file.read_paths() for file in self._files]
        raw = [file.read_labels() for file in self._files]
        self.class_names, self.labels = self._name_labels(raw, shards.others)
        self.classes_from = f"the column {self._files[0].layout.label}"
        self.total_bytes = sum(file.image_bytes for file in self._files)
        self.fingerprint = fingerprint_items(
            self.class_names,
            ((file.path.name, shards.checksums.get(file.path, file.identity)) for file in self._files),
            self.labels,
        )
        self._lock = threading.Lock()
        self._held: tuple[int, int, list[bytes | None]] | None = None

    def _name_labels(
        self, raw: list[list[Any]], others: Callable[[], Sequence[Path]]
    ) -> tuple[tuple[str, ...], np.ndarray]:
        values = [value for part in raw for value in part]
        if not values:
            raise UserError(f"{self.location} holds no rows; fetch the data set again")
        declared = self._files[0].layout.declared_names
        if any(file.layout.declared_names != declared for file in self._files):
            raise UserError(
                f"{self.location}: its files declare different class names; fetch them from one set"
            )
        if isinstance(values[0], str):
            # Other splits are asked too, so that a name has one label whichever split is read.
            known = values + [value for path in others() for value in ParquetFile(path).read_labels()]
            names = declared or labels_from_names([str(value) for value in known])[0]
            return names, self._labels_of_names(values, names)
        labels = self._numbers(values)
        if declared is None:
            known = values + [value for path in others() for value in ParquetFile(path).read_labels()]
            declared = numbered_class_names(self._numbers(known), self.location)
        check_labels(labels, len(declared), self.location)
        return declared, labels

    def _numbers(self, values: Sequence[int]) -> np.ndarray:
        largest = max(values)
        if largest >= MAX_CLASSES:
            raise UserError(
                f"{self.location}: label {largest} is more than the {MAX_CLASSES:,} classes accepted"
            )
        return np.array(values, dtype=np.int64)

    def _labels_of_names(self, values: Sequence[Any], names: tuple[str, ...]) -> np.ndarray:
        label = {composed(name): index for index, name in enumerate(names)}
        values = [composed(value) for value in values]
        unknown = next((value for value in values if value not in label), None)
        if unknown is not None:
            raise UserError(
                f"{self.location}: class {unknown!r} is not among the declared names; correct either"
            )
        return np.array([label[value] for value in values], dtype=np.int64)

    def item_name(self, index: int) -> str:
        """Return the file, the row in it, and the original name where there is one."""
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        row = index - int(self._starts[shard])
        paths = self._paths[shard]
        original = f" ({paths[row]})" if paths is not None and paths[row] else ""
        return f"{self._files[shard].path.name} row {row}{original}"

    def read(self, index: int) -> Image.Image:
        """Read one image; its row group stays in memory until another is asked for."""
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        group, row = self._files[shard].locate(index - int(self._starts[shard]))
        with self._lock:
            if self._held is None or self._held[:2] != (shard, group):
                self._held = (shard, group, list(self._files[shard].read_images([group])))
            content = self._held[2][row]
        return _open(content, self.item_name(index))

    def iterate(self) -> Iterator[Item]:
        """Yield every image in order, a few rows in memory at a time."""
        index = 0
        for file in self._files:
            for content in file.read_images(range(file.group_count)):
                yield Item(index, partial(_open, content, self.item_name(index)), len(content or b""))
                index += 1
        if index != len(self):
            raise UserError(f"{self.location} has {index} images for {len(self)} labels; fetch it again")


def _open(content: bytes | None, name: str) -> Image.Image:
    if content is None:
        raise UnreadableImageError(name, "the row has no image bytes (perhaps only a path)")
    if len(content) > MAX_ITEM_BYTES:
        raise UnreadableImageError(name, f"larger than the {MAX_ITEM_BYTES:,} bytes accepted")
    return open_image(content, name)
