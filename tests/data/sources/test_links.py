"""Links in folders and archives are followed to what is inside, and nowhere else."""

import io
import stat
import tarfile
import zipfile

import numpy as np
import pytest

from projgan.data import load_images, open_source
from projgan.errors import UserError

KINDS = ("folder", "zip", "tar", "tar.gz")


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def make(tmp_path, png):
    """make(kind, {name: value of an image, bytes of a file, or target of a symbolic link}) -> path."""

    def make(kind, entries, name="set"):
        entries = {
            entry: png(content) if isinstance(content, int) else content for entry, content in entries.items()
        }
        path = tmp_path / (name if kind == "folder" else f"{name}.{kind}")
        if kind == "folder":
            for entry, content in entries.items():
                (path / entry).parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, str):
                    (path / entry).symlink_to(content)
                else:
                    (path / entry).write_bytes(content)
        elif kind == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                for entry, content in entries.items():
                    info = zipfile.ZipInfo(entry)
                    info.create_system = 3
                    mode = stat.S_IFLNK if isinstance(content, str) else stat.S_IFREG
                    info.external_attr = (mode | 0o644) << 16
                    archive.writestr(info, content)
        else:
            with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
                for entry, content in entries.items():
                    info = tarfile.TarInfo(entry)
                    if isinstance(content, str):
                        info.type, info.linkname = tarfile.SYMTYPE, content
                        archive.addfile(info)
                    else:
                        info.size = len(content)
                        archive.addfile(info, io.BytesIO(content))
        return path

    return make


def seen(source):
    """Class and value of every image, read both in order and one by one."""
    found = {}
    for item in source.iterate():
        value = int(np.asarray(item.open().convert("L"))[0, 0])
        assert value == int(np.asarray(source.read(item.index).convert("L"))[0, 0])
        found[source.item_name(item.index)] = (source.class_names[source.labels[item.index]], value)
    assert len(found) == len(source)
    return found


def test_links_to_files_inside(make, kind):
    entries = {
        "dog/first.png": "../cat/a.png",  # before what it leads to
        "cat/a.png": 1,
        "dog/second.png": "first.png",  # a link to a link
        "dog/third.png": "./../dog/./b.png",
        "dog/b.png": 2,
    }
    source = open_source(make(kind, entries))
    assert seen(source) == {
        "cat/a.png": ("cat", 1),
        "dog/b.png": ("dog", 2),
        "dog/first.png": ("dog", 1),
        "dog/second.png": ("dog", 1),
        "dog/third.png": ("dog", 2),
    }
    assert (source.problems, source.remarks) == ((), ())


def test_links_to_folders_inside(make, kind):
    entries = {"cat/a.png": 1, "cat/deep/b.png": 2, "dog/c.png": 3, "lion": "cat", "dog/more": "../cat/deep"}
    source = open_source(make(kind, entries))
    assert seen(source) == {
        "cat/a.png": ("cat", 1),
        "cat/deep/b.png": ("cat", 2),
        "dog/c.png": ("dog", 3),
        "dog/more/b.png": ("dog", 2),
        "lion/a.png": ("lion", 1),
        "lion/deep/b.png": ("lion", 2),
    }
    assert (source.problems, source.remarks) == ((), ())


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "../../secret.png",
        "../../cat/a.png",
        "../../set/../../x.png",
        "nowhere.png",
        "z.png",
        "..",
        ".",
    ],
)
def test_links_that_lead_out_to_nothing_or_back_are_said_and_not_read(make, kind, tmp_path, png, target):
    (tmp_path / "secret.png").write_bytes(png(99))
    path = make(kind, {"cat/a.png": 1, "dog/b.png": 2, "dog/z.png": target})
    source = open_source(path)
    assert seen(source) == {"cat/a.png": ("cat", 1), "dog/b.png": ("dog", 2)}
    noun = "folder" if kind == "folder" else "archive"
    line = f"dog/z.png is a link out of the {noun}, to nothing, or back to itself (1 such)"
    if kind == "folder":  # where it can be mended
        assert source.problems[0].startswith(f"{path}: {line}")
        with pytest.raises(UserError, match=r"dog/z\.png is a link out of the folder"):
            load_images(path, resolution=4, channels=3, cache=None)
    else:
        assert source.remarks[0].startswith(line)
        assert len(load_images(path, resolution=4, channels=3, cache=None)) == 2


def test_nothing_but_links_out(make, kind, tmp_path, png):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(png())
    for entries in (
        {"x/1.png": str(tmp_path / "real/a.png"), "y/2.png": "../../real/a.png"},
        {"cat": "../real"},
    ):
        with pytest.raises(
            UserError, match=r"holds no images of its own: .* is a link out of the "
        ) as caught:
            open_source(make(kind, entries, f"set{len(entries)}"))
        assert "\n" not in str(caught.value)


def test_a_class_that_loses_its_images_with_links_does_not_vanish(make, kind):
    source = open_source(make(kind, {"cat/a.png": 1, "dog/b.png": "/no/where.png"}))
    assert source.class_names == ("cat", "dog")
    assert any("class folder 'dog' is empty" in problem for problem in source.problems)


