"""Parquet files in layouts that are unusual and right, or that no set of images has."""

import datetime
import decimal
import struct

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from projgan.data import load_images, open_source
from projgan.errors import UserError


def values(source):
    return [int(np.asarray(item.open())[0, 0, 0]) for item in source.iterate()]


def write(path, **columns):
    parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    "fields", [("bytes",), ("bytes", "path"), ("path", "bytes"), ("bytes", "name", "path")]
)
def test_an_image_needs_its_bytes_and_nothing_beside(tmp_path, png, fields):
    rows = [{field: png(value) if field == "bytes" else "x.png" for field in fields} for value in (3, 4)]
    source = open_source(write(tmp_path / "a.parquet", image=rows, label=[0, 1]))
    assert values(source) == [3, 4]
    assert source.item_name(1) == "a.parquet row 1" + (" (x.png)" if "path" in fields else "")


@pytest.mark.parametrize("path", [None, 3, [1], b"x"])
def test_a_path_that_is_no_text_is_passed_over(tmp_path, png, path):
    source = open_source(write(tmp_path / "a.parquet", image=[{"bytes": png(3), "path": path}], label=[0]))
    assert (values(source), source.item_name(0)) == ([3], "a.parquet row 0")


@pytest.mark.parametrize("kind", ["uint8", "uint64", "int8", "int32", "int64"])
def test_whole_numbers_of_every_width_are_labels(tmp_path, png, kind):
    labels = pa.array([2, 0, 1], getattr(pa, kind)())
    source = open_source(write(tmp_path / "a.parquet", image=[png()] * 3, label=labels))
    assert source.labels.tolist() == [2, 0, 1]
    assert source.labels.dtype == np.int64


def test_labels_that_pandas_calls_categories_are_names(tmp_path, png):
    labels = pa.array(["dog", "cat", "dog"]).dictionary_encode()
    source = open_source(write(tmp_path / "a.parquet", image=[png()] * 3, label=labels))
    assert (source.class_names, source.labels.tolist()) == (("cat", "dog"), [1, 0, 1])


NO_LABELS = {
    "times": pa.array([2**40], pa.timestamp("s")),  # Python has no such year
    "dates": pa.array([datetime.date(2020, 1, 1)]),
    "durations": pa.array([2**60], pa.duration("s")),
    "decimals": pa.array([decimal.Decimal(1)]),
    "lists": pa.array([[1]]),
    "structs": pa.array([{"a": 1}]),
    "bytes": pa.array([b"\xff"]),
    "numbers too large": pa.array([2**64 - 1], pa.uint64()),
    "numbers too small": pa.array([-(2**63)]),
    "truth": pa.array([True]),
    "no number": pa.array([float("nan")]),
    "nothing": pa.nulls(1),
    "an endless name": pa.array(["x" * 5000]),
    "a name with an escape": pa.array(["\x1b[31m"]),
}


@pytest.mark.parametrize("kind", NO_LABELS)
def test_labels_of_another_kind_are_told_or_taken(tmp_path, png, kind):
    path = write(tmp_path / "a.parquet", image=[png()], label=NO_LABELS[kind])
    if kind == "a name with an escape":
        assert open_source(path).class_names == ("\x1b[31m",)
        return
    with pytest.raises(UserError) as caught:
        open_source(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["image", "label"])
def test_a_column_that_is_there_twice_is_told(tmp_path, png, name):
    columns = {"image": pa.array([png()]), "label": pa.array([0])}
    names = ["image", "label", name]
    table = pa.Table.from_arrays([columns[each] for each in names], names=names)
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match=f"has two columns called '{name}'; rename or remove one of them"):
        open_source(tmp_path / "a.parquet")


def test_a_page_is_compared_with_its_checksum_where_it_has_one(tmp_path, png):
    content = png(5, size=(64, 64))
    path, marker = tmp_path / "a.parquet", struct.pack("<I", len(content))
    table = pa.table({"image": [content], "label": [0]})
    parquet.write_table(table, path, compression="none", write_page_checksum=True, use_dictionary=False)
    assert values(open_source(path)) == [5]
    found = bytearray(path.read_bytes())
    found[found.index(marker + content) + 4 + 20] ^= 1  # in the header of the PNG: another height
    path.write_bytes(found)
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        load_images(path, resolution=4, channels=3, cache=None)


def test_rows_without_end_are_not_made_of_nothing(tmp_path):
    path = write(tmp_path / "a.parquet", image=pa.nulls(200_000, pa.binary()), label=pa.array([0] * 200_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(UserError, match=r"declares 200,000 rows for \d+ bytes of images"):
        open_source(path)


def test_names_of_images_are_shortened(tmp_path, png):
    source = open_source(
        write(tmp_path / "a.parquet", image=[{"bytes": png(), "path": "x" * 10**6}], label=[0])
    )
    assert source.item_name(0) == f"a.parquet row 0 ({'x' * 200})"


@pytest.mark.parametrize("column", ["split", "Subset"])
@pytest.mark.parametrize("encoded", [True, False])
def test_a_column_of_several_parts_is_refused(tmp_path, png, column, encoded):
    """All rows would be trained on, also those of the test."""
    parts = pa.array(["train", "training", "Test"])
    parts = parts.dictionary_encode() if encoded else parts
    path = write(tmp_path / "a.parquet", **{"image": [png()] * 3, "label": [0, 1, 0], column: parts})
    with pytest.raises(UserError, match=f"column '{column}' names several parts, test, train, and a Parquet"):
        open_source(path)


@pytest.mark.parametrize("parts", [["train"] * 3, ["a", "b", None], [1, 2, 3], [None, None, "val"]])
def test_a_column_of_one_part_or_of_something_else_is_passed_over(tmp_path, png, parts):
    source = open_source(
        write(tmp_path / "a.parquet", image=[png()] * 3, label=[0, 1, 0], split=pa.array(parts))
    )
    assert len(values(source)) == 3
