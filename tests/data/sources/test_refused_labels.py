"""Files of labels that are refused, passed over or asked about: a wrong label is worse than a refusal."""

import json

import pytest

from labelled_files import LABELS, TRUTH, csv, images, jsonl, refused, seen
from projgan.data import open_source


def test_images_that_are_not_there_are_told(make, png, form):
    path = make(form, images(png) | {"labels.csv": csv(LABELS | {"02/a.png": "cat"})})
    refused(path, "labels.csv lists 1 files that are not there: 02/a.png; add them or remove their rows")
    path = make(form, images(png) | {"dataset.json": b'{"labels": [["x.png", 0]]}'}, "json")
    refused(path, "dataset.json lists 1 files that are not there: x.png")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("labels.csv", b"00/a.png,cat\n", "no file column (columns: 00/a.png, cat)"),
        ("Labels.csv", b"file,species\n00/a.png,cat\n", "no label column (columns: file, species)"),
        ("metadata.csv", b"file_name,text\n00/a.png,a cat\n", "no label column"),
        ("metadata.jsonl", b'{"file_name": "00/a.png", "text": "a cat"}', "no label column"),
        ("metadata.jsonl", b'{"file_name": "00/a.png", "label": 0}\n[1]', "line 2: it is no object"),
        ("metadata.jsonl", b'{"file_name": "00/a.png", "label": 0}\n{', "line 2 cannot be read as JSON"),
        ("metadata.jsonl", b'{"file_name": "00/a.png", "label": 0.5}', "the label is '0.5'"),
        ("metadata.jsonl", b'{"file_name": "00/a.png", "label": null}', "line 1: the label is empty"),
        ("metadata.jsonl", b'{"file_name": 7, "label": 1}', "line 1: the file is '7'"),
        ("metadata.jsonl", b"", "no file column (columns: none)"),
        ("dataset.json", b'{"name": "pets"}', "has no labels by file"),
        ("dataset.json", b'{"labels": ["cat", "dog"]}', "has no labels by file"),
        ("dataset.json", b'{"labels": 3}', "has no labels by file"),
        ("dataset.json", b'{"labels": [["00/a.png"]]}', "item 1: it is no pair of a file and its label"),
        (
            "dataset.json",
            b'{"labels": [["00/a.png", 0], ["00/b.png", [1]]]}',
            "item 2: its label has another",
        ),
        ("dataset.json", b'{"labels": [["00/a.png", 0], ["00/a.png", 1]]}', "listed twice (items 1 and 2)"),
        ("dataset.json", b'{"labels": {"00/a.png": 0, "00/a.png": 1}}', "'00/a.png' is there twice"),
        ("dataset.json", b'{"labels": []}', "no rows"),
        ("dataset.json", b"{", "cannot be read as JSON"),
        ("dataset.json", b"[" * 100_000, "cannot be read as JSON"),
        ("dataset.json", b'{"labels": [["../x.png", 0]]}', "does not stay inside"),
        ("labels.csv", b"file,label\nC:/x.png,0\n", "does not stay inside"),
        ("labels.csv", b"file,label\n00/a.png,a,b\n", "line 2: more cells than the header has columns"),
        ("labels.csv", b"file,label,Label\n00/a.png,a,b\n", "two columns called label"),
        ("labels.csv", b"file,label\n00/a.png,\xe9\n", "save it as UTF-8"),
        ("labels.xlsx", b"PK", "labels.xlsx is in no form of labels that is read"),
        ("labels.txt", b"00/a.png 0\n00/b.png 1\n", "labels.txt is in no form of labels that is read"),
        ("labels.npy", b"\x93NUMPY", "labels.npy is in no form of labels that is read"),
        ("labels", b"00/a.png 0\n00/b.png 1\n", "labels is in no form of labels that is read"),
        ("labels.csv.gz", b"\x1f\x8b", "labels.csv.gz is in no form of labels that is read"),
    ],
)
def test_a_file_of_labels_that_is_not_understood_is_refused_by_its_name(make, png, form, name, text, words):
    refused(make(form, images(png) | {name: text}), name, words)
    # Also where folders could be classes: they are not what the file says.
    named = {
        image.replace("00/", "cat/").replace("01/", "dog/"): content for image, content in images(png).items()
    }
    message = refused(make(form, named | {name: text.replace(b"00/", b"cat/")}, "named"), name)
    assert len(message) < 500


