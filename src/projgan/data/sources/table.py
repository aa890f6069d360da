"""A folder of images with a CSV file that says what each shows: a class, several classes, or numbers."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from projgan.data.sources.base import (
    MAX_ITEMS,
    Source,
    file_identity,
    fingerprint_items,
    labels_from_names,
    refuse_split_of_undivided,
)
from projgan.data.sources.columns import (
    NAMES_COLUMNS,
    ONE_CLASS,
    UNLABELLED,
    ConditionRequest,
    choose_columns,
    empty_conditions,
    multi_hot_of_names,
    names_in_cell,
    read_number,
)
from projgan.data.sources.folder import open_file
from projgan.data.sources.tree import is_image_name
from projgan.errors import UserError

FILE_COLUMNS = ("file", "file_name", "filename", "image", "path")
LABEL_COLUMNS = ("label", "class", "class_name")
_SHOWN = 5


class TableSource(Source):
    """Images in the order of the rows of `labels.csv`, or of the only CSV file like it."""

    kind = "folder with a CSV of labels"

    def __init__(self, folder: Path, split: str | None = None, request: ConditionRequest = ONE_CLASS) -> None:
        self.location = str(folder)
        refuse_split_of_undivided(split, self.location)
        self.name = folder.resolve().name
        self._folder = folder
        table = find_table(folder, request)
        if table is None:
            raise UserError(f"{folder} holds no CSV file; name one labels.csv")
        rows, columns = _read_rows(table, request)
        self._names = [row.name for row in rows]
        files = _find_files(folder, table, rows)
        self.class_names, self.labels = labels_from_names([row.label for row in rows])
        if request.kind != "class":
            self.condition_names, self.conditions = _conditions_of(table, rows, columns, request)
        self.total_bytes = sum(file.st_size for file in files)
        self.fingerprint = fingerprint_items(
            self.class_names,
            zip(self._names, map(file_identity, files), strict=True),
            self.labels,
            self.condition_names,
            self.conditions,
        )

    def item_name(self, index: int) -> str:
        """Return the file's name as the CSV has it."""
        return self._names[index]

    def read(self, index: int) -> Image.Image:
        """Open one file."""
        return open_file(self._folder / self._names[index], self._names[index])


def find_table(folder: Path, request: ConditionRequest = ONE_CLASS) -> Path | None:
    """Return `labels.csv`, or the only CSV file with the columns of one, or None.

    Beside class folders with images, a CSV file of anything else is passed over; where there are none, it is
    returned, so that what it lacks can be said.
    """
    tables = sorted(path for path in folder.glob("*.csv") if not path.name.startswith(".") and path.is_file())
    named = [path for path in tables if path.name == "labels.csv"]
    if named:
        return named[0]
    fitting = [path for path in tables if _has_columns(path, request)]
    if tables and not fitting and _has_class_folders(folder):
        return None
    tables = fitting or tables
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables[:_SHOWN])
        raise UserError(
            f"{folder} holds several CSV files ({names}); name the one with the labels labels.csv"
        )
    return tables[0] if tables else None


def _has_columns(table: Path, request: ConditionRequest) -> bool:
    try:
        with table.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            header = csv.DictReader(stream, strict=True).fieldnames
        _find_columns(table, header, request)
    except (OSError, csv.Error, UserError):
        return False
    return True


def _has_class_folders(folder: Path) -> bool:
    return any(
        is_image_name(path.name)
        for inside in folder.iterdir()
        if inside.is_dir() and not inside.name.startswith(".")
        for path in inside.rglob("*")
    )


@dataclass(frozen=True)
class _Columns:
    """Which columns of a table are which, as its header spells them."""

    file: str
    label: str | None
    conditions: tuple[str, ...] = ()
    name_classes: bool = False
    """Whether the cells of the condition's one column name classes."""


@dataclass(frozen=True)
class _Row:
    name: str
    label: str
    line: int
    cells: tuple[str, ...]
    """Of the columns with the condition."""


