"""Conditions that are more than one class: which columns are meant, and what may stand in them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from projgan.data.sources.base import check_class_names, natural_order
from projgan.data.store import MAX_COLUMNS
from projgan.errors import UserError, nearest_of_several, printable
from projgan.names import composed

NAMES_COLUMNS = ("labels", "classes", "tags")
"""Columns of a table whose cells name several classes, separated by `;` or `|`."""
LARGEST_VALUE = 1e30
MAX_CONDITION_BYTES = 2 * 2**30
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class ConditionRequest:
    """Which condition is wanted of a source: a kind in `CONDITION_KINDS`, and its columns.

    Attributes:
        kind: a name in `CONDITION_KINDS`.
        columns: names of the columns, in the order wanted; None for all there are.
        required: whether images without it are refused; only those that are to be measured may lack classes.
    """

    kind: str = "class"
    columns: tuple[str, ...] | None = None
    required: bool = True


ONE_CLASS = ConditionRequest()
TO_MEASURE = ConditionRequest(required=False)
"""One class where there are classes, as of images that are measured."""
UNLABELLED = "unlabelled"
"""The one class of images that have other conditions only."""


def column_name(spelled: str) -> str:
    """Return what a column is called: without the spaces around it, its accents composed."""
    return composed(spelled.strip())


def choose_columns(
    header: Sequence[str], beside: Iterable[str], request: ConditionRequest, place: str
) -> tuple[str, ...]:
    """Return the columns of a table that hold the condition: those asked for, or all but those `beside`.

    They are spelled as in the header, in which those asked for are found with accents in either form, with
    or without spaces around them.

    Raises:
        UserError: one that is not there or is there twice, or none at all.
    """
    others = [name for name in header if name and name not in set(beside)]
    known = [column_name(name) for name in others]
    spelled = dict(zip(known, others, strict=True))
    for name in map(column_name, request.columns or ()):
        if name not in spelled:
            raise UserError(
                f"{place} has no column {name!r} for a condition{nearest_of_several(name, known)}"
            )
        if known.count(name) > 1:
            raise UserError(f"{place} has two columns called {name!r}; give each a name of its own")
    chosen = tuple(
        others if request.columns is None else (spelled[column_name(name)] for name in request.columns)
    )
    if not chosen:
        raise UserError(
            f"{place} has no columns for data.condition {request.kind}: add one per "
            f"{'class with 0 or 1' if request.kind == 'multi-hot' else 'number'}"
        )
    if len(chosen) > MAX_COLUMNS:
        raise UserError(f"{place} has {len(chosen):,} columns, more than the {MAX_COLUMNS:,} accepted")
    check_class_names([column_name(name) for name in chosen], place)
    return chosen


def check_conditions(values: np.ndarray, names: Sequence[str], kind: str, place: str) -> None:
    """Refuse values float `[N,K]` that the kind of condition cannot have, naming the first.

    Raises:
        UserError: not a finite number of a size that can be worked with; for multi-hot, neither 0 nor 1.
    """
    count, first = 0, None
    for start in range(0, len(values), _ROWS_AT_ONCE):  # else the comparison would be as large as the values
        bad = ~_ACCEPTED[kind](values[start : start + _ROWS_AT_ONCE])
        if bad.any():
            rows, columns = np.nonzero(bad)
            first = first or (start + int(rows[0]), int(columns[0]))
            count += len(rows)
    if first is not None:
        raise UserError(
            f"{place}: {names[first[1]]} of item {first[0]} is {values[first]:g}, not {WANTED[kind]} "
            f"({count} such); correct it"
        )


def _zero_or_one(values: np.ndarray) -> np.ndarray:
    return (values == 0) | (values == 1)


def _moderate(values: np.ndarray) -> np.ndarray:
    return np.abs(values) <= LARGEST_VALUE  # False of what is no number


_ACCEPTED: dict[str, Callable[[np.ndarray], np.ndarray]] = {"multi-hot": _zero_or_one, "vector": _moderate}
WANTED = {"multi-hot": "0 or 1", "vector": f"a number between -{LARGEST_VALUE:g} and {LARGEST_VALUE:g}"}
"""What a value must be, in words."""


def read_number(cell: str, kind: str, column: str, place: str) -> float:
    """Return the number in one cell of a table.

    Raises:
        UserError: it is empty or not a number of this kind.
    """
    try:
        value = np.nan if "_" in cell else float(cell)  # only Python reads 1_000
    except ValueError:
        value = np.nan
    if not _ACCEPTED[kind](np.array(value)):
        raise UserError(
            f"{place}: {column} is {printable(cell[:50])!r}, not {WANTED[kind]}; correct it, or name "
            "the columns meant with --data.condition-columns"
        )
    return value


def names_in_cell(cell: str) -> list[str]:
    """Split `cat; dog` or `cat|dog` into its names; nothing in the cell is no name."""
    return [name.strip() for name in cell.replace("|", ";").split(";") if name.strip()]


def multi_hot_of_names(rows: Sequence[Sequence[str]], place: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the distinct names in natural order, and float32 `[N,K]` with 1 where an image has a name."""
    rows = [[composed(name) for name in row] for row in rows]
    names = tuple(natural_order({name for row in rows for name in row}))
    if not names:
        raise UserError(f"{place} names no class at all; fill the column in")
    if len(names) > MAX_COLUMNS:
        raise UserError(f"{place} names {len(names):,} classes, more than the {MAX_COLUMNS:,} accepted")
    check_class_names(names, place)
    values = empty_conditions(len(rows), len(names), place)
    position = {name: index for index, name in enumerate(names)}
    for values_of_row, row in zip(values, rows, strict=True):
        values_of_row[[position[name] for name in row]] = 1
    return names, values


def empty_conditions(count: int, columns: int, place: str) -> np.ndarray:
    """Return zeros float32 `[count, columns]`, unless they would fill the memory."""
    if count * columns * 4 > MAX_CONDITION_BYTES:
        raise UserError(f"{place}: {columns:,} columns of {count:,} images are too many to hold in memory")
    return np.zeros((count, columns), dtype=np.float32)
