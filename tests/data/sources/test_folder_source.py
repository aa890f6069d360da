import shutil

import numpy as np
import pytest

from projgan.data import load_images, open_source
from projgan.data.decode import UnreadableImageError
from projgan.errors import UserError


def names(source):
    return [source.item_name(index) for index in range(len(source))]


def test_class_folders(two_classes):
    source = open_source(two_classes)
    assert source.class_names == ("cat", "dog")
    assert source.labels.tolist() == [0, 0, 1]
    assert source.labels.dtype == np.int64
    assert names(source) == ["cat/a.png", "cat/b.png", "dog/c.png"]
    assert [np.asarray(source.read(index))[0, 0, 0] for index in range(3)] == [10, 20, 30]
    assert [np.asarray(item.open())[0, 0, 0] for item in source.iterate()] == [10, 20, 30]
    assert source.name == "set"
    assert source.total_bytes == sum(path.stat().st_size for path in two_classes.rglob("*.png"))


def test_nested_folders_hidden_files_and_other_files(write_files, png):
    folder = write_files(
        {
            "cat/young/small/a.PNG": png(1),
            "cat/.hidden.png": b"x",
            "dog/b.jpeg": png(2, kind="JPEG"),
            "dog/c.jfif": png(3, kind="JPEG"),
            ".git/c.png": b"x",
            "dog/.thumbs/d.png": b"x",
            "dog/notes.txt": b"x",
            "dog/e.heic": b"x",
        }
    )
    source = open_source(folder)
    assert names(source) == ["cat/young/small/a.PNG", "dog/b.jpeg", "dog/c.jfif"]
    assert source.class_names == ("cat", "dog")
    assert source.remarks[:2] == (
        "pictures in a format that is not read are ignored (1 .heic); convert them to JPEG",
        "1 files that are not images by name are ignored (1 .txt)",
    )


def test_classes_named_by_numbers_sort_by_value(write_files, png):
    source = open_source(write_files({f"{number}/a.png": png(number) for number in (0, 2, 10, 1)}))
    assert source.class_names == ("0", "1", "2", "10")
    assert [int(np.asarray(source.read(index))[0, 0, 0]) for index in range(4)] == [0, 1, 2, 10]
    assert source.labels.tolist() == [0, 1, 2, 3]


def test_splits_share_their_class_names(write_files, png):
    folder = write_files(
        {
            "train/cat/a.png": png(),
            "train/dog/b.png": png(),
            "train/emu/c.png": png(),
            "val/dog/d.png": png(),
            "test/emu/e.png": png(),
        }
    )
    assert names(open_source(folder)) == ["train/cat/a.png", "train/dog/b.png", "train/emu/c.png"]
    for alias in ("val", "valid", "validation"):
        source = open_source(folder, alias)
        assert source.split == "validation"
        assert source.class_names == ("cat", "dog", "emu")
        assert source.labels.tolist() == [1]
    assert open_source(folder, "test").labels.tolist() == [2]
    assert open_source(folder).splits == ("test", "train", "validation")
    assert open_source(folder, "test").problems == ()
    with pytest.raises(
        UserError, match=r"no split 'tset' \(present: test, train, validation\); did you mean 'test'"
    ):
        open_source(folder, "tset")


def test_a_class_may_be_called_train(write_files, png):
    source = open_source(write_files({"train/a.png": png(), "boat/b.png": png()}))
    assert source.class_names == ("boat", "train")
    with pytest.raises(UserError, match="has no splits, so 'test' cannot be chosen"):
        open_source(source.location, "test")
    assert len(open_source(source.location, "train")) == 2


def test_a_split_without_class_folders_is_refused(write_files, png):
    folder = write_files({"train/cat/a.png": png(), "test/1.png": png(), "test/2.png": png()})
    assert len(open_source(folder)) == 1
    with pytest.raises(UserError, match=r"2 images lie directly in test/ \(such as test/1\.png\)"):
        open_source(folder, "test")


def test_two_folders_for_one_split_are_refused(write_files, png):
    folder = write_files({"train/cat/a.png": png(), "val/cat/a.png": png(), "valid/cat/b.png": png()})
    with pytest.raises(UserError, match="both val/ and valid/ for one split"):
        open_source(folder)