def test_links_cannot_multiply_without_end(make, kind):
    entries = {"a/0.png": 1, "b/0.png": 2}
    for depth in range(1, 30):
        entries |= {f"l{depth}/{side}": f"../l{depth + 1}" for side in "ab"}
    entries |= {"l30/0.png": 3, "a/circle": "../b/circle", "b/circle": "../a/circle"}
    source = open_source(make(kind, entries))
    assert len(source) < 70
    assert source.problems or source.remarks


def test_a_table_may_name_links(make, kind):
    entries = {"store/1.png": 1, "store/2.png": 2, "x.png": "store/1.png", "y.png": "store/2.png"}
    source = open_source(make(kind, entries | {"labels.csv": b"file,label\nx.png,cat\ny.png,dog\n"}))
    assert seen(source) == {"x.png": ("cat", 1), "y.png": ("dog", 2)}


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_hard_links(tmp_path, png, kind):
    def add(archive, name, content):
        info = tarfile.TarInfo(name)
        if isinstance(content, str):
            info.type, info.linkname = tarfile.LNKTYPE, content
            archive.addfile(info)
        else:
            info.size = len(png(content))
            archive.addfile(info, io.BytesIO(png(content)))

    path = tmp_path / f"a.{kind}"
    with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
        add(archive, "./cat/a.png", 1)
        add(archive, "./dog/a.png", "./cat/a.png")
        add(archive, "cat/a.png", "./cat/a.png")  # given twice to tar: a link to itself
        add(archive, "emu/late.png", "emu/b.png")  # before what it leads to
        add(archive, "emu/b.png", 2)
        add(archive, "fox/a.png", "cat/a.png")
        add(archive, "cat/a.png", 3)  # written anew: what was linked to stays what it was
        add(archive, "fox/c.png", "../../etc/passwd")
    source = open_source(path)
    assert seen(source) == {
        "cat/a.png": ("cat", 3),
        "dog/a.png": ("dog", 1),
        "emu/late.png": ("emu", 2),
        "emu/b.png": ("emu", 2),
        "fox/a.png": ("fox", 1),
    }
    assert source.remarks[0].startswith("fox/c.png is a link out of the archive")


def test_links_are_read_together_with_what_they_lead_to(tmp_path, png, monkeypatch):
    """A compressed tar is unpacked once: nothing in it is gone back to."""
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for index in range(5):
            info = tarfile.TarInfo(f"cat/{index}.png")
            info.size = len(png(index))
            archive.addfile(info, io.BytesIO(png(index)))
        for index in range(5):
            info = tarfile.TarInfo(f"dog/{index}.png")
            info.type, info.linkname = tarfile.LNKTYPE, f"cat/{index}.png"
            archive.addfile(info)
    source = open_source(path)
    places = []
    original = source._archive._open().__class__.seek
    monkeypatch.setattr(
        source._archive._open().__class__,
        "seek",
        lambda stream, place: places.append(place) or original(stream, place),
    )
    assert len(list(source.iterate())) == 10
    assert places == sorted(set(places))


def sparse_member(name, pieces, size):
    """Bytes of a GNU sparse member, as `tar -S` writes it: `pieces` are (start, content)."""
    info = tarfile.TarInfo(name)
    info.type, info.size = tarfile.GNUTYPE_SPARSE, sum(len(content) for _, content in pieces)
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    for index, (start, content) in enumerate(pieces):
        header[386 + 24 * index : 410 + 24 * index] = f"{start:011o}\0{len(content):011o}\0".encode()
    header[483:495] = f"{size:011o}\0".encode()
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    stored = b"".join(content for _, content in pieces)
    return bytes(header) + stored + b"\0" * (-len(stored) % 512)


def test_sparse_members(tmp_path, png):
    image = png(7, size=(600, 3), kind="BMP")
    hole = image[:600] + b"\0" * 500 + image[1100:]
    ends = [(0, hole[:600]), (1100, hole[1100:])]
    content = sparse_member("cat/a.bmp", ends, len(hole)) + sparse_member(
        "dog/b.bmp", [(0, image)], len(image)
    )
    (tmp_path / "a.tar").write_bytes(content + b"\0" * 1024)
    source = open_source(tmp_path / "a.tar")
    assert [source._archive.read(source.item_name(index)) for index in range(2)] == [hole, image]
    assert set(seen(source)) == {"cat/a.bmp", "dog/b.bmp"}


def test_a_sparse_member_that_is_larger_than_itself_is_refused(tmp_path, png):
    content = sparse_member("cat/a.png", [(50, png(1))], 60) + sparse_member(
        "dog/b.png", [(0, png())], len(png())
    )
    (tmp_path / "a.tar").write_bytes(content + b"\0" * 1024)
    with pytest.raises(UserError, match="a sparse member is larger than itself"):
        load_images(tmp_path / "a.tar", resolution=4, channels=3, cache=None)
