import io
import pickle
import re
import zipfile

import numpy as np
import pytest

from projgan.data import ConditionRequest, load_images, open_source
from projgan.errors import UserError

IMAGES = np.arange(2 * 5 * 5 * 3, dtype=np.uint8).reshape(2, 5, 5, 3)


def save(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_colour_in_either_layout(tmp_path, layout):
    images = IMAGES if layout == "NHWC" else IMAGES.transpose(0, 3, 1, 2)
    source = open_source(save(tmp_path / "a.npz", images=images, labels=[1, 0], class_names=["cat", "dog"]))
    assert source.class_names == ("cat", "dog")
    assert source.labels.tolist() == [1, 0]
    assert np.array_equal(np.asarray(source.read(1)), IMAGES[1])
    packed = load_images(tmp_path / "a.npz", resolution=5, channels=3, cache=None)
    assert np.array_equal(packed.images, IMAGES.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("shape", [(2, 5, 5), (2, 5, 5, 1), (2, 1, 5, 5)])
def test_grey(tmp_path, shape):
    images = np.arange(50, dtype=np.uint8).reshape(shape)
    path = save(tmp_path / "a.npz", images=images, labels=np.array([0, 2], dtype=np.uint8))
    packed = load_images(path, resolution=5, channels=1, cache=None)
    assert np.array_equal(packed.images, images.reshape(2, 1, 5, 5))
    assert packed.class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["dog", "cat"], ("cat", "dog")),
        ([True, False], ("False", "True")),
        ([3.0, 1.0], ("1.0", "3.0")),
        (np.array(["dog", "cat"], dtype=object), ("cat", "dog")),
    ],
)
def test_labels_that_are_no_integers_are_refused_with_what_makes_them_so(tmp_path, given, names):
    path = save(tmp_path / "a.npz", images=IMAGES, labels=given)
    with pytest.raises(UserError, match="number them: ") as caught:
        open_source(path)
    number, keyword = re.findall("`(.+?)`", str(caught.value))
    told = {"numpy": np, "labels": np.asarray(given)}
    exec(number, told)
    source = open_source(save(path, images=IMAGES, labels=told["labels"], **eval(f"dict({keyword})", told)))
    assert source.class_names == names
    assert source.labels.tolist() == [1, 0]


def test_images_without_classes_become_one_class_by_what_is_said(tmp_path):
    path = save(tmp_path / "a.npz", images=IMAGES)
    with pytest.raises(UserError, match="no array 'labels'") as caught:
        open_source(path)
    code = re.findall("they are `(.+?)`", str(caught.value))[0]
    labels = eval(code, {"numpy": np, "images": IMAGES})
    assert open_source(save(path, images=IMAGES, labels=labels)).labels.tolist() == [0, 0]


def test_fortran_order_and_no_compression(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.asfortranarray(IMAGES), labels=[0, 1])
    packed = load_images(tmp_path / "a.npz", resolution=5, channels=3, cache=None)
    assert np.array_equal(packed.images, IMAGES.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": [0, 1]}, r"no array 'images' \(present: labels\); it needs `images`"),
        ({"images": IMAGES}, "no array 'labels'"),
        ({"images": IMAGES.astype(np.float32), "labels": [0, 1]}, r"images are float32 \[2, 5, 5, 3\]"),
        ({"images": IMAGES[0, 0], "labels": [0]}, r"images are uint8 \[5, 3\]"),
        ({"images": IMAGES[:0], "labels": np.zeros(0, int)}, r"images are uint8 \[0, 5, 5, 3\]"),
        ({"images": IMAGES[:, :3], "labels": [0, 1]}, "cannot tell channels from pixels"),
        ({"images": IMAGES[..., :2], "labels": [0, 1]}, "no axis of 1, 3 or 4 channels"),
        ({"images": IMAGES, "labels": [0]}, r"labels are int64 \[1\] for 2 images"),
        ({"images": IMAGES, "labels": [0.0, 1.0]}, r"labels are float64 \[2\]"),
        ({"images": IMAGES, "labels": [0, -1]}, "label -1 of item 1 is outside"),
        ({"images": IMAGES, "labels": [0, 10**9]}, "more than the 1,000,000 classes"),
        (
            {"images": IMAGES, "labels": np.array([0, 2**64 - 1], np.uint64)},
            "more than the 1,000,000 classes",
        ),
        (
            {"images": IMAGES, "labels": [0, 2], "class_names": ["a", "b"]},
            r"label 2 of item 1 is outside 0\.\.1",
        ),
        ({"images": IMAGES, "labels": [0, 1], "class_names": [1, 2]}, "class_names are int64"),
        (
            {"images": IMAGES, "labels": [0, 1], "class_names": ["cat", "dog", "cat"]},
            "two classes are called 'cat'; give each a name of its own",
        ),
        (
            {"images": IMAGES, "labels": [0, 1], "class_names": ["cat", "x" * 5000]},
            "has 5,000 characters, more than the 4,096 accepted; shorten it",
        ),
    ],
)
def test_mistakes_are_told(tmp_path, arrays, message):
    with pytest.raises(UserError, match=message) as caught:
        open_source(save(tmp_path / "a.npz", **arrays))
    assert "a.npz" in str(caught.value)


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (exec, (f"open({str(self.path)!r}, 'w')",))


