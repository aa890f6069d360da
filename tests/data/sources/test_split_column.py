"""A column, or an array, that says in which split each image is: training does not see the test images."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from projgan.data import ConditionRequest, Source, load_images, open_source, reading_of
from projgan.errors import UserError

Make = Callable[..., Path]
Png = Callable[..., bytes]
TABLE = "file,label,split\na.png,dog,train\nb.png,cat,test\nc.png,emu,train\nd.png,dog,val\n"


def images(png: Png) -> dict[str, bytes]:
    return {f"{name}.png": png(value) for value, name in enumerate("abcd", start=1)}


def values(source: Source) -> list[int]:
    return [int(np.asarray(source.read(index).convert("L"))[0, 0]) for index in range(len(source))]


def refused(path: Path, words: str, split: str | None = None) -> None:
    with pytest.raises(UserError, match=words) as caught:
        open_source(path, split)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("column", ["split", "Subset", " PARTITION "])
def test_a_column_of_splits_divides_the_images(make: Make, png: Png, form: str, column: str) -> None:
    path = make(form, images(png) | {"labels.csv": TABLE.replace("split", column).encode()})
    source = open_source(path)
    assert (source.split, source.splits, source.test_split) == (
        "train",
        ("test", "train", "validation"),
        "test",
    )
    assert (values(source), source.class_names, source.labels.tolist()) == (
        [1, 3],
        ("cat", "dog", "emu"),
        [1, 2],
    )
    assert reading_of(source) == (
        "2 images of the split train, 2 classes (dog, emu) from labels.csv "
        f"(columns label and {column.strip()})",
    )
    test = open_source(path, "test")  # a label means the same in every split
    assert (values(test), test.class_names, test.labels.tolist()) == ([2], ("cat", "dog", "emu"), [0])
    assert values(open_source(path, "validation")) == [4]
    assert load_images(path, split="test", resolution=4, channels=1, cache=None).split == "test"
    refused(path, r"has no split 'extra' \(present: test, train, validation\)", "extra")


@pytest.mark.parametrize("cells", ["1112", "abcd", ["", "", "", "test"], ["train and test"] * 4])
def test_a_column_of_anything_else_divides_nothing(make: Make, png: Png, cells: list[str]) -> None:
    rows = [f"{name}.png,dog,{cell}" for name, cell in zip("abcd", cells, strict=True)]
    table = "\n".join(["file,label,split", *rows]).encode()
    path = make("folder", images(png) | {"labels.csv": table})
    source = open_source(path)
    assert (values(source), source.split, source.splits) == ([1, 2, 3, 4], None, ())
    assert source.classes_from == "labels.csv (column label)"
    refused(path, "has no splits, so 'test' cannot be chosen", "test")


@pytest.mark.parametrize("cell", ["", "extra", "1", "train and test"])
def test_a_cell_that_names_none_among_splits_is_refused(make: Make, png: Png, cell: str) -> None:
    """Ignored, the column would let the test images be trained on."""
    path = make("folder", images(png) | {"labels.csv": TABLE.replace(",test", f",{cell}").encode()})
    refused(
        path, f"labels.csv, line 3: column split has '{cell}' where 3 other rows name a split; write train"
    )


def test_what_was_not_divided_keeps_its_fingerprint(make: Make, png: Png) -> None:
    rows = TABLE.replace("test", "train").replace("val", "Training")
    plain = open_source(make("zip", images(png) | {"labels.csv": rows.replace("split", "note").encode()}))
    divided = open_source(make("zip", images(png) | {"labels.csv": rows.encode()}, "divided"))
    assert divided.splits == ("train",)
    assert divided.fingerprint == plain.fingerprint


def test_a_column_of_splits_is_no_condition(make: Make, png: Png) -> None:
    text = "file,age,split\na.png,20,train\nb.png,30,test\nc.png,40,train\nd.png,50,test\n"
    source = open_source(make("folder", images(png) | {"labels.csv": text.encode()}), None, VECTOR)
    assert (source.condition_names, source.conditions.tolist()) == (("age",), [[20], [40]])
    numbers = text.replace("train", "0").replace("test", "1")
    source = open_source(
        make("folder", images(png) | {"labels.csv": numbers.encode()}, "numbers"), None, VECTOR
    )
    assert (source.condition_names, len(source)) == (("age", "split"), 4)
    names = "file,tags,split\na.png,x;y,train\nb.png,z,test\nc.png,,train\n"
    source = open_source(
        make("folder", images(png) | {"labels.csv": names.encode()}, "names"),
        "test",
        ConditionRequest("multi-hot"),
    )
    assert (source.condition_names, source.conditions.tolist()) == (("x", "y", "z"), [[0, 0, 1]])


VECTOR = ConditionRequest("vector")


def test_a_table_in_json_may_have_it(make: Make, png: Png) -> None:
    rows = [
        {"file": f"{name}.png", "label": "x", "split": "train" if name < "c" else "dev"} for name in "abcd"
    ]
    lines = "\n".join(map(json.dumps, rows)).encode()
    for index, files in enumerate(({"metadata.jsonl": lines}, {"labels.json": json.dumps(rows).encode()})):
        source = open_source(make("folder", images(png) | files, f"set{index}"))
        assert (values(source), source.splits) == ([1, 2], ("train", "validation"))


def test_a_column_may_not_contradict_the_folders(make: Make, png: Png) -> None:
    text = "file,label,split\ntrain/a.png,x,train\ntrain/b.png,y,{}\ntest/c.png,x,test\n"
    files = {"train/a.png": png(1), "train/b.png": png(2), "test/c.png": png(3)}
    agreeing = make("folder", files | {"labels.csv": text.format("training").encode()}, "agreeing")
    assert (values(open_source(agreeing)), values(open_source(agreeing, "test"))) == ([1, 2], [3])
    contradicting = make("folder", files | {"labels.csv": text.format("test").encode()}, "contradicting")
    refused(contradicting, r"line 3: the split is test, and train/b\.png lies in train/; correct the row")


def test_two_columns_or_one_table_of_two_is_refused(make: Make, png: Png) -> None:
    text = "file,label,split,subset\na.png,x,train,test\nb.png,y,test,train\n"
    refused(
        make("folder", images(png) | {"labels.csv": text.encode()}),
        r"two columns of splits \(split, subset\); keep one of them",
    )
    files = {
        "one/a.png": png(1),
        "two/b.png": png(2),
        "one/labels.csv": b"file,label,split\na.png,x,train\n",
        "two/labels.csv": b"file,label\nb.png,y\n",
    }
    refused(make("folder", files, "half"), r"one/labels\.csv says in which split .* two/labels\.csv does not")


PIXELS = np.arange(4 * 5 * 5, dtype=np.uint8).reshape(4, 5, 5)


@pytest.mark.parametrize("array", ["split", "splits"])
@pytest.mark.parametrize("kind", ["U", "S"])
def test_an_array_of_splits_divides_the_images(tmp_path: Path, array: str, kind: str) -> None:
    path, splits = tmp_path / "a.npz", np.array(["train", "test", "train", "val"]).astype(kind)
    ages = np.arange(4.0)[:, None]
    np.savez(path, images=PIXELS, labels=[3, 1, 0, 0], conditions=ages, **{array: splits})
    source = open_source(path)
    assert (source.split, source.splits) == ("train", ("test", "train", "validation"))
    assert (source.class_names, source.labels.tolist()) == (("0", "1", "2", "3"), [3, 0])
    assert np.array_equal(np.asarray(source.read(1)), PIXELS[2])
    test = open_source(path, "test", VECTOR)
    assert (test.class_names, test.labels.tolist(), test.conditions.tolist()) == (
        ("0", "1", "2", "3"),
        [1],
        [[1]],
    )
    assert source.remarks == ()


def test_other_arrays_of_as_many_are_ignored_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=PIXELS, labels=[0, 1, 0, 1])
    before = open_source(path).fingerprint
    np.savez(
        path,
        images=PIXELS,
        labels=[0, 1, 0, 1],
        split=["train", "test", "train", "fold 3"],
        boxes=np.zeros((4, 4)),
        mean=np.zeros(3),
        one=7,
        objects=np.array([None] * 4),
    )
    source = open_source(path)
    assert source.remarks == (
        "split is no text such as train and test for each image, and is ignored",
        "2 arrays are not known and ignored (boxes, objects)",
    )
    assert (source.splits, source.fingerprint) == ((), before)
    with pytest.raises(UserError, match="has no splits, so 'test' cannot be chosen"):
        open_source(path, "test")
    np.savez(path, images=PIXELS, labels=[0, 1, 0, 1], split=["train"] * 4, splits=["test"] * 4)
    refused(path, r"two arrays of splits \(split, splits\); leave one of them out")