@pytest.mark.parametrize(
    "names",
    [
        ("labels.csv", "metadata.csv"),
        ("labels.csv", "Labels.CSV"),
        ("dataset.json", "metadata.jsonl"),
        ("index.csv", "table.csv"),
    ],
)
def test_two_files_that_could_both_be_meant_are_refused(make, png, form, names):
    other = dict.fromkeys(LABELS, "x")
    writing = {"dataset.json": json.dumps({"labels": other}).encode(), "metadata.jsonl": jsonl(other)}
    files = {name: writing.get(name, csv(other)) for name in names}
    message = refused(make(form, images(png) | files, "both"), *names)
    assert "could each say what the images show; call the one that is meant labels.csv" in message


def test_a_file_speaks_of_no_other_folder(make, png, form):
    files = {"train/1.png": png(1), "test/1.png": png(2)}
    table = csv({"train/1.png": "cat", "test/1.png": "dog"})
    message = refused(
        make(form, files | {"train/labels.csv": table}), "lists 1 files that are not there: test/1.png"
    )
    assert "add them or remove their rows" in message


def test_a_file_above_another_is_refused(make, png, form):
    files = images(png) | {"labels.csv": csv(LABELS), "00/labels.csv": csv({"a.png": "x", "b.png": "x"})}
    refused(make(form, files), "labels.csv and 00/labels.csv both speak of the images in 00/")


def test_a_file_for_some_folders_only_is_refused(make, png, form):
    files = images(png) | {"00/labels.csv": csv({"a.png": "x", "b.png": "y"})}
    refused(make(form, files), "00/labels.csv", "2 lie elsewhere (such as 01/")


def test_labels_csv_is_chosen_among_others(make, png, form):
    source = open_source(
        make(form, images(png) | {"labels.csv": csv(LABELS), "old.csv": csv({"00/a.png": "x"})})
    )
    assert seen(source) == TRUTH
    assert source.remarks == ("old.csv is passed over, since labels.csv is there",)


def test_beside_a_file_that_is_not_understood_only_labels_csv_is_taken(make, png, form):
    files = images(png) | {"metadata.csv": b"file_name,text\n00/a.png,a cat\n"}
    source = open_source(make(form, files | {"labels.csv": csv(LABELS)}))
    assert seen(source) == TRUTH
    assert source.remarks == ("metadata.csv is passed over, since labels.csv is there",)
    refused(make(form, files | {"index.csv": csv(LABELS)}, "other"), "metadata.csv has no label column")
    message = refused(
        make(form, files | {"labels.jsonl": jsonl(LABELS)}, "lines"), "metadata.csv has no label column"
    )
    assert message.endswith("labels.jsonl is there too: call the one that is meant labels.csv")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", b"image_id,species\na,cat\nb,dog\n"),
        ("list.txt", b"00/a.png cat\n00/b.png dog\n"),
        ("coco.json", b'{"images": [{"id": 1, "file_name": "00/a.png"}]}'),
        ("boxes.xml", b"<box><name>a.png</name></box>"),
    ],
)
def test_numbered_folders_beside_a_list_of_the_images_are_refused(make, png, form, name, text):
    refused(
        make(form, images(png) | {name: text}), name, "rename or remove it if the folders are the classes"
    )
    named = {
        image.replace("00/", "cat/").replace("01/", "dog/"): content for image, content in images(png).items()
    }
    text = text.replace(b"00/", b"cat/")
    source = open_source(make(form, named | {name: text}, "named"))
    assert source.class_names == ("cat", "dog")
    assert f"{name} seems to name images but is not read: it " in source.remarks[0]
    message = refused(make(form, named | {f"class_{name}": text}, "suggestive"), f"class_{name}")
    assert "rename or remove it" in message


def test_files_of_something_else_change_nothing(make, png, form):
    files = {"cat/a.png": png(1), "dog/b.png": png(2)}
    files |= {
        "readme.txt": b"cats and dogs",
        "statistics.csv": b"mean,std\n1,2\n",
        "labels.txt": b"cat\ndog\n",
    }
    files |= {"classes.json": b'{"cat": 0, "dog": 1}', "config.json": b'{"labels": {"0": "cat"}}'}
    source = open_source(make(form, files))
    assert seen(source) == {1: "cat", 2: "dog"}
    assert source.classes_from == "the names of folders"


@pytest.mark.parametrize(
    ("folders", "suffix"), [(("0", "1"), ".json"), (("shard-0", "shard-1"), ".txt"), (("a", "b"), ".cls")]
)
def test_a_file_beside_each_image_is_not_ignored(make, png, form, folders, suffix):
    files = {f"{folder}/{index}.png": png(index) for folder in folders for index in range(3)}
    files |= {name.replace(".png", suffix): b"1" for name in files}
    refused(make(form, files), f"such as {folders[0]}/0{suffix}")