def test_no_pickle_is_run(tmp_path):
    proof = tmp_path / "ran"
    objects = np.array([Payload(proof), None], dtype=object)
    path = save(tmp_path / "a.npz", images=IMAGES, labels=objects)
    with pytest.raises(UserError, match="'labels' holds Python objects, which are never loaded"):
        open_source(path)
    path = save(tmp_path / "b.npz", images=IMAGES, labels=[0, 1], class_names=objects)
    with pytest.raises(UserError, match="'class_names' holds Python objects"):
        open_source(path)
    assert not proof.exists()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:  # the payload is a working one
        content = io.BytesIO(archive.read("labels.npy"))
    np.lib.format.read_magic(content)
    np.lib.format.read_array_header_1_0(content)
    pickle.loads(content.read())
    assert proof.exists()


def array_file(shape, content, descr="|u1"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + content


@pytest.mark.parametrize("shape", [(10**9, 1000, 1000, 3), (50_000_001, 1, 1), (3, 5, 5), (2, -5, 5)])
def test_declared_shapes_are_compared_before_anything_is_allocated(tmp_path, shape):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", array_file(shape, b"\0" * 50))
        archive.writestr("labels.npy", array_file((2,), b"\0" * 16, "<i8"))
    with pytest.raises(UserError, match=r"a\.npz, array 'images' (declares|has the shape)"):
        open_source(path)


def test_a_zip_bomb_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as stream:
            stream.write(array_file((1100, 1024, 1024), b""))
            for _ in range(1100):
                stream.write(b"\0" * 2**20)
        archive.writestr("labels.npy", array_file((1100,), b"\0" * 8800, "<i8"))
    with pytest.raises(UserError, match=r"would expand from .* decompression bomb"):
        open_source(path)


@pytest.mark.parametrize("damage", ["no zip", "cut", "flipped", "header"])
def test_damaged_files_are_told(tmp_path, damage):
    path = save(
        tmp_path / "a.npz",
        images=np.random.default_rng(0).integers(0, 255, (9, 9, 9), dtype=np.uint8),
        labels=[0] * 9,
    )
    content = bytearray(path.read_bytes())
    if damage == "no zip":
        content = bytearray(b"nothing")
    elif damage == "cut":
        content = content[:400]
    elif damage == "flipped":
        content[300] ^= 255
    path.write_bytes(content)
    if damage == "header":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': 'O'(((")
    with pytest.raises(UserError, match=r"a\.npz") as caught:
        open_source(path)
    assert "\n" not in str(caught.value)


def test_the_fingerprint_is_of_the_pixels(tmp_path):
    first = open_source(save(tmp_path / "a.npz", images=IMAGES, labels=[0, 1])).fingerprint
    assert open_source(save(tmp_path / "b.npz", images=IMAGES, labels=[0, 1])).fingerprint == first
    assert open_source(save(tmp_path / "b.npz", images=IMAGES + 1, labels=[0, 1])).fingerprint != first
    assert open_source(save(tmp_path / "b.npz", images=IMAGES, labels=[1, 0])).fingerprint != first


@pytest.mark.parametrize(
    "arrays",
    [
        {"class_names": np.array(["x"] * 1_100_000)},
        {"conditions": np.zeros((2, 1_100_000), np.uint8)},
        {"labels": np.zeros(2, "V0")},
        {"labels": np.array(["2024-01-01"] * 2, "M8[D]")},
        {"labels": np.zeros(2, [("a", "i4")])},
        {"conditions": np.full((2, 1), 1e300)},
    ],
)
def test_little_does_not_become_much_and_odd_types_are_told(tmp_path, arrays):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **({"images": IMAGES, "labels": [0, 1]} | arrays))
    request = ConditionRequest("vector") if "conditions" in arrays else ConditionRequest()
    with pytest.raises(UserError, match=r"a\.npz") as caught:
        open_source(path, request=request)
    assert "\n" not in str(caught.value)
