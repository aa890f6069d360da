import dataclasses
import json

import numpy as np
import pytest

from projgan.data import describe, load_images, open_packed, open_source, pack
from projgan.errors import UserError


@pytest.fixture
def store(two_classes, tmp_path):
    pack(open_source(two_classes), tmp_path / "store", resolution=4, channels=3)
    return tmp_path / "store"


def test_what_was_packed_is_opened(store):
    packed = open_packed(store)
    assert packed.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert packed.labels.tolist() == [0, 0, 1]
    assert packed.labels.dtype == np.int64
    assert (len(packed), packed.num_classes, packed.resolution, packed.channels) == (3, 2, 4, 3)
    assert (packed.class_names, packed.name, packed.upscaled) == (("cat", "dog"), "set", 0)
    assert open_packed(store, verify="always").fingerprint == packed.fingerprint
    with pytest.raises(dataclasses.FrozenInstanceError):
        packed.name = "other"


def test_the_images_are_mapped_and_cannot_be_written(store):
    images = open_packed(store).images
    assert isinstance(images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_the_manifest_says_what_was_found(store):
    manifest = json.loads((store / "manifest.json").read_text())
    assert manifest["count"] == 3
    assert manifest["sizes"] == {"min_width": 4, "max_width": 4, "min_height": 4, "max_height": 4}
    assert manifest["upscaled"] == 0
    assert manifest["skipped_count"] == 0


def change_manifest(store, **changes):
    manifest = json.loads((store / "manifest.json").read_text())
    (store / "manifest.json").write_text(json.dumps(manifest | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 3}, "manifest.json, version: Input should be 1 or 2"),
        ({"format": "other"}, "manifest.json, format"),
        ({"extra": 1}, "manifest.json, extra: Extra inputs are not permitted"),
        ({"count": 10**12}, "manifest.json, count"),
        ({"count": "many"}, "manifest.json, count"),
        ({"channels": 2}, "manifest.json, channels"),
        ({"resolution": 0}, "manifest.json, resolution"),
        ({"class_names": []}, "manifest.json, class_names"),
        ({"fingerprint": "0" * 64}, "was changed, or made by a version that decoded images otherwise"),
        ({"fingerprint": "x"}, "manifest.json, fingerprint"),
        ({"class_names": ["cat"]}, "a label has no class name"),
        ({"count": 4}, r"labels\.npy is int64 \[3\] where int64 \[4\] belongs"),
        ({"labels_sha256": "0" * 64}, "its labels are not those it was made with"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(store, changes, message):
    change_manifest(store, **changes)
    with pytest.raises(UserError, match=message) as caught:
        open_packed(store)
    assert "\n" not in str(caught.value)
    assert "remove it and pack again" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xff", b"[" * 100_000])
def test_a_broken_manifest_is_refused(store, content):
    (store / "manifest.json").write_bytes(content)
    with pytest.raises(UserError, match=r"packed store .* cannot be used: manifest\.json"):
        open_packed(store)


def test_a_store_of_another_size_cannot_be_declared(store):
    images = np.zeros((3, 3, 5, 5), np.uint8)
    np.save(store / "images.npy", images)
    with pytest.raises(
        UserError, match=r"images\.npy is uint8 \[3, 3, 5, 5\] where uint8 \[3, 3, 4, 4\] belongs"
    ):
        open_packed(store)


@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
def test_cut_and_missing_arrays_are_refused(store, name):
    path = store / name
    content = path.read_bytes()
    for changed in (content[:-1], content + b"x"):
        path.write_bytes(changed)
        with pytest.raises(UserError, match=rf"{name} has {len(changed)} bytes where {len(content)} belong"):
            open_packed(store)
    path.write_bytes(b"no array")
    with pytest.raises(UserError, match=f"{name} has no proper header"):
        open_packed(store)
    path.unlink()
    with pytest.raises(UserError, match="No such file"):
        open_packed(store)


def test_changed_labels_and_changed_pixels_are_noticed(store):
    content = bytearray((store / "images.npy").read_bytes())
    content[-1] ^= 1
    (store / "images.npy").write_bytes(content)
    open_packed(store, verify="never")
    with pytest.raises(UserError, match="its pixels are not those it was made with"):
        open_packed(store)
    content = bytearray((store / "labels.npy").read_bytes())
    content[-8] ^= 1
    (store / "labels.npy").write_bytes(content)
    with pytest.raises(UserError, match="its labels are not those it was made with"):
        open_packed(store)


def test_a_folder_that_is_no_store_is_told(tmp_path):
    with pytest.raises(UserError, match=r"is not a packed store \(it has no manifest\.json\)"):
        open_packed(tmp_path)


def test_classes_without_images_are_named(tmp_path):
    arrays = {"images": np.zeros((2, 4, 4), np.uint8), "labels": [1, 1]}
    np.savez(tmp_path / "a.npz", **arrays, class_names=["cat", "dog", "emu"])
    for cache in (None, tmp_path / "cache"):
        packed = load_images(tmp_path / "a.npz", resolution=4, channels=1, cache=cache)
        assert packed.empty_classes == ("cat", "emu")
        assert packed.num_classes == 3
    assert "2 of 3 classes have no images and are left out: cat, emu" in describe(tmp_path / "a.npz").remarks


def test_as_a_rule_no_class_is_without_images(store):
    assert open_packed(store).empty_classes == ()
