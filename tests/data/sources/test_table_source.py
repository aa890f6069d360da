import numpy as np
import pytest

from projgan.data import open_source
from projgan.errors import UserError


@pytest.fixture
def folder(write_files, png):
    return write_files({"a.png": png(1), "sub/b.png": png(2), "c.png": png(3)})


def write(folder, text, name="labels.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("file_column", ["file", "file_name", "filename", "image", "path", "File_Name"])
@pytest.mark.parametrize("label_column", ["label", "class", "class_name"])
def test_columns(folder, file_column, label_column):
    text = f"id,{file_column},{label_column}\n7,c.png,dog\n8,sub/b.png,cat\n9,a.png,dog\n"
    source = open_source(write(folder, text))
    assert source.class_names == ("cat", "dog")
    assert source.labels.tolist() == [1, 0, 1]
    assert [int(np.asarray(source.read(index))[0, 0, 0]) for index in range(3)] == [3, 2, 1]
    assert source.item_name(1) == "sub/b.png"


def test_whole_numbers_sort_by_value(folder):
    source = open_source(write(folder, "file,label\na.png,10\nc.png,9\nsub/b.png,9\n"))
    assert source.class_names == ("9", "10")
    assert source.labels.tolist() == [1, 0, 0]


def test_any_single_csv_will_do_and_a_byte_order_mark_is_passed_over(folder):
    source = open_source(write(folder, "\ufefffile,label\na.png,x\n", name="names.csv"))
    assert source.class_names == ("x",)
    write(folder, "file,label\na.png,y\n", name="more.csv")
    with pytest.raises(UserError, match=r"more\.csv and names\.csv could each say .* labels\.csv"):
        open_source(folder)
    write(folder, "file,label\na.png,z\n")
    assert open_source(folder).class_names == ("z",)


def test_a_csv_of_something_else_does_not_hide_class_folders(two_classes):
    write(two_classes, "image_id,width\n1,20\n", name="statistics.csv")
    source = open_source(two_classes)
    assert source.kind == "folder of class folders"
    assert source.remarks == ("1 files that are not images by name are ignored (1 .csv)",)
    write(two_classes, "id\n1\n", name="more.csv")
    assert open_source(two_classes).class_names == ("cat", "dog")
    write(two_classes, "file,label\ncat/a.png,x\n", name="names.csv")
    assert open_source(two_classes).class_names == ("x",)


def test_a_csv_of_something_else_beside_images_alone_is_told(write_files, png):
    folder = write(write_files({"a.png": png()}), "image_id,width\n1,20\n", name="statistics.csv")
    with pytest.raises(UserError, match=r"statistics\.csv has no file column"):
        open_source(folder)


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd", "sub/../../x.png", "..\\\\x.png", "C:\\x.png", "c:/x.png"]
)
def test_names_stay_inside(folder, name):
    with pytest.raises(UserError, match=r"labels\.csv, line 3: .* does not stay inside the folder"):
        open_source(write(folder, f"file,label\na.png,x\n{name},x\n"))


def test_links_stay_inside(folder, tmp_path, png):
    (tmp_path / "secret.png").write_bytes(png())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match=r"line 2: link\.png is a link that leaves the folder"):
        open_source(write(folder, "file,label\nlink.png,x\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name,label\na.png,x\n",
            r"no file column \(columns: name, label\); call it one of: file, file_name",
        ),
        ("file,kind\na.png,x\n", r"no label column \(columns: file, kind\)"),
        ("", r"no file column \(columns: none\)"),
        ("file,label\n", "a header but no rows"),
        ("file,label\na.png,\n", "line 2: the label is empty"),
        ("file,label\na.png\n", "line 2: the label is empty"),
        ("file,label\n,x\n", "line 2: the file is empty"),
        ("file,label\na.png,x\n./a.png,y\n", r"a\.png is listed twice \(lines 2 and 3\)"),
        (
            "file,label\nnot.png,x\nno.png,x\n",
            r"lists 2 files that are not there: not\.png, no\.png; add them",
        ),
        ('file,label\n"a.png,x\n', "cannot be read as CSV"),
        ("file,label\na" + "a" * 200_000 + ",x\n", "cannot be read as CSV"),
        ("file,label\nsub,x\n", "not there: sub"),
    ],
)
def test_mistakes_are_told(folder, text, message):
    with pytest.raises(UserError, match=message) as caught:
        open_source(write(folder, text))
    assert "\n" not in str(caught.value)


def test_other_encodings_are_told(folder):
    (folder / "labels.csv").write_bytes("file,label\na.png,été\n".encode("latin-1"))
    with pytest.raises(UserError, match="save it as UTF-8"):
        open_source(folder)
