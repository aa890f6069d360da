import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest

from projgan.data import load_images, open_source
from projgan.data.decode import UnreadableImageError
from projgan.data.sources import archive as archives
from projgan.errors import UserError

KINDS = ["a.zip", "a.tar", "a.tar.gz", "a.tgz"]


def named(source):
    """The classes, and each image's name with its value."""
    values = {
        source.item_name(item.index): np.asarray(item.open().convert("L"))[0, 0] for item in source.iterate()
    }
    return source.class_names, {name: int(value) for name, value in values.items()}


@pytest.fixture
def write(tmp_path):
    def write(name, files):
        path = tmp_path / name
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for member, content in files.items():
                    archive.writestr(member, content)
            return path
        with tarfile.open(path, "w" if name.endswith(".tar") else "w:gz") as archive:
            for member, content in files.items():
                info = tarfile.TarInfo(member.rstrip("/"))
                info.size = len(content)
                if member.endswith("/"):
                    info.type = tarfile.DIRTYPE
                archive.addfile(info, io.BytesIO(content))
        return path

    return write


@pytest.mark.parametrize("name", KINDS)
def test_class_folders(write, png, name):
    files = {
        "set/dog/b.png": png(1),
        "set/cat/a.png": png(2),
        "set/cat/young/c.jpg": png(3, kind="JPEG"),
        "set/readme.txt": b"x",
        "__MACOSX/set/cat/._a.png": b"x",
        "set/.hidden/d.png": b"x",
    }
    source = open_source(write(name, files))
    assert source.name == "a"
    assert source.class_names == ("cat", "dog")
    assert source.labels.tolist() == [1, 0, 0]
    assert [source.item_name(index) for index in range(3)] == list(files)[:3]
    values = [(item.index, int(np.asarray(item.open())[0, 0, 0])) for item in source.iterate()]
    assert values == [(0, 1), (1, 2), (2, 3)]
    assert int(np.asarray(source.read(2))[0, 0, 0]) == 3
    assert int(np.asarray(source.read(0))[0, 0, 0]) == 1


@pytest.mark.parametrize("name", KINDS)
def test_splits(write, png, name):
    path = write(
        name, {"set/train/cat/a.png": png(1), "set/train/dog/b.png": png(2), "set/val/dog/c.png": png(3)}
    )
    assert open_source(path).labels.tolist() == [0, 1]
    validation = open_source(path, "validation")
    assert validation.labels.tolist() == [1]
    assert [int(np.asarray(item.open())[0, 0, 0]) for item in validation.iterate()] == [3]


def test_a_split_folder_alone_at_the_top_is_not_mistaken_for_a_wrapper(write, png):
    source = open_source(write("a.zip", {"train/cat/a.png": png(), "train/dog/b.png": png()}))
    assert (source.class_names, source.split) == (("cat", "dog"), "train")


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_an_empty_class_folder_is_named(write, png, name):
    path = write(name, {"set/cat/a.png": png(), "set/dog/b.png": png(), "set/emu/": b""})
    with pytest.raises(UserError, match="class folder 'emu' is empty"):
        load_images(path, resolution=4, channels=3, cache=None)


@pytest.mark.parametrize("name", KINDS)
def test_no_images(write, name):
    with pytest.raises(UserError, match="holds no images"):
        open_source(write(name, {"cat/a.txt": b"x"}))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("root", ["./", "././", "./set/", "set/./"])
def test_an_archive_of_its_own_root_is_as_the_folder(write, png, name, root):
    files = {root: b"", f"{root}cat/": b"", f"{root}cat/a.png": png(1), f"{root}dog/b.png": png(2)}
    source = open_source(write(name, files))
    inner = root.replace("./", "")
    assert named(source) == (("cat", "dog"), {f"{inner}cat/a.png": 1, f"{inner}dog/b.png": 2})
    assert source.problems == ()
    flat = write(f"flat{name[1:]}", {"./": b"", "./a.png": png()})
    with pytest.raises(UserError, match="no class folders"):
        open_source(flat)


@pytest.mark.parametrize("name", KINDS)
def test_of_a_member_that_is_stored_twice_the_last_is_read(tmp_path, png, name):
    def members(archive):
        for member, value in (("cat/a.png", 1), ("dog/b.png", 2), ("cat/a.png", 3), ("./dog/b.png", 4)):
            if name.endswith(".zip"):
                archive.writestr(member, png(value))
            else:
                info = tarfile.TarInfo(member)
                info.size = len(png(value))
                archive.addfile(info, io.BytesIO(png(value)))

    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
            members(archive)
    else:
        with tarfile.open(tmp_path / name, "w" if name == "a.tar" else "w:gz") as archive:
            members(archive)
    source = open_source(tmp_path / name)
    assert named(source) == (("cat", "dog"), {"cat/a.png": 3, "dog/b.png": 4})
    assert int(np.asarray(source.read(0))[0, 0, 0]) == 3


