"""A set that is read as before keeps its fingerprint, so that old runs resume and old caches serve."""

import io
import os
import tarfile
import zipfile

import pytest

from projgan.data import ConditionRequest, open_source

NINE = 10**18
"""A time of change, in nanoseconds."""


# As version 0.1.0 gave them.
FOLDER = "570c1c53cc822d4a319f0f996442a70b07894aff579a2354a24201b56556aed5"
SPLITS = {
    "train": "a76519073ff616c84a79964dcbb348d148bc58879b95626414e35678b5f490f9",
    "val": "aed12aed5a25dea135c93d4834d48e5f84f5d7fcc3983aa9e0ca2a16a8757e56",
}
TABLE = "11bda65965bcca6bab0c932330ab1a4c2b2ea963d920887c1dc25604344eda11"
COLUMNS = "680dea978da59c4b69d336de7377cf5d9d7878c1423b99770b8981c8c1b1ef6c"
TAGS = "2a87a75ddda5b9ed9e70947a32306b42262349190993f44c510fc35dea6a0c75"
ZIP = "2612463a7ad03cf2e992b028c430dc125a1055830187c3247dc51a5d09a09ea3"
TAR = "2f3600e8d692e700db4f91b43a1abb5791827136fa88ef32325827e1719f7027"


def settle(path):
    """Give every file the same time of change, which is part of a folder's and a tar's fingerprint."""
    for file in [path, *path.rglob("*")]:
        os.utime(file, ns=(NINE, NINE))
    return path


def members():
    return {
        "set/10/a.png": b"1",
        "set/10/deep/b.PNG": b"22",
        "set/2/c.jpg": b"333",
        "set/notes.txt": b"x",
        "set/stray.png": b"4444",
    }


def test_folder_of_class_folders(write_files):
    files = {name.removeprefix("set/"): content for name, content in members().items()}
    folder = settle(write_files(files | {".git/d.png": b"x", "2/.e.png": b"x"}))
    assert open_source(folder).fingerprint == FOLDER


@pytest.mark.parametrize("split", ["train", "val"])
def test_folder_of_splits(write_files, split):
    folder = settle(
        write_files({"train/b/1.png": b"1", "train/a/2.png": b"22", "val/b/3.png": b"3", "val/c/4.png": b"4"})
    )
    assert open_source(folder, split).fingerprint == SPLITS[split]


@pytest.mark.parametrize("name", ["labels.csv", "other.csv"])
def test_folder_with_a_table(write_files, name):
    rows = b"file,label\nsub/c.png,10\na.png,2\nno_suffix,2\n"
    folder = settle(
        write_files({name: rows, "a.png": b"1", "sub/c.png": b"22", "no_suffix": b"3", "left.png": b"4"})
    )
    assert open_source(folder).fingerprint == TABLE


@pytest.mark.parametrize("kind", ["vector", "multi-hot"])
def test_folder_with_a_table_of_other_conditions(write_files, kind):
    rows = b"file,label,hat,smile\nb.png,x,1,0\na.png,y,0,1\n"
    folder = settle(write_files({"labels.csv": rows, "a.png": b"1", "b.png": b"22"}))
    assert open_source(folder, request=ConditionRequest(kind)).fingerprint == COLUMNS
    folder = settle(write_files({"labels.csv": b"file,tags\nb.png,x;y\na.png,y|z\n", "a.png": b"1"}, "tags"))
    (folder / "b.png").write_bytes(b"22")
    if kind == "multi-hot":
        assert open_source(settle(folder), request=ConditionRequest(kind)).fingerprint == TAGS


def test_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, content in members().items():
            archive.writestr(name, content)
    assert open_source(tmp_path / "a.zip").fingerprint == ZIP


def test_tar(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members().items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    os.utime(tmp_path / "a.tar", ns=(NINE, NINE))
    assert open_source(tmp_path / "a.tar").fingerprint == TAR
