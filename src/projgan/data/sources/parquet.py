"""Parquet files in the Hugging Face image layout; the only module that uses pyarrow."""

import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from projgan.data.decode import UnreadableImageError, open_image
from projgan.data.sources.base import (
    MAX_CLASSES,
    MAX_ITEM_BYTES,
    MAX_ITEMS,
    Item,
    Source,
    check_labels,
    file_identity,
    fingerprint_items,
    labels_from_names,
    numbered_class_names,
)
from projgan.data.sources.shards import choose_shards
from projgan.errors import UserError

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "fine_label")
_BATCH_ROWS = 64
_BATCH_BYTES = 2**28
_MAX_METADATA_BYTES = 64 * 2**20


@dataclass(frozen=True)
class _Layout:
    """The columns of one file that matter."""

    image: str
    bytes_column: str
    path_column: str | None
    label: str
    declared_names: tuple[str, ...] | None


class ParquetSource(Source):
    """Encoded images in Parquet, row by row in the order of the files."""

    kind = "Parquet in the Hugging Face layout"

    def __init__(self, location: Path, split: str | None = None) -> None:
        self.location = str(location)
        self.split, shards = choose_shards(location, split)
        self.splits = () if self.split is None else tuple(sorted(shards))
        self.name = location.stem if location.is_file() else location.resolve().name
        chosen = shards[self.split or ""]
        self._files = [_File(path) for path in chosen]
        self._starts = np.cumsum([0] + [file.count for file in self._files])
        self._paths = [file.read_paths() for file in self._files]
        raw = [file.read_labels() for file in self._files]
        others = [path for name, paths in shards.items() if name != (self.split or "") for path in paths]
        self.class_names, self.labels = self._name_labels(raw, others)
        self.total_bytes = sum(file.image_bytes for file in self._files)
        self.fingerprint = fingerprint_items(
            self.class_names, ((file.path.name, file.identity) for file in self._files), self.labels
        )
        self._lock = threading.Lock()
        self._held: tuple[int, int, list[bytes | None]] | None = None

    def _name_labels(
        self, raw: list[list[Any]], others: Sequence[Path]
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
            known = values + [value for path in others for value in _File(path).read_labels()]
            names = declared or labels_from_names([str(value) for value in known])[0]
            return names, self._labels_of_names(values, names)
        labels = np.array(values, dtype=np.int64)
        if declared is None:
            known = values + [value for path in others for value in _File(path).read_labels()]
            declared = numbered_class_names(np.array(known, dtype=np.int64), self.location)
        check_labels(labels, len(declared), self.location)
        return declared, labels

    def _labels_of_names(self, values: Sequence[Any], names: tuple[str, ...]) -> np.ndarray:
        label = {name: index for index, name in enumerate(names)}
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


class _File:
    """One Parquet file, opened anew for each pass so that no handle is shared between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _errors(path):
            file = self._open()
            metadata = file.metadata
            self.count: int = metadata.num_rows
            if self.count > MAX_ITEMS or metadata.serialized_size > _MAX_METADATA_BYTES:
                raise UserError(f"{path} declares more than the {MAX_ITEMS:,} rows accepted; fetch it again")
            self.group_count: int = metadata.num_row_groups
            groups = [metadata.row_group(group) for group in range(self.group_count)]
            self._group_rows = np.cumsum([0] + [group.num_rows for group in groups])
            self.layout = _read_layout(file.schema_arrow, path)
            chunks = [
                chunk
                for group in groups
                for chunk in (group.column(column) for column in range(group.num_columns))
                if chunk.path_in_schema == self.layout.bytes_column
            ]
            self.image_bytes = sum(chunk.total_uncompressed_size for chunk in chunks)
            self._largest_chunk = max((chunk.total_uncompressed_size for chunk in chunks), default=0)
            self.identity = hashlib.sha256(
                f"{file_identity(path.stat())} {[chunk.to_dict() for chunk in chunks]}".encode()
            ).hexdigest()

    def _open(self) -> Any:
        from pyarrow import parquet

        return parquet.ParquetFile(self.path, pre_buffer=False)

    def locate(self, row: int) -> tuple[int, int]:
        group = int(np.searchsorted(self._group_rows, row, side="right")) - 1
        return group, row - int(self._group_rows[group])

    def read_labels(self) -> list[Any]:
        """Return the labels as ints or as text; a label that is missing is refused."""
        with _errors(self.path):
            labels = self._open().read(columns=[self.layout.label]).column(0).to_pylist()
        kinds = {type(label) for label in labels}
        if not kinds <= {int} and not kinds <= {str}:
            odd = next(index for index, label in enumerate(labels) if type(label) not in (int, str))
            raise UserError(
                f"{self.path}, row {odd}: column {self.layout.label!r} has {labels[odd]!r} where a whole "
                "number or a name belongs; choose a split with labels"
            )
        if -1 in labels:
            raise UserError(f"{self.path}: labels of -1 mean unlabelled images; choose a split with labels")
        return labels

    def read_paths(self) -> list[str | None] | None:
        if self.layout.path_column is None:
            return None
        with _errors(self.path):
            table = self._open().read(columns=[self.layout.path_column])
            column = table.column(0).combine_chunks()
            return column.field("path").to_pylist()

    def read_images(self, groups: Sequence[int]) -> Iterator[bytes | None]:
        """Yield the encoded bytes of row groups in order."""
        # A dictionary lets every row repeat one huge value, so only as many at a time as could each be all.
        rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, self._largest_chunk)))
        with _errors(self.path):
            for batch in self._open().iter_batches(
                batch_size=rows,
                row_groups=list(groups),
                columns=[self.layout.bytes_column],
                use_threads=False,
            ):
                column = batch.column(0)
                if self.layout.bytes_column != self.layout.image:
                    column = column.field("bytes")
                for value in column:  # one at a time, so that the batch is not there twice
                    yield value.as_py()


class _errors:  # noqa: N801 - reads as a phrase: with _errors(path)
    """Turn what pyarrow raises on a damaged file into one line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import pyarrow

        if isinstance(error, UserError):
            return
        if isinstance(error, pyarrow.ArrowException | OSError | ValueError | IndexError | MemoryError):
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{self._path} cannot be read as Parquet ({reason}); fetch it again") from error


def _read_layout(schema: Any, path: Path) -> _Layout:
    from pyarrow import types

    def is_bytes(kind: Any) -> bool:
        return types.is_binary(kind) or types.is_large_binary(kind)

    image = next((name for name in IMAGE_COLUMNS if name in schema.names), None)
    if image is None:
        raise UserError(
            f"{path} has no column {' or '.join(IMAGE_COLUMNS)} (columns: {', '.join(schema.names[:20])}); "
            "rename the one with the images"
        )
    kind = schema.field(image).type
    fields = (
        {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
        if types.is_struct(kind)
        else {}
    )
    if not is_bytes(fields.get("bytes", kind)):
        raise UserError(
            f"{path}: column {image!r} is {str(kind)[:100]}, not encoded images (a struct of bytes and path)"
        )
    features = _features(schema.metadata)
    label = _label_column(schema, features, path)
    has_path = fields and types.is_string(fields.get("path"))
    return _Layout(
        image=image,
        bytes_column=f"{image}.bytes" if fields else image,
        path_column=f"{image}.path" if has_path else None,
        label=label,
        declared_names=_class_names(features.get(label)),
    )


def _label_column(schema: Any, features: dict[str, Any], path: Path) -> str:
    for name in LABEL_COLUMNS:
        if name in schema.names:
            return name
    declared = [name for name in schema.names if _class_names(features.get(name)) is not None]
    if len(declared) == 1:
        return declared[0]
    raise UserError(
        f"{path} has no column {' or '.join(LABEL_COLUMNS)} (columns: {', '.join(schema.names[:20])}); "
        "rename the one with the labels"
    )


def _features(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """Return what the schema's metadata says of each column; nothing where it says nothing of use."""
    try:
        described = json.loads((metadata or {}).get(b"huggingface", b"{}"))
        features = described["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _class_names(feature: Any) -> tuple[str, ...] | None:
    names = feature.get("names") if isinstance(feature, dict) else None
    if not isinstance(names, list) or not names or len(names) > MAX_CLASSES:
        return None
    return tuple(names) if all(isinstance(name, str) for name in names) else None
