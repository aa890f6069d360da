import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from projgan.data import load_images, open_source, pack
from projgan.data.sources.opening import refuse_absent
from projgan.errors import UserError


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("digit", "no data at 'digit'; did you mean 'digits'"),
        ("/no/such/place", "no data at '/no/such/place'; accepted are 'digits', a folder of class folders"),
        ("a\0b", r"no data at 'a.x00b'"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_nothing_there(location, message):
    with pytest.raises(UserError, match=message) as caught:
        open_source(location)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [5, None, b"set", np.zeros((2, 4, 4)), [Path("set")]])
def test_what_is_no_path_is_told_how_to_become_one(given):
    for read in (open_source, lambda given: load_images(given, resolution=4, channels=1, cache=None)):
        with pytest.raises(
            UserError, match=r"images are given as \w+, not as the path .* numpy\.savez"
        ) as caught:
            read(given)
        assert type(given).__name__ in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_endless_path_is_one_short_line():
    for read in (open_source, refuse_absent):
        with pytest.raises(
            UserError, match=r"cannot be read \(File name too long\); check the path"
        ) as caught:
            read("x" * 5000)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is an empty file; accepted are"),
        (b"%PDF-1.7 ...", "is a file that starts with b'%PDF-1.7'; accepted are"),
        (b"PK\x03\x04 nothing", "cannot be read as an archive"),
        (b"\x1f\x8b nothing", "cannot be read as an archive"),
        (b"PAR1 nothing", "cannot be read as Parquet"),
    ],
)
def test_other_files_are_told_what_they_are(tmp_path, content, message):
    path = tmp_path / "data.bin"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        open_source(path)
    assert "\n" not in str(caught.value)


def test_a_message_is_not_wrapped_in_another(tmp_path):
    (tmp_path / "data.bin").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        open_source(tmp_path / "data.bin")
    assert str(caught.value).startswith(f"{tmp_path / 'data.bin'} is an empty file; accepted are 'digits'")


def test_names_that_are_not_utf_8_are_refused(write_files, png, tmp_path):
    folder = os.fsencode(write_files({"dog/a.png": png()}))
    try:
        Path(os.fsdecode(folder + b"/caf\xe9")).mkdir()
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    Path(os.fsdecode(folder + b"/caf\xe9/b.png")).write_bytes(png())
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "set", "set")
    for location in (tmp_path / "set", tmp_path / "a.tar"):
        with pytest.raises(
            UserError, match=r"the name '(set/)?caf\\udce9(/b.png)?' is not valid UTF-8; rename"
        ):
            open_source(location)
    with pytest.raises(UserError, match=r"the name '.*/caf\\udce9' is not valid UTF-8; rename it"):
        open_source(os.fsdecode(folder + b"/caf\xe9"))


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="is neither a file nor a folder"):
        open_source(tmp_path / "pipe")


def test_the_name_of_the_digits_wins_over_a_folder_of_that_name(tmp_path, monkeypatch, write_files, png):
    write_files({"cat/a.png": png()}, "digits")
    monkeypatch.chdir(tmp_path)
    assert open_source("digits").kind == "built-in digits"
    assert open_source("./digits").kind == "folder of class folders"


def test_a_packed_store_is_a_source(two_classes, tmp_path):
    pack(open_source(two_classes), tmp_path / "store", resolution=4, channels=1)
    source = open_source(tmp_path / "store")
    assert (source.kind, source.name, source.class_names) == ("packed store", "set", ("cat", "dog"))
    assert [source.read(index).getpixel((0, 0)) for index in range(3)] == [10, 20, 30]
    with pytest.raises(UserError, match="packed store of 'all there was', not of 'test'"):
        load_images(tmp_path / "store", split="test", resolution=4, channels=1, cache=None)
    assert len(open_source(tmp_path / "store", "training")) == 3


@pytest.mark.parametrize("spelling", ["val", "valid", "validation"])
def test_a_packed_store_knows_the_spellings_of_splits_that_folders_know(tmp_path, write_files, png, spelling):
    folder = write_files({f"{split}/cat/a.png": png() for split in ("train", "val")})
    pack(open_source(folder, "val"), tmp_path / "store", resolution=4, channels=1)
    assert len(open_source(folder, spelling)) == len(open_source(tmp_path / "store", spelling)) == 1
    with pytest.raises(UserError, match="packed store of 'validation', not of 'train'"):
        open_source(tmp_path / "store", "train")