def test_no_images(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("x")
    with pytest.raises(UserError, match="holds no images; put them in one folder per class"):
        open_source(tmp_path)


def test_images_without_class_folders(write_files, png):
    with pytest.raises(UserError, match="holds 2 images but no class folders"):
        open_source(write_files({"a.png": png(), "b.png": png()}))


@pytest.mark.parametrize("stray", [False, True])
def test_folders_in_an_only_folder_are_named_with_the_way_to_them(make, png, stray):
    files = {"images/a/1.png": png(1), "images/b/1.png": png(2)} | ({"x.png": png()} if stray else {})
    folder = make("folder", files)
    source = open_source(folder)
    assert source.class_names == ("images",)
    assert source.remarks[0] == (
        "images/ is the only folder with images, so it is one class; if the folders in it (a/, b/) are the "
        f"classes, give {folder / 'images'}"
    )
    assert source.deeper == source.remarks[0]  # for who refuses one class
    assert open_source(folder / "images").class_names == ("a", "b")
    if not stray:
        archived = open_source(make("zip", files))
        assert (archived.class_names, archived.remarks) == (("a", "b"), ())


def test_splits_in_an_only_folder_are_named_with_the_way_to_them(make, png):
    folder = make("folder", {"set/deep/train/a/1.png": png(), "set/deep/test/a/2.png": png()})
    (remark,) = open_source(folder).remarks
    assert remark.endswith(f"if the folders in it (test/, train/) are the splits, give {folder / 'set/deep'}")
    assert open_source(folder / "set" / "deep").splits == ("test", "train")


def test_folders_in_class_folders_are_not_remarked(make, png):
    assert open_source(make("folder", {"a/x/1.png": png(), "b/y/1.png": png()})).remarks == ()
    flat = open_source(make("folder", {"a/1.png": png()}, "flat"))
    assert (flat.remarks, flat.deeper) == ((), "")


def test_images_beside_the_class_folders_are_remarked(write_files, png):
    source = open_source(write_files({"a.png": png(), "cat/b.png": png()}))
    assert names(source) == ["cat/b.png"]
    assert source.remarks == ("1 images beside the class folders are ignored (such as a.png)",)


def test_an_empty_class_folder_is_named_and_refused_for_training(two_classes):
    (two_classes / "emu").mkdir()
    source = open_source(two_classes)
    assert source.class_names == ("cat", "dog", "emu")
    with pytest.raises(UserError, match="class folder 'emu' is empty; add images or remove the folder"):
        load_images(two_classes, resolution=4, channels=3, cache=None)


def test_links_that_leave_the_folder_are_refused(two_classes, tmp_path, png):
    outside = tmp_path / "secret.png"
    outside.write_bytes(png(99))
    (two_classes / "cat" / "z.png").symlink_to(outside)
    source = open_source(two_classes)
    assert "cat/z.png" not in names(source)
    with pytest.raises(UserError, match=r"cat/z\.png is a link out of the folder"):
        load_images(two_classes, resolution=4, channels=3, cache=None)


def test_links_to_folders_and_to_nothing_are_refused_and_cycles_end(two_classes):
    (two_classes / "cat" / "loop").symlink_to(two_classes)
    (two_classes / "dog" / "gone.png").symlink_to("nowhere.png")
    source = open_source(two_classes)
    assert len(source) == 3
    assert "(2 such)" in source.problems[0]


def test_links_to_files_inside_are_followed(two_classes):
    (two_classes / "dog" / "same.png").symlink_to(two_classes / "cat" / "a.png")
    source = open_source(two_classes)
    assert names(source)[-1] == "dog/same.png"
    assert np.asarray(source.read(3))[0, 0, 0] == 10


def test_unreadable_images_are_named(two_classes):
    (two_classes / "cat" / "a.png").write_bytes(b"not an image")
    with pytest.raises(UnreadableImageError, match=r"^cat/a\.png: not an image"):
        open_source(two_classes).read(0)


def test_a_file_that_vanishes_is_named(two_classes):
    source = open_source(two_classes)
    (two_classes / "cat" / "a.png").unlink()
    with pytest.raises(UnreadableImageError, match=r"cat/a\.png: cannot be read \(No such file"):
        source.read(0)


def test_the_fingerprint_does_not_depend_on_the_place_but_on_what_is_there(two_classes, tmp_path, png):
    before = open_source(two_classes).fingerprint
    shutil.copytree(two_classes, tmp_path / "copy" / "elsewhere")
    assert open_source(tmp_path / "copy" / "elsewhere").fingerprint == before
    (two_classes / "cat" / "a.png").rename(two_classes / "dog" / "a.png")
    moved = open_source(two_classes).fingerprint
    assert moved != before
    (two_classes / "dog" / "a.png").write_bytes(png(10, size=(40, 40)))
    assert open_source(two_classes).fingerprint != moved


def test_a_class_called_train_hides_no_other(write_files, png):
    folder = write_files(
        {"train/old/a.png": png(1), "train/new/b.png": png(2), "plane/c.png": png(3)}, "steam"
    )
    source = open_source(folder)
    assert (source.split, source.splits) == (None, ())
    assert source.class_names == ("plane", "train")
    assert source.labels.tolist() == [0, 1, 1]
    assert source.remarks == (
        "train/ is taken as a class, not as a split, since plane/ lies beside it; "
        "if it is a split, keep only splits there",
    )
