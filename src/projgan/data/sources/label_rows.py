"""What the rows of a file of labels say: a file, and its class, its classes or its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from projgan.data.sources.base import MAX_ITEMS
from projgan.data.sources.columns import (
    NAMES_COLUMNS,
    UNLABELLED,
    ConditionRequest,
    choose_columns,
    column_name,
    empty_conditions,
    multi_hot_of_names,
    names_in_cell,
    read_number,
)
from projgan.data.sources.label_table import Cell, LabelTable, Record
from projgan.data.sources.splits import SPLIT_COLUMNS, split_of_folder
from projgan.errors import UserError, printable

FILE_COLUMNS = ("file", "file_name", "filename", "image", "path")
LABEL_COLUMNS = ("label", "class", "class_name")


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are which, as its header spells them."""

    file: str
    label: str | None
    conditions: tuple[str, ...] = ()
    name_classes: bool = False
    """Whether the cells of the condition's one column name classes."""
    split: str | None = None
    """The column whose cells all name splits."""


@dataclass(frozen=True)
class Row:
    """One image: its file as the table calls it, its class, and the cells of the columns of a condition."""

    table: str
    where: str
    """In the table: "line 3"."""
    file: str
    label: str
    cells: tuple[Cell, ...]
    split: str | None = None
    """"train", "validation" or "test", where a column says so."""

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.table}, {self.where}"


def find_columns(table: LabelTable, request: ConditionRequest) -> Columns:
    """Return the columns that answer a request.

    Raises:
        UserError: one is not there, or there twice.
    """
    file = _find_column(table, FILE_COLUMNS, "file")
    split = _split_column(table)
    if request.kind == "class":
        return Columns(file, _find_column(table, LABEL_COLUMNS, "label"), split=split)
    label = next((name for name in table.header if name.strip().lower() in LABEL_COLUMNS), None)
    naming = [name for name in table.header if name.strip().lower() in NAMES_COLUMNS]
    asked = set(map(column_name, request.columns or ()))
    if request.kind == "multi-hot" and naming and not asked & set(map(column_name, table.header)):
        return Columns(file, label, (naming[0],), name_classes=True, split=split)
    beside = {file, label or file, split or file}
    return Columns(file, label, choose_columns(table.header, beside, request, table.place), split=split)


def _split_column(table: LabelTable) -> str | None:
    """Return the column that says of every image in which split it is, as the header spells it."""
    called_so = [name for name in table.header if name.strip().lower() in SPLIT_COLUMNS]
    naming = [name for name in called_so if _names_splits(table, name)]
    if len(naming) > 1:
        raise UserError(f"{table.place} has two columns of splits ({', '.join(naming)}); keep one of them")
    return naming[0] if naming else None


def _names_splits(table: LabelTable, column: str) -> bool:
    """Whether every cell names a split.

    Raises:
        UserError: most do, and one does not: nobody could say whether it is to be trained on.
    """
    named, other = 0, None
    try:
        for where, cells in table.records():
            if _split_of(cells.get(column)) is not None:
                named += 1
            elif other is None:
                other = where, cells.get(column)
    except UserError:  # for `read_rows` to tell
        return False
    if other is not None and named > 1:
        raise UserError(
            f"{table.place}, {other[0]}: column {column} has {printable(repr(other[1] or ''))} where "
            f"{named:,} other rows name a split; write train, validation or test there"
        )
    return other is None


def _split_of(cell: Cell) -> str | None:
    return split_of_folder(cell) if isinstance(cell, str) else None


def _find_column(table: LabelTable, accepted: tuple[str, ...], what: str) -> str:
    for name in accepted:
        spelled = [column for column in table.header if column.strip().lower() == name]
        if len(spelled) > 1:
            raise UserError(f"{table.place} has two columns called {name}; keep one of them")
        if spelled:
            return spelled[0]
    present = ", ".join(map(printable, table.header[:20]))[:150] or "none"
    advice = table.hint or f"call it one of: {', '.join(accepted)}"
    raise UserError(f"{table.place} has no {what} column (columns: {present}); {advice}")


def read_rows(table: LabelTable, columns: Columns) -> list[Row]:
    """Return all rows of a table.

    Raises:
        UserError: there are none, or one lacks its file or label, or names a file outside.
    """
    rows: list[Row] = []
    for record in table.records():
        rows.append(_read_row(table.place, record, columns))
        if len(rows) > MAX_ITEMS:
            raise UserError(f"{table.place} has more than the {MAX_ITEMS:,} rows accepted")
    if not rows:
        raise UserError(f"{table.place} has a header but no rows; add one row per image")
    return rows


def _read_row(table: str, record: Record, columns: Columns) -> Row:
    where, cells = record
    place = f"{table}, {where}"
    file = cells.get(columns.file) or ""
    if not isinstance(file, str):
        raise UserError(f"{place}: the file is {str(file)[:50]!r}, not a name; correct it")
    file = file.strip()
    label = UNLABELLED if columns.label is None else _label_text(cells.get(columns.label), place)
    if not file or not label:
        missing = "label" if file else "file"
        raise UserError(f"{place}: the {missing} is empty; fill it in or remove the row")
    split = None if columns.split is None else _split_of(cells.get(columns.split))
    return Row(table, where, file, label, tuple(cells.get(column) for column in columns.conditions), split)


def _label_text(cell: Cell, place: str) -> str:
    if cell is None or isinstance(cell, str):
        return (cell or "").strip()
    if isinstance(cell, int) and not isinstance(cell, bool):
        return str(cell)
    raise UserError(f"{place}: the label is {str(cell)[:50]!r}, not a name or a whole number; correct it")


def conditions_of(
    place: str, rows: Sequence[Row], columns: Columns, request: ConditionRequest
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of the condition's columns and their values, float32 `[N,K]`."""
    names = columns.conditions
    if columns.name_classes:
        named, values = multi_hot_of_names([_names(row) for row in rows], place)
        chosen = choose_columns(named, (), request, place)
        return chosen, values[:, [named.index(name) for name in chosen]]
    values = empty_conditions(len(rows), len(names), place)
    for index, row in enumerate(rows):
        values[index] = [
            read_number(_text(cell), request.kind, name, row.place)
            for name, cell in zip(names, row.cells, strict=True)
        ]
    return tuple(name.strip() for name in names), values


def _names(row: Row) -> list[str]:
    cell = row.cells[0]
    if cell is None or isinstance(cell, str):
        return names_in_cell(cell or "")
    if isinstance(cell, list) and all(isinstance(name, str) and name.strip() for name in cell):
        return [name.strip() for name in cell]
    raise UserError(f"{row.place}: {str(cell)[:50]!r} is no list of names; correct it")


def _text(cell: Cell) -> str:
    return "" if cell is None else str(cell).strip()
