"""Labels that lie beside the images, wherever and in whatever form: a wrong label is worse than a refusal."""

import json

import pytest

from labelled_files import LABELS, TRUTH, conditions, csv, images, jsonl, refused, seen
from projgan.data import ConditionRequest, open_source, reading_of
from projgan.errors import UserError

WRITINGS = {
    "labels.csv": csv(LABELS),
    "Labels.CSV": csv(LABELS),
    "LABELS.csv": "\ufeff".encode() + csv(LABELS).replace(b"\n", b"\r\n"),
    "label.csv": csv(LABELS, "image,class"),
    "metadata.csv": csv(LABELS, "file_name,label"),
    "labels.tsv": csv(LABELS, "file\tlabel", "\t"),
    "labels.CSV": csv(LABELS, "path;class_name", ";"),
    "metadata.jsonl": jsonl(LABELS),
    "Metadata.JSONL": jsonl(LABELS) + b"\n\n",
    "labels.jsonl": jsonl(LABELS, "image"),
    "dataset.json": json.dumps({"labels": list(LABELS.items())}).encode(),
    "labels.json": json.dumps(LABELS).encode(),
    "metadata.json": json.dumps([{"file": name, "label": label} for name, label in LABELS.items()]).encode(),
    "annotations.csv": csv(LABELS),
    "index.jsonl": jsonl(LABELS),
    "truth.json": json.dumps({"labels": LABELS}).encode(),
}


@pytest.mark.parametrize("name", WRITINGS)
def test_every_writing_of_the_labels_is_read(make, png, form, name):
    source = open_source(make(form, images(png) | {name: WRITINGS[name]}))
    assert seen(source) == TRUTH
    assert source.class_names == ("cat", "dog")
    assert name in source.classes_from
    assert source.remarks == ()


@pytest.mark.parametrize("name", ["labels.csv", "metadata.jsonl", "dataset.json", "annotations.csv"])
def test_a_folder_that_wraps_all_is_seen_through(make, png, form, name):
    files = images(png, "set/") | {f"set/{name}": WRITINGS[name]}
    assert seen(open_source(make(form, files))) == TRUTH
    files = images(png, "set/deep/") | {f"set/deep/{name}": WRITINGS[name]}
    assert seen(open_source(make(form, files, "deeper"))) == TRUTH


def test_what_stylegan_writes(make, png, form):
    names = [f"{index // 4:05d}/img{index:08d}.png" for index in range(8)]
    files = {name: png(index) for index, name in enumerate(names)}
    truth = {index: str(7 * (index % 2)) for index in range(8)}
    pairs = [[name, 7 * (index % 2)] for index, name in enumerate(names)]
    for number, labels in enumerate((pairs, dict(pairs))):
        path = make(form, files | {"dataset.json": json.dumps({"labels": labels}).encode()}, f"set{number}")
        source = open_source(path)
        assert seen(source) == truth
        assert source.class_names == ("0", "7")
        assert source.classes_from == "dataset.json"


def test_stylegan_without_labels(make, png, form):
    files = images(png) | {"dataset.json": b'{"labels": null}'}
    refused(make(form, files), "dataset.json", "no labels (labels: null)")
    files |= {"labels.csv": csv(LABELS)}
    source = open_source(make(form, files, "labelled"))
    assert seen(source) == TRUTH
    assert source.remarks == ("dataset.json is passed over, since labels.csv is there",)


def test_folders_of_a_thousand_images_are_no_classes(make, png, form):
    styles = {"00000/img00000999.png": png(1), "00001/img00001000.png": png(2)}
    refused(make(form, styles, "styles"), "only number the images", "dataset.json")
    few = {f"{index // 2:05d}/img{index:08d}.png": png(index) for index in range(4)}
    refused(make(form, few, "few"), "its folders (00000, 00001) only number the images")
    refused(make(form, {"00000/00999.png": png(1), "01000/01000.png": png(2)}, "faces"), "only number")
    one = open_source(make(form, {f"00000/img{index:08d}.png": png(index) for index in range(2)}, "one"))
    assert one.class_names == ("00000",)
    digits = {"0/00000.png": png(1), "1/00001.png": png(2), "00042/00042_1.png": png(3)}
    assert open_source(make(form, digits, "digits")).class_names == ("0", "1", "00042")


def test_vectors_of_stylegan_are_conditions(make, png, form):
    vectors = {name: [float(value), 0.5] for value, name in enumerate(LABELS)}
    path = make(form, images(png) | {"dataset.json": json.dumps({"labels": vectors}).encode()})
    refused(path, "dataset.json has no label column (columns: file, 0, 1)", "--data.condition vector")
    source = open_source(path, request=ConditionRequest("vector"))
    assert source.condition_names == ("0", "1")
    assert conditions(source) == vectors