@pytest.mark.parametrize("name", KINDS)
def test_colons_in_names_are_no_drives(write, png, name):
    files = {"12:30/a.png": png(1), "12:31/b:c.png": png(2), "x:/y.png": png(3)}
    del files["x:/y.png"]
    assert named(open_source(write(name, files))) == (
        ("12:30", "12:31"),
        {"12:30/a.png": 1, "12:31/b:c.png": 2},
    )
    table = write(
        f"b{name[1:]}",
        {"12:30.png": png(5), "a/b:c.png": png(6), "labels.csv": b"file,label\n12:30.png,x\na/b:c.png,y\n"},
    )
    assert named(open_source(table)) == (("x", "y"), {"12:30.png": 5, "a/b:c.png": 6})


@pytest.mark.parametrize("system", [0, 3])
def test_backslashes_in_a_zip_are_separators(tmp_path, png, system):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for member, content in {
            "set\\cat\\": b"",
            "set\\cat\\a.png": png(1),
            "set\\dog\\b.png": png(2),
        }.items():
            info = zipfile.ZipInfo(member)
            info.create_system = system
            archive.writestr(info, content)
    source = open_source(tmp_path / "a.zip")
    assert named(source) == (("cat", "dog"), {"set/cat/a.png": 1, "set/dog/b.png": 2})


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize(
    "member",
    [
        "../cat/a.png",
        "/cat/a.png",
        "cat/../../a.png",
        "..\\cat\\a.png",
        "C:/a.png",
        "c:\\a.png",
        "\\\\host\\a.png",
    ],
)
def test_names_that_leave_the_archive_are_refused(write, png, name, member, tmp_path):
    with pytest.raises(UserError, match="which leaves the archive"):
        open_source(write(name, {"cat/b.png": png(), member: png()}))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", KINDS)
def test_large_members_are_refused(write, png, name, monkeypatch):
    monkeypatch.setattr(archives, "MAX_ITEM_BYTES", 5000)
    path = write(name, {"cat/a.png": png(), "cat/b.png": b"x" * 5001})
    with pytest.raises(UserError, match=r"member 'cat/b\.png' has 5,001 bytes, more than the 5,000 accepted"):
        open_source(path)


