"""Files of labels as rows with named columns, whether they are CSV, JSON lines or JSON."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from projgan.data.sources.listing import is_image_name
from projgan.errors import UserError

MAX_TABLE_BYTES = 256 * 2**20
MAX_JSON_BYTES = 64 * 2**20
"""JSON is parsed whole, into objects that take many times its size."""

Cell = object
"""Text in CSV; in JSON whatever stands there."""
Record = tuple[str, Mapping[str, Cell]]
"""A row: where it stands in the file ("line 3"), and its cells by column."""

_DELIMITERS = (",", ";", "\t", "|")
_JSON_FORM = 'write {"labels": [["a.png", 0], ...]}'


@dataclass(frozen=True)
class LabelTable:
    """The rows of one file.

    Attributes:
        place: what to call the file in messages.
        hint: what to do where a column of labels is wanted and not there; empty for the usual advice.
        header: its columns, as spelled there.
        records: gives the rows, from the first one each time.
    """

    place: str
    header: tuple[str, ...]
    records: Callable[[], Iterator[Record]]
    hint: str = ""


def read_label_table(name: str, place: str, content: bytes) -> LabelTable:
    """Return the table in the content of a file, whose suffix says its form.

    Raises:
        UserError: it has not the form of its suffix, or says that there are no labels.
    """
    read = LABEL_FORMS.get(PurePosixPath(name).suffix.lower())
    if read is None:
        raise UserError(f"{place} is in no form of labels that is read; write a labels.csv")
    return read(place, content)


def _read_csv(place: str, content: bytes) -> LabelTable:
    text = _decode(place, "CSV", content)
    delimiter = _delimiter(text)

    def reader() -> "csv.DictReader[str]":
        return csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)

    try:
        header = tuple(column for column in reader().fieldnames or () if column)
    except csv.Error as error:
        raise _malformed_csv(place, error) from error
    return LabelTable(place, header, lambda: _csv_records(place, reader()))


def _csv_records(place: str, reader: "csv.DictReader[str]") -> Iterator[Record]:
    try:
        for record in reader:
            where = f"line {reader.line_num}"
            extra = record.pop(None, None)  # where the reader keeps them
            if extra and any(extra):
                raise UserError(
                    f"{place}, {where}: more cells than the header has columns; put names with commas in "
                    "quotes"
                )
            yield where, record
    except csv.Error as error:
        raise _malformed_csv(place, error) from error


def _malformed_csv(place: str, error: Exception) -> UserError:
    return UserError(f"{place} cannot be read as CSV ({error}); save it as UTF-8 text with commas")


def _delimiter(text: str) -> str:
    """Return the mark that the header has most of; the comma where none is more frequent."""
    header = text.split("\n", 1)[0]
    return max(_DELIMITERS, key=header.count)


def _read_lines(place: str, content: bytes) -> LabelTable:
    lines = [
        (f"line {number}", line)
        for number, line in enumerate(_decode(place, "JSON lines", content).split("\n"), start=1)
        if line.strip()
    ]

    def records() -> Iterator[Record]:
        for where, line in lines:
            yield where, _record(f"{place}, {where}", _parse(f"{place}, {where}", line))

    first = next(records(), ("", {}))[1]
    return LabelTable(place, tuple(first), records)


def _read_json(place: str, content: bytes) -> LabelTable:
    if len(content) > MAX_JSON_BYTES:
        raise UserError(
            f"{place} has {len(content):,} bytes, more than the {MAX_JSON_BYTES:,} of JSON accepted; "
            "write it as CSV or JSON lines"
        )
    entries = _parse(place, _decode(place, "JSON", content))
    if isinstance(entries, dict) and "labels" in entries:
        entries = entries["labels"]
        if entries is None:
            raise UserError(f"{place} says that the images have no labels (labels: null)")
    elif isinstance(entries, dict) and not (entries and all(map(is_image_name, entries))):
        raise UserError(f"{place} has no labels by file; {_JSON_FORM}")
    if isinstance(entries, dict):
        entries = list(entries.items())
    if not isinstance(entries, list) or not all(isinstance(entry, (dict, list, tuple)) for entry in entries):
        raise UserError(f"{place} has no labels by file; {_JSON_FORM}")
    if entries and isinstance(entries[0], dict):
        return LabelTable(place, tuple(entries[0]), lambda: _object_records(place, entries))
    return _pairs(place, entries)


def _object_records(place: str, entries: list[object]) -> Iterator[Record]:
    for number, entry in enumerate(entries, start=1):
        yield f"item {number}", _record(f"{place}, item {number}", entry)


def _pairs(place: str, entries: list[object]) -> LabelTable:
    """Return a table of `[name, label]`, or of `[name, [numbers]]`: what StyleGAN's `dataset.json` holds."""
    first = (
        entries[0][1] if entries and isinstance(entries[0], (list, tuple)) and len(entries[0]) == 2 else None
    )
    columns = tuple(map(str, range(len(first)))) if isinstance(first, list) else ("label",)

    def records() -> Iterator[Record]:
        for number, entry in enumerate(entries, start=1):
            where = f"item {number}"
            if not isinstance(entry, (list, tuple)) or len(entry) != 2 or not isinstance(entry[0], str):
                raise UserError(f"{place}, {where}: it is no pair of a file and its label; {_JSON_FORM}")
            cells = entry[1] if isinstance(entry[1], list) else [entry[1]]
            if len(cells) != len(columns) or isinstance(entry[1], list) != isinstance(first, list):
                raise UserError(
                    f"{place}, {where}: its label has another form than the first one; correct it"
                )
            yield where, {"file": entry[0], **dict(zip(columns, cells, strict=True))}

    hint = "its labels are vectors: choose --data.condition vector" if isinstance(first, list) else ""
    return LabelTable(place, ("file", *columns), records, hint)


def _record(place: str, value: object) -> dict[str, Cell]:
    if not isinstance(value, dict):
        raise UserError(f"{place}: it is no object with a file and a label; {_JSON_FORM}")
    return value


def _decode(place: str, form: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeError as error:
        remedy = "save it as UTF-8 text" + (" with commas" if form == "CSV" else "")
        raise UserError(f"{place} cannot be read as {form} ({error}); {remedy}") from error


def _parse(place: str, text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place} cannot be read as JSON ({error}); write it again") from error


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice[:100]!r} is there twice")
    return found


LABEL_FORMS: dict[str, Callable[[str, bytes], LabelTable]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_lines,
    ".ndjson": _read_lines,
    ".json": _read_json,
}
"""The forms that are read, by suffix."""