@pytest.mark.parametrize("name", ["labels.csv", "metadata.jsonl"])
def test_several_classes_an_image(make, png, form, name):
    tags = {"00/a.png": ["x", "y"], "00/b.png": [], "01/a.png": ["y"], "01/b.png": ["x"]}
    rows = [json.dumps({"file_name": file, "tags": names}) for file, names in tags.items()]
    text = "\n".join(rows).encode()
    if name.endswith("csv"):
        text = csv({file: ";".join(names) for file, names in tags.items()}, "file,tags")
    source = open_source(make(form, images(png) | {name: text}), request=ConditionRequest("multi-hot"))
    assert source.condition_names == ("x", "y")
    assert conditions(source) == {
        "00/a.png": [1, 1],
        "00/b.png": [0, 0],
        "01/a.png": [0, 1],
        "01/b.png": [1, 0],
    }
    assert reading_of(source) == (f"4 images, 2 columns (x, y) from {name}",)


@pytest.mark.parametrize(
    "name", ["metadata.csv", "labels.csv", "metadata.jsonl", "Metadata.CSV", "names.csv"]
)
@pytest.mark.parametrize("splits", [("train", "test"), ("Training", "Testing"), ("train_images", "val2017")])
def test_labels_in_split_folders(make, png, form, name, splits):
    writing = jsonl if name.endswith("jsonl") else lambda pairs: csv(pairs, "file_name,label")
    files = {
        f"{splits[0]}/1.png": png(1),
        f"{splits[0]}/2.png": png(2),
        f"{splits[1]}/1.png": png(3),
        f"{splits[1]}/2.png": png(4),
        f"{splits[0]}/{name}": writing({"1.png": "cat", "2.png": "dog"}),
        f"{splits[1]}/{name}": writing({"1.png": "emu", "2.png": "cat"}),
    }
    path = make(form, files)
    source = open_source(path)
    other = "validation" if splits[1].startswith("val") else "test"
    assert (source.split, source.splits) == ("train", tuple(sorted(("train", other))))
    assert source.class_names == ("cat", "dog", "emu")
    assert seen(source) == {1: "cat", 2: "dog"}
    assert seen(open_source(path, other)) == {3: "emu", 4: "cat"}
    assert f"{splits[0]}/{name}" in source.classes_from


def test_one_table_for_all_splits(make, png, form):
    files = {"train/1.png": png(1), "train/2.png": png(2), "test/1.png": png(3)}
    pairs = {"train/1.png": "dog", "train/2.png": "cat", "test/1.png": "dog"}
    path = make(form, files | {"labels.csv": csv(pairs)})
    assert seen(open_source(path)) == {1: "dog", 2: "cat"}
    assert seen(open_source(path, "test")) == {3: "dog"}


def test_one_table_a_split_beside_their_folders(make, png, form):
    files = {"train/1.png": png(1), "train/2.png": png(2), "test/1.png": png(3)}
    tables = {
        "train.csv": csv({"1.png": "dog", "2.png": "cat"}),
        "test_labels.csv": csv({"test/1.png": "cat"}),
    }
    path = make(form, files | tables)
    assert seen(open_source(path)) == {1: "dog", 2: "cat"}
    assert seen(open_source(path, "test")) == {3: "cat"}


def test_a_split_without_its_table_is_told(make, png, form):
    files = {"train/1.png": png(1), "test/1.png": png(2), "train/labels.csv": csv({"1.png": "cat"})}
    path = make(form, files)
    source = open_source(path)
    assert source.splits == ("train",)
    assert source.remarks == (
        "1 images that are not named in train/labels.csv are left out (such as test/1.png)",
    )
    with pytest.raises(UserError, match="no file of labels speaks of test/, as one does of train/; add it"):
        open_source(path, "test")


@pytest.mark.parametrize(
    "rows",
    [
        {"a.png": "cat", "b.png": "dog"},  # beside the file
        {"images/a.png": "cat", "images/b.png": "dog"},
        {"images\\a.png": "cat", ".\\images\\b.png": "dog"},
    ],
)
def test_names_may_be_relative_to_the_only_folder_of_images(make, png, form, rows):
    files = {"images/a.png": png(1), "images/b.png": png(2), "labels.csv": csv(rows)}
    assert seen(open_source(make(form, files))) == {1: "cat", 2: "dog"}


def test_bare_names_that_are_there_once_are_found(make, png, form):
    files = {
        "part1/a.png": png(1),
        "part2/b.png": png(2),
        "labels.csv": csv({"b.png": "cat", "a.png": "dog"}),
    }
    assert seen(open_source(make(form, files))) == {1: "dog", 2: "cat"}
    files["part2/a.png"] = png(3)
    refused(make(form, files, "twice"), "lists 1 files that are not there: a.png")


def test_names_are_found_in_either_form_of_their_letters(make, png, form):
    files = {"cafe\u0301.png": png(1), "\u00e9.png": png(2)}
    text = csv({"caf\u00e9.png": "a", "e\u0301.png": "b"})
    assert seen(open_source(make(form, files | {"labels.csv": text}))) == {1: "a", 2: "b"}


def test_images_that_are_not_named_are_said(make, png, form):
    files = images(png) | {"labels.csv": csv(dict(list(LABELS.items())[:3]))}
    source = open_source(make(form, files))
    assert len(source) == 3
    assert source.remarks == ("1 images that are not named in labels.csv are left out (such as 01/b.png)",)
    assert reading_of(source)[1:] == source.remarks