@pytest.mark.parametrize("name", KINDS)
def test_many_members_are_refused(write, png, name, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    with pytest.raises(UserError, match="more than the 2 members accepted"):
        open_source(write(name, {f"cat/{index}.png": png() for index in range(3)}))


def test_a_zip_bomb_is_refused_by_its_directory(write, monkeypatch):
    monkeypatch.setattr("projgan.data.sources.expansion.FREE_BYTES", 2**20)
    zeros = b"\0" * 2**20
    with pytest.raises(UserError, match=r"would expand from .* decompression bomb"):
        open_source(write("a.zip", {f"cat/{index}.png": zeros for index in range(6)}))


def test_a_zip_that_understates_its_sizes_is_not_believed(write, png):
    path = write("a.zip", {"cat/a.png": png(1), "dog/b.png": b"\0" * 2**22})
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("dog/b.png")
    true_size = info.file_size.to_bytes(4, "little")
    assert content.count(true_size) == 2
    path.write_bytes(content.replace(true_size, (100).to_bytes(4, "little")))
    with pytest.raises(UserError, match=r"1 of 2 images cannot be read: dog/b\.png: .*Bad CRC"):
        load_images(path, resolution=4, channels=3, cache=None)


def test_a_gzip_bomb_is_refused_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("projgan.data.sources.expansion.FREE_BYTES", 2**20)
    zeros = tarfile.TarInfo("cat/a.png")
    zeros.size = 2**24
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(zeros.tobuf())
        stream.write(b"\0" * 2**24)
    with pytest.raises(UserError, match=r"would expand from .* decompression bomb"):
        open_source(path)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_endless_length_is_not_read(tmp_path, kind):
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, 7 * 2**30
    (tmp_path / "a.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 10240)
    with pytest.raises(UserError, match=r"cannot be read as an archive \(a header declares 7,516,"):
        open_source(tmp_path / "a.tar")


def test_links_out_of_a_tar_and_devices_are_passed_over_and_said(tmp_path, png):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind, target in (
            ("cat/passwd.png", tarfile.SYMTYPE, "/etc/passwd"),
            ("cat/hard.png", tarfile.LNKTYPE, "/etc/passwd"),
            ("cat/null.png", tarfile.CHRTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
        info = tarfile.TarInfo("cat/a.png")
        info.size = len(png())
        archive.addfile(info, io.BytesIO(png()))
    source = open_source(tmp_path / "a.tar")
    assert [source.item_name(index) for index in range(len(source))] == ["cat/a.png"]
    assert source.problems == ()
    assert source.remarks == (
        "cat/hard.png is a link out of the archive, to nothing, or back to itself (2 such); links are "
        "followed only to what is inside, so put the images themselves there",
        "1 entries that are neither files nor folders are passed over (such as cat/null.png)",
    )


@pytest.mark.parametrize("name", KINDS)
def test_damaged_archives_are_told(write, png, name):
    noise = np.random.default_rng(0).bytes(20_000)
    path = write(name, {"cat/a.png": png(), "cat/b.png": noise, "cat/c.png": noise})
    path.write_bytes(path.read_bytes()[:25_000])
    with pytest.raises(UserError, match=name) as caught:
        load_images(path, resolution=4, channels=3, cache=None)
    assert "\n" not in str(caught.value)


def test_one_broken_member_of_a_zip_costs_only_itself(write, png):
    path = write(
        "a.zip", {"cat/a.png": png(1), "cat/b.png": np.random.default_rng(0).bytes(900), "cat/c.png": png(3)}
    )
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        content[archive.getinfo("cat/b.png").header_offset + 400] ^= 255
    path.write_bytes(content)
    packed = load_images(path, resolution=4, channels=1, cache=None, on_unreadable="skip")
    assert packed.images[:, 0, 0, 0].tolist() == [1, 3]
    assert packed.skipped == ("cat/b.png",)


def test_encrypted_zips_are_told(write, png):
    path = write("a.zip", {"cat/a.png": png()})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.zip is encrypted; unpack it"):
        load_images(path, resolution=4, channels=3, cache=None)


def test_the_fingerprint_of_a_zip_follows_its_checksums(write, png):
    first = open_source(write("a.zip", {"cat/a.png": png(1), "dog/b.png": png(2)})).fingerprint
    swapped = open_source(write("b.zip", {"cat/a.png": png(2), "dog/b.png": png(1)})).fingerprint
    assert first != swapped
    assert open_source(write("c.zip", {"cat/a.png": png(1), "dog/b.png": png(2)})).fingerprint == first


def test_a_damaged_lzma_stream_is_told(tmp_path, png):
    path = tmp_path / "lzma.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name in ("cat/0.png", "dog/0.png"):
            archive.writestr(name, png())
    content = bytearray(path.read_bytes())
    content[30 + len("cat/0.png") + 4] ^= 0xFF
    path.write_bytes(content)
    source = open_source(path)
    with pytest.raises(UnreadableImageError, match=r"^cat/0\.png: "):
        source.read(0)
    with pytest.raises(UserError, match="1 of 2 images cannot be read") as caught:
        load_images(path, resolution=4, channels=3, cache=None)
    assert "\n" not in str(caught.value)


def stored_tar_gz(path, files):
    """A compressed tar whose bytes are those of the tar, so that one can be changed and still be unpacked."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    path.write_bytes(gzip.compress(plain.getvalue(), 0))
    return path


def test_a_compressed_tar_is_compared_with_its_checksum(tmp_path, png):
    bitmap = png(5, kind="BMP")
    path = stored_tar_gz(tmp_path / "a.tar.gz", {"cat/0.bmp": bitmap, "dog/0.bmp": bitmap})
    assert len(open_source(path)) == 2
    content = bytearray(path.read_bytes())
    content[content.index(bitmap) + len(bitmap) - 1] ^= 1  # a pixel: nothing else would notice
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"cannot be read as an archive \(CRC check failed"):
        open_source(path)


def test_what_stands_behind_a_compressed_tar_is_passed_over(tmp_path, png):
    path = stored_tar_gz(tmp_path / "a.tar.gz", {"cat/0.png": png(), "dog/0.png": png()})
    path.write_bytes(path.read_bytes() + b"behind it")
    assert len(open_source(path)) == 2


def test_a_compressed_tar_without_end_is_refused(tmp_path, png):
    path = stored_tar_gz(tmp_path / "a.tar.gz", {"cat/0.png": png(), "dog/0.png": png()})
    path.write_bytes(path.read_bytes() + gzip.compress(bytes(2**28), 9) * 5)
    with pytest.raises(UserError, match="would expand from"):
        open_source(path)
