"""One Parquet file with images in a column, labels in another; the only module that uses pyarrow."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from projgan.data.sources.base import MAX_CLASSES, MAX_ITEMS, file_identity
from projgan.data.sources.expansion import check_expansion
from projgan.data.sources.splits import SPLIT_COLUMNS, split_of_folder
from projgan.data.store import MAX_NAME_LENGTH
from projgan.errors import UserError, listed, printable, reading

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "fine_label")
_IMAGES_AT_ONCE = 64
_CELLS_AT_ONCE = 2**16
_BATCH_BYTES = 2**28
_MAX_METADATA_BYTES = 64 * 2**20
_FREE_ROWS = 100_000
"""So many rows may have no image at all."""
_MAX_PATH_LENGTH, _MAX_PATHS_LENGTH = 200, 2**27
"""Letters of one name, and of all: they only help to find an image."""


@dataclass(frozen=True)
class _Layout:
    """The columns of one file that matter."""

    image: str
    bytes_column: str
    path_column: str | None
    label: str
    declared_names: tuple[str, ...] | None
    split_columns: tuple[str, ...]
    """Columns of text that may say in which split a row is."""


class ParquetFile:
    """One file, opened anew for each pass so that no handle is shared between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._reading():
            file = self._open()
            metadata = file.metadata
            self.count: int = metadata.num_rows
            if self.count > MAX_ITEMS or metadata.serialized_size > _MAX_METADATA_BYTES:
                raise UserError(f"{path} declares more than the {MAX_ITEMS:,} rows accepted; fetch it again")
            self.group_count: int = metadata.num_row_groups
            groups = [metadata.row_group(group) for group in range(self.group_count)]
            self._group_rows = np.cumsum([0] + [group.num_rows for group in groups])
            self.layout = _read_layout(file.schema_arrow, path)
            chunks = [group.column(column) for group in groups for column in range(group.num_columns)]
            self._largest_chunks = _largest_chunks(chunks)
            images = [chunk for chunk in chunks if chunk.path_in_schema == self.layout.bytes_column]
            self.image_bytes = sum(chunk.total_uncompressed_size for chunk in images)
            check_expansion(path.stat().st_size, self.image_bytes, str(path))
            if self.count > max(_FREE_ROWS, self.image_bytes):
                raise UserError(
                    f"{path} declares {self.count:,} rows for {self.image_bytes:,} bytes of images"
                )
            self.identity = hashlib.sha256(
                f"{file_identity(path.stat())} {[chunk.to_dict() for chunk in images]}".encode()
            ).hexdigest()

    def _reading(self) -> AbstractContextManager[None]:
        return reading(self.path, "Parquet", "fetch it again")

    def _open(self) -> Any:
        from pyarrow import parquet

        return parquet.ParquetFile(self.path, pre_buffer=False, page_checksum_verification=True)

    def locate(self, row: int) -> tuple[int, int]:
        """Return the row group of a row, and its place in it."""
        group = int(np.searchsorted(self._group_rows, row, side="right")) - 1
        return group, row - int(self._group_rows[group])

    def read_labels(self) -> list[Any]:
        """Return the labels as ints or as text; a label that is missing is refused."""
        labels: list[Any] = []
        kinds: set[type] = set()
        for label in self._read(self.layout.label, _CELLS_AT_ONCE):
            kinds.add(type(label))
            if not (kinds <= {int} or kinds <= {str}):
                raise UserError(
                    f"{self.path}, row {len(labels)}: column {self.layout.label!r} has "
                    f"{printable(repr(label))} where a whole number or a name belongs; "
                    "choose a split with labels"
                )
            if label == -1:
                raise UserError(
                    f"{self.path}: labels of -1 mean unlabelled images; choose a split with labels"
                )
            if kinds == {str} and len(label) > MAX_NAME_LENGTH:
                raise UserError(
                    f"{self.path}, row {len(labels)}: a class name of {len(label):,} letters, more than the "
                    f"{MAX_NAME_LENGTH:,} accepted; shorten it"
                )
            labels.append(label)
        return labels

    def refuse_several_splits(self) -> None:
        """Refuse a column that names parts of the set: all rows would be taken for one.

        Raises:
            UserError: names the column and the parts.
        """
        for column in self.layout.split_columns:
            found: set[str] = set()
            for name in self._read(column, _CELLS_AT_ONCE):
                part = split_of_folder(name) if isinstance(name, str) else None
                if part is not None:
                    found.add(part)
            if len(found) > 1:
                raise UserError(
                    f"{self.path}: column {column!r} names several parts, {listed(sorted(found))}, and a "
                    "Parquet file is one part; write a file for each, as train-00000-of-00001.parquet"
                )

    def read_paths(self) -> list[str | None] | None:
        """Return the images' original names, shortened; None where there are none, or far too many."""
        if self.layout.path_column is None:
            return None
        paths, length = [], 0
        for path in self._read(self.layout.path_column, _CELLS_AT_ONCE, "path"):
            paths.append(path and path[:_MAX_PATH_LENGTH])
            length += len(path or "")
            if length > _MAX_PATHS_LENGTH:
                return None
        return paths

    def read_images(self, groups: Sequence[int]) -> Iterator[bytes | None]:
        """Yield the encoded bytes of row groups in order."""
        inside = "bytes" if self.layout.bytes_column != self.layout.image else None
        yield from self._read(self.layout.bytes_column, _IMAGES_AT_ONCE, inside, groups)

    def _read(
        self, column: str, at_once: int, inside: str | None = None, groups: Sequence[int] | None = None
    ) -> Iterator[Any]:
        """Yield the cells of a column, or of a part of a struct; of all row groups if none are named."""
        # A dictionary lets every row repeat one huge value, so only as many at a time as could each be all.
        rows = max(1, min(at_once, _BATCH_BYTES // max(1, self._largest_chunks.get(column, 1))))
        with self._reading():
            for batch in self._open().iter_batches(
                batch_size=rows,
                row_groups=list(range(self.group_count) if groups is None else groups),
                columns=[column],
                use_threads=False,
            ):
                cells = batch.column(0) if inside is None else batch.column(0).field(inside)
                for cell in cells:  # one at a time, so that the batch is not there twice
                    yield cell.as_py()


def _largest_chunks(chunks: Sequence[Any]) -> dict[str, int]:
    """The size of the largest chunk of each column, in bytes once it is unpacked."""
    largest: dict[str, int] = {}
    for chunk in chunks:
        size = max(largest.get(chunk.path_in_schema, 0), chunk.total_uncompressed_size)
        largest[chunk.path_in_schema] = size
    return largest


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
    features = _features(schema.metadata)
    label = _label_column(schema, features, path)
    for name in (image, label):
        if schema.names.count(name) > 1:
            raise UserError(f"{path} has two columns called {name!r}; rename or remove one of them")
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
    _refuse_other_labels(schema.field(label).type, label, path)
    path_kind = fields.get("path")
    has_path = path_kind is not None and _is_text(path_kind)
    return _Layout(
        image=image,
        bytes_column=f"{image}.bytes" if fields else image,
        path_column=f"{image}.path" if has_path else None,
        label=label,
        declared_names=_class_names(features.get(label)),
        split_columns=tuple(
            name
            for name in schema.names
            if name.lower() in SPLIT_COLUMNS and schema.names.count(name) == 1 and name != label
            if _is_text(schema.field(name).type)
        ),
    )


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return any(is_kind(kind) for is_kind in (types.is_string, types.is_large_string, types.is_string_view))


def _refuse_other_labels(kind: Any, label: str, path: Path) -> None:
    """Refuse dates and the like, of which not all that Parquet holds can be made in Python."""
    from pyarrow import types

    of_names = kind.value_type if types.is_dictionary(kind) else kind
    plain = (types.is_integer, types.is_floating, types.is_boolean, types.is_null)
    if not _is_text(kind) and not any(is_kind(of_names) for is_kind in plain):
        raise UserError(
            f"{path}: column {label!r} is {str(kind)[:100]} where whole numbers or names belong; "
            "rename the one with the labels"
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
