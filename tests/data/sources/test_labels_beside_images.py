"""Labels that lie beside the images, wherever and in whatever form: a wrong label is worse than a refusal."""

import json

import numpy as np
import pytest

from projgan.data import ConditionRequest, open_source, reading_of
from projgan.errors import UserError

FORMS = ("folder", "zip", "tar", "tar.gz")


@pytest.fixture(params=FORMS)
def form(request):
    return request.param


def seen(source):
    """What a person would check: every image's class, by the value of its pixels."""
    values = {}
    for item in source.iterate():
        name = source.class_names[source.labels[item.index]]
        values[int(np.asarray(item.open().convert("RGB"))[0, 0, 0])] = name
    assert len(values) == len(source)
    return values


def refused(path, *words, request=None):
    with pytest.raises(UserError) as caught:
        open_source(path) if request is None else open_source(path, request=request)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    return message


LABELS = {"00/a.png": "cat", "00/b.png": "dog", "01/a.png": "cat", "01/b.png": "dog"}
TRUTH = {1: "cat", 2: "dog", 3: "cat", 4: "dog"}


def images(png, prefix=""):
    """The images in another order than that of the labels, as it may be in an archive."""
    values = {f"{prefix}{name}": png(value) for value, name in enumerate(LABELS, start=1)}
    return dict(reversed(values.items()))


def conditions(source):
    """The conditions of each image by its name."""
    names = [source.item_name(index) for index in range(len(source))]
    return dict(zip(names, source.conditions.tolist(), strict=True))


def csv(pairs, header="file,label", mark=","):
    return "\n".join([header, *(f"{name}{mark}{label}" for name, label in pairs.items())]).encode()


def jsonl(pairs, file="file_name"):
    return "\n".join(json.dumps({file: name, "label": label}) for name, label in pairs.items()).encode()


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


@pytest.mark.parametrize(
    "names",
    [
        ("train", "test"),
        ("val",),
        ("Valid", "TRAIN"),
        ("training", "testing"),
        ("train_set", "test_set"),
        ("dev", "train2017"),
    ],
)
def test_splits_alone_are_no_classes(make, png, form, names):
    files = {f"{name}/{index}.png": png(index) for name in names for index in range(2)}
    refused(make(form, files), "called like a split, so they have no class", f"{names[0]}/")
    wrapped = {f"{name}/{file}": content for file, content in files.items() for name in [file.split("/")[0]]}
    refused(make(form, wrapped, "twice"), "called like a split")


def test_splits_with_something_beside_them_are_refused(make, png, form):
    files = {f"{split}/{name}/1.png": png() for split in ("train", "test") for name in ("cat", "dog")}
    refused(make(form, files | {"figures/1.png": png()}), "train/", "test/", "figures/ lies beside them")
    files = {"train/1.png": png(), "test/1.png": png(), "figures/1.png": png()}
    refused(make(form, files, "flat"), "figures/ lies beside them")


def test_splits_under_other_names_are_no_classes(make, png, form):
    names = (
        "seg_train/seg_train/ice",
        "seg_train/seg_train/sea",
        "seg_test/seg_test/ice",
        "seg_pred/seg_pred",
    )
    refused(
        make(form, {f"{name}/1.png": png() for name in names}), "seg_test/, seg_train/ are called like splits"
    )
    refused(
        make(form, {"train/seg_train/1.png": png(), "test/seg_test/1.png": png()}, "deep"), "are called like"
    )
    stations = {"train station/1.png": png(1), "test tube/2.png": png(2)}
    assert open_source(make(form, stations, "stations")).class_names == ("test tube", "train station")


def test_a_split_without_classes_of_its_own_gives_none_to_the_others(make, png, form):
    """As in Tiny ImageNet, whose validation images lie in one folder."""
    files = {f"train/{name}/images/{index}.png": png(index) for name in ("n01", "n02") for index in range(2)}
    files |= {"val/images/a.png": png(), "test/1.png": png(), "val/val_annotations.txt": b"a.png\tn01\n"}
    path = make(form, files)
    source = open_source(path)
    assert (source.class_names, source.splits) == (("n01", "n02"), ("train",))
    assert source.remarks == (
        "test/ has no class folders, so it is left out",
        "val/ has none of the classes of train/ (but images/), so it is left out",
        "val/val_annotations.txt seems to name images but is not read: it is in no form of labels that is "
        "read; write a labels.csv",
    )
    with pytest.raises(UserError, match=r"1 images lie directly in test/"):
        open_source(path, "test")
    with pytest.raises(UserError, match=r"val/val_annotations\.txt is in no form of labels"):
        open_source(path, "val")
    del files["val/val_annotations.txt"]
    with pytest.raises(
        UserError, match=r"val/ has none of the classes of train/ \(but images/\), so its images"
    ):
        open_source(make(form, files, "without"), "val")


def test_labels_of_another_split_are_not_taken_for_those_of_training(make, png, form):
    files = {"train/cat/1.png": png(1), "train/dog/2.png": png(2), "test/3.png": png(3)}
    path = make(form, files | {"test/labels.csv": csv({"3.png": "cat"})})
    refused(
        path, "no file of labels speaks of train/, as one does of test/; add it, or one labels.csv for all"
    )
    assert seen(open_source(path, "test")) == {3: "cat"}
    # What is not understood concerns its own split only.
    path = make(form, files | {"test/labels.csv": b"x"}, "other")
    assert seen(open_source(path)) == {1: "cat", 2: "dog"}
    with pytest.raises(UserError, match="has no file column"):
        open_source(path, "test")


def test_a_file_in_a_folder_without_images_speaks_of_those_above(make, png, form):
    files = {"images/a.png": png(1), "images/b.png": png(2)}
    for folder, prefix in (("labels", "images/"), ("info/labels", "")):
        text = csv({f"{prefix}a.png": "cat", f"{prefix}b.png": "dog"})
        source = open_source(make(form, files | {f"{folder}/labels.csv": text}, folder.replace("/", "-")))
        assert seen(source) == {1: "cat", 2: "dog"}
    text = b"file_name,text\na.png,a cat\n"
    refused(
        make(form, files | {"info/metadata.csv": text}, "captions"), "info/metadata.csv has no label column"
    )


def test_folders_that_may_be_parts_are_said(make, png, form):
    parts = {f"batch_{index // 3}/{index}.png": png(index) for index in range(6)}
    (line,) = open_source(make(form, parts)).remarks
    words = "may only number the images; if they are no classes, write a labels.csv"
    assert line == f"the folders (batch_0, batch_1) {words}"
    numbers = {f"{index // 3:02d}/{index}.png": png(index) for index in range(6)}
    assert "the folders (00, 01) may only number" in open_source(make(form, numbers, "numbers")).remarks[0]
    digits = {f"{index % 2}/{index}.png": png(index) for index in range(6)}
    assert open_source(make(form, digits, "digits")).remarks == ()