def _find_columns(table: Path, header: Sequence[str] | None, request: ConditionRequest) -> _Columns:
    file = _find_column(table, header, FILE_COLUMNS, "file")
    if request.kind == "class":
        return _Columns(file, _find_column(table, header, LABEL_COLUMNS, "label"))
    spelled = [name for name in header or () if name]
    label = next((name for name in spelled if name.strip().lower() in LABEL_COLUMNS), None)
    naming = [name for name in spelled if name.strip().lower() in NAMES_COLUMNS]
    if request.kind == "multi-hot" and naming and not set(request.columns or ()) & set(spelled):
        return _Columns(file, label, (naming[0],), name_classes=True)
    return _Columns(file, label, choose_columns(spelled, {file, label or file}, request, str(table)))


def _read_rows(table: Path, request: ConditionRequest) -> tuple[list[_Row], _Columns]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            columns = _find_columns(table, reader.fieldnames, request)
            rows: list[_Row] = []
            for record in reader:
                rows.append(_check_row(table, reader.line_num, record, columns))
                if len(rows) > MAX_ITEMS:
                    raise UserError(f"{table} has more than the {MAX_ITEMS:,} rows accepted")
    except (OSError, UnicodeError, csv.Error) as error:
        raise UserError(
            f"{table} cannot be read as CSV ({error}); save it as UTF-8 text with commas"
        ) from error
    if not rows:
        raise UserError(f"{table} has a header but no rows; add one row per image")
    _refuse_repeats(table, rows)
    return rows, columns


def _find_column(table: Path, header: Sequence[str] | None, accepted: tuple[str, ...], what: str) -> str:
    columns = {column.strip().lower(): column for column in header or () if column}
    for name in accepted:
        if name in columns:
            return columns[name]
    present = ", ".join(column for column in header or () if column) or "none"
    raise UserError(
        f"{table} has no {what} column (columns: {present}); call it one of: {', '.join(accepted)}"
    )


def _check_row(table: Path, line: int, record: dict[str, str | None], columns: _Columns) -> _Row:
    name = (record.get(columns.file) or "").strip()
    label = (record.get(columns.label) or "").strip() if columns.label else UNLABELLED
    if not name or not label:
        missing = "file" if not name else "label"
        raise UserError(f"{table}, line {line}: the {missing} is empty; fill it in or remove the row")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in path.parts[0]:
        raise UserError(
            f"{table}, line {line}: {name!r} does not stay inside the folder; "
            "give names relative to it, with forward slashes"
        )
    cells = tuple((record.get(column) or "").strip() for column in columns.conditions)
    return _Row(str(path), label, line, cells)


def _conditions_of(
    table: Path, rows: list[_Row], columns: _Columns, request: ConditionRequest
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of the condition's columns and their values, float32 `[N,K]`."""
    names = columns.conditions
    if columns.name_classes:
        named, values = multi_hot_of_names([names_in_cell(row.cells[0]) for row in rows], str(table))
        chosen = choose_columns(named, (), request, str(table))
        return chosen, values[:, [named.index(name) for name in chosen]]
    values = empty_conditions(len(rows), len(names), str(table))
    for index, row in enumerate(rows):
        place = f"{table}, line {row.line}"
        values[index] = [
            read_number(cell, request.kind, name, place) for name, cell in zip(names, row.cells, strict=True)
        ]
    return tuple(name.strip() for name in names), values


def _refuse_repeats(table: Path, rows: list[_Row]) -> None:
    first: dict[str, _Row] = {}
    for row in rows:
        earlier = first.setdefault(row.name, row)
        if earlier is not row:
            raise UserError(
                f"{table}: {row.name} is listed twice (lines {earlier.line} and {row.line}); keep one of them"
            )


def _find_files(folder: Path, table: Path, rows: list[_Row]) -> list[os.stat_result]:
    root = folder.resolve()
    files: list[os.stat_result] = []
    missing: list[str] = []
    for row in rows:
        path = folder / row.name
        try:
            if not path.resolve().is_relative_to(root):
                raise UserError(
                    f"{table}, line {row.line}: {row.name} is a link that leaves the folder; "
                    "put the image itself there"
                )
            if not path.is_file():
                missing.append(row.name)
                continue
            files.append(path.stat())
        except OSError as error:
            raise UserError(
                f"{table}, line {row.line}: {row.name} cannot be read ({error.strerror})"
            ) from error
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise UserError(
            f"{table} lists {len(missing)} files that are not there: {', '.join(missing[:_SHOWN])}{more}; "
            "add them or remove their rows"
        )
    return files
