"""Pixels that were changed on the disk are never trained on; what was compared once is not compared again."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from projgan.data import load_images, open_packed, open_source, pack, verification
from projgan.data.verification import NOTE
from projgan.errors import UserError


@pytest.fixture
def store(two_classes, tmp_path):
    pack(open_source(two_classes), tmp_path / "store", resolution=4, channels=3)
    return tmp_path / "store"


@pytest.fixture
def reads(monkeypatch):
    """How often a checksum was computed; nothing is remembered from before."""
    counted = []
    compute = verification._sha256_from

    def count(path, offset):
        counted.append(path.name)
        return compute(path, offset)

    monkeypatch.setattr(verification, "_sha256_from", count)
    monkeypatch.setattr(verification, "_verified", {})
    return counted


@pytest.fixture
def settled(monkeypatch):
    """As if files had been written long ago."""
    monkeypatch.setattr(verification, "SETTLED_SECONDS", -1.0)


def flip(images: Path, *, keep_time: bool = False) -> None:
    """Change one bit in place, perhaps with the time of writing set back."""
    before = images.stat()
    with images.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    if keep_time:
        os.utime(images, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_store_is_read_once(store, reads, settled, monkeypatch):
    for _ in range(3):
        load_images(store, resolution=4, channels=3, cache=None)
        open_source(store)
    assert reads == ["images.npy"]
    monkeypatch.setattr(verification, "_verified", {})  # another process
    open_packed(store)
    assert reads == ["images.npy"]
    open_packed(store, verify="always")
    assert reads == ["images.npy"] * 2


def test_what_was_just_written_is_not_yet_remembered(store, reads):
    open_packed(store)
    open_packed(store)
    assert reads == ["images.npy"] * 2
    assert not (store / NOTE).exists()


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_changed_pixel_is_noticed_though_the_file_was_compared_before(store, reads, settled, keep_time):
    open_packed(store)
    time.sleep(0.02)  # a tick of the file system's clock
    flip(store / "images.npy", keep_time=keep_time)
    for look in (open_packed, open_source):
        with pytest.raises(UserError, match="its pixels are not those it was made with; remove it"):
            look(store)


def test_a_file_in_the_place_of_another_is_compared(store, reads, settled):
    open_packed(store)
    before = (store / "images.npy").stat()
    shutil.copy(store / "images.npy", store / "other")
    flip(store / "other")
    os.utime(store / "other", ns=(before.st_atime_ns, before.st_mtime_ns))
    (store / "other").rename(store / "images.npy")
    with pytest.raises(UserError, match="pixels"):
        open_packed(store)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"[" * 10_000, b'{"size": 1}'])
def test_a_note_that_says_something_else_is_as_none(store, reads, settled, content):
    (store / NOTE).write_bytes(content)
    open_packed(store)
    assert reads == ["images.npy"]
    assert json.loads((store / NOTE).read_bytes())["size"] == (store / "images.npy").stat().st_size


def test_a_note_that_comes_with_a_store_is_of_another_file(store, reads, settled, tmp_path):
    """A stranger cannot know the number that a file will have here, nor when it will be written."""
    open_packed(store)
    shutil.copytree(store, tmp_path / "copy")
    flip(tmp_path / "copy" / "images.npy")
    with pytest.raises(UserError, match="pixels"):
        open_packed(tmp_path / "copy")


def test_a_store_that_cannot_be_written_is_read_once_by_a_process(store, reads, settled, monkeypatch):
    def fail(*arguments, **options):
        raise UserError("a read-only disk")

    monkeypatch.setattr(verification, "write_atomically", fail)
    open_packed(store)
    open_packed(store)
    assert reads == ["images.npy"]


def changes():
    def cut(store):
        (store / "images.npy").write_bytes((store / "images.npy").read_bytes()[:-1])

    def no_manifest(store):
        (store / "manifest.json").unlink()

    def other_labels(store):
        content = bytearray((store / "labels.npy").read_bytes())
        content[-8] ^= 1
        (store / "labels.npy").write_bytes(content)

    def broken_manifest(store):
        (store / "manifest.json").write_text("{")

    def another_source(store):
        manifest = json.loads((store / "manifest.json").read_text())
        (store / "manifest.json").write_text(json.dumps(manifest | {"source_fingerprint": "0" * 64}))

    return {
        "a pixel": lambda store: flip(store / "images.npy"),
        "pixels cut": cut,
        "no manifest": no_manifest,
        "a label": other_labels,
        "a broken manifest": broken_manifest,
        "another source": another_source,
        "no pixels": lambda store: (store / "images.npy").unlink(),
    }


@pytest.mark.parametrize("change", changes())
def test_the_cache_is_made_again_and_that_is_said(two_classes, tmp_path, change):
    size = {"resolution": 4, "channels": 3, "cache": tmp_path / "cache"}
    first = load_images(two_classes, **size)
    assert first.loading_words == []
    pixels = first.images.copy()
    (store,) = (tmp_path / "cache").iterdir()
    changes()[change](store)
    again = load_images(two_classes, **size)
    (words,) = again.loading_words
    assert words.startswith(f"packed store {store} cannot be used: ") or change == "no manifest"
    assert words.endswith("so it was, and the images were decoded again")
    assert again.remarks == [words]
    assert (again.images == pixels).all()
    assert again.fingerprint == first.fingerprint
    assert load_images(two_classes, **size).loading_words == []
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [store.name]


def test_what_is_not_ours_in_the_cache_stays(two_classes, tmp_path):
    size = {"resolution": 4, "channels": 3, "cache": tmp_path / "cache"}
    load_images(two_classes, **size)
    (store,) = (tmp_path / "cache").iterdir()
    (store / "manifest.json").rename(store / "notes.json")
    with pytest.raises(UserError, match="exists and is not a packed store"):
        load_images(two_classes, **size)
    assert (store / "notes.json").exists()


def test_images_left_out_of_the_cache_are_no_damage(two_classes, tmp_path):
    (two_classes / "cat" / "broken.png").write_bytes(b"x")
    size = {"resolution": 4, "channels": 3, "cache": tmp_path / "cache"}
    load_images(two_classes, **size, on_unreadable="skip")
    with pytest.raises(UserError, match="1 of 4 images cannot be read"):
        load_images(two_classes, **size)
    assert load_images(two_classes, **size, on_unreadable="skip").loading_words == [
        "set: 1 unreadable image is left out"
    ]
