"""Folders called like splits: they are no classes, and one's labels are not another's."""

import pytest

from labelled_files import csv, refused, seen
from projgan.data import open_source
from projgan.errors import UserError


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
