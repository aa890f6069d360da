import io
import pickle
import struct
import tarfile

import numpy as np
import pytest

from projgan.data import load_images, open_source
from projgan.errors import UserError

TEN = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
HUNDRED = [f"thing_{index}" for index in range(100)]
RANDOM = np.random.default_rng(0)


def python2_string(text: bytes) -> bytes:
    """SHORT_BINSTRING or BINSTRING: what Python 2 wrote and Python 3 never does."""
    return b"U" + bytes([len(text)]) + text if len(text) < 256 else b"T" + struct.pack("<i", len(text)) + text


def python2_int(value: int) -> bytes:
    return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)


def python2_list(items: list[bytes]) -> bytes:
    return b"](" + b"".join(items) + b"e"


def python2_batch(pixels: np.ndarray, labels: list[int], label_key: bytes = b"labels") -> bytes:
    """A batch as cPickle of Python 2 wrote it at protocol 2, opcode by opcode."""
    rows, columns = pixels.shape
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03"
        + b"(K\x01" + python2_int(rows) + python2_int(columns) + b"\x86"
        + b"cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05"
        + b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + b"\x89" + python2_string(pixels.tobytes()) + b"tb"
    )  # fmt: skip
    return (
        b"\x80\x02}q\x00("
        + python2_string(b"batch_label") + python2_string(b"training batch 1 of 5")
        + python2_string(label_key) + python2_list([python2_int(label) for label in labels])
        + python2_string(b"data") + array
        + python2_string(b"filenames") + python2_list([python2_string(b"a.png")] * rows)
        + b"u."
    )  # fmt: skip


def python2_meta(key: bytes, names: list[str]) -> bytes:
    listed = python2_list([python2_string(name.encode()) for name in names])
    return (
        b"\x80\x02}q\x00("
        + python2_string(key)
        + listed
        + python2_string(b"num_vis")
        + python2_int(3072)
        + b"u."
    )


def python3(protocol: int):
    def batch(pixels, labels, label_key=b"labels"):
        return pickle.dumps({label_key.decode(): labels, "data": pixels, "filenames": ["a.png"]}, protocol)

    def meta(key, names):
        return pickle.dumps({key.decode(): names, "num_vis": 3072}, protocol)

    return batch, meta


WRITERS = {"python 2": (python2_batch, python2_meta), **{f"protocol {p}": python3(p) for p in (2, 3, 4, 5)}}


def cifar10_python(writer):
    """Seven files, two images each: the expected pixels uint8 [12,3,32,32] and labels come with them."""
    batch, meta = WRITERS[writer]
    pixels = RANDOM.integers(0, 256, (12, 3072), dtype=np.uint8)
    labels = [int(label) for label in RANDOM.integers(0, 10, 12)]
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    files = {
        name: batch(pixels[2 * i : 2 * i + 2], labels[2 * i : 2 * i + 2]) for i, name in enumerate(names)
    }
    return files | {"batches.meta": meta(b"label_names", TEN)}, pixels.reshape(-1, 3, 32, 32), labels


def cifar10_binary():
    pixels = RANDOM.integers(0, 256, (12, 3072), dtype=np.uint8)
    labels = RANDOM.integers(0, 10, 12).tolist()
    rows = [bytes([label]) + row.tobytes() for label, row in zip(labels, pixels, strict=True)]
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    files = {name: rows[2 * i] + rows[2 * i + 1] for i, name in enumerate(names)}
    text = "\n".join(TEN) + "\n\n"
    return files | {"batches.meta.txt": text.encode()}, pixels.reshape(-1, 3, 32, 32), labels


def cifar100(writer):
    pixels = RANDOM.integers(0, 256, (4, 3072), dtype=np.uint8)
    labels = [99, 0, 57, 3]
    if writer == "binary":
        rows = [bytes([7, label]) + row.tobytes() for label, row in zip(labels, pixels, strict=True)]
        files = {"train.bin": rows[0] + rows[1], "test.bin": rows[2] + rows[3]}
        files |= {"fine_label_names.txt": "\n".join(HUNDRED).encode(), "coarse_label_names.txt": b"x\n"}
    else:
        batch, meta = WRITERS[writer]
        files = {
            "train": batch(pixels[:2], labels[:2], b"fine_labels"),
            "test": batch(pixels[2:], labels[2:], b"fine_labels"),
            "meta": meta(b"fine_label_names", HUNDRED),
        }
    return files, pixels.reshape(-1, 3, 32, 32), labels


def place(tmp_path, files, form):
    if form == "folder":
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        return tmp_path
    path = tmp_path / "cifar.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"cifar-batches/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("form", ["folder", "archive"])
@pytest.mark.parametrize("writer", ["binary", *WRITERS])
def test_cifar10(tmp_path, writer, form):
    files, pixels, labels = cifar10_binary() if writer == "binary" else cifar10_python(writer)
    path = place(tmp_path, files, form)
    train = load_images(path, resolution=32, channels=3, cache=None)
    assert np.array_equal(train.images, pixels[:10])
    assert train.labels.tolist() == labels[:10]
    assert train.class_names == tuple(TEN)
    assert train.name == "cifar10"
    test = load_images(path, split="test", resolution=32, channels=3, cache=None)
    assert np.array_equal(test.images, pixels[10:])
    assert test.labels.tolist() == labels[10:]
    assert open_source(path).splits == ("test", "train")


@pytest.mark.parametrize("form", ["folder", "archive"])
@pytest.mark.parametrize("writer", ["binary", *WRITERS])
def test_cifar100_has_its_fine_labels(tmp_path, writer, form):
    files, pixels, labels = cifar100(writer)
    path = place(tmp_path, files, form)
    train = load_images(path, resolution=32, channels=3, cache=None)
    assert np.array_equal(train.images, pixels[:2])
    assert train.labels.tolist() == labels[:2]
    assert (train.name, train.class_names[57]) == ("cifar100", "thing_57")
    assert open_source(path, "test").labels.tolist() == labels[2:]


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (exec, (f"open({str(self.path)!r}, 'w')",))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", ["data_batch_3", "batches.meta"])
def test_a_payload_does_not_run(tmp_path, protocol, name):
    files, _, _ = cifar10_python("protocol 2")
    proof = tmp_path / "ran"
    files[name] = pickle.dumps({"labels": [0], "data": Payload(proof)}, protocol)
    path = place(tmp_path, files, "archive")
    with pytest.raises(UserError, match=rf"{name}: its pickle .* nothing of it was run"):
        open_source(path)
    assert not proof.exists()
    pickle.loads(files[name])
    assert proof.exists()  # the payload is a working one


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [1, 2, 3]}, "has 3 labels for an array of 2x3072"),
        ({"labels": [1, "2"]}, "no list of labels 'labels'"),
        ({"labels": [1, -2]}, "no list of labels 'labels'"),
        ({"labels": [1, 11]}, r"label 11 of item 1 is outside 0\.\.9"),
        ({"labels": None}, "no list of labels 'labels'"),
        (
            {"data": np.zeros((2, 3071), np.uint8)},
            "has 2 labels for an array of 2x3071, where 3072 columns belong",
        ),
        ({"data": np.zeros((2, 3072), np.float32)}, "not an array of bytes .not of type uint8"),
        ({"data": np.zeros((3072, 2), np.uint8).T}, "not an array of bytes .not in rows of C order"),
        ({"data": b"\0" * 6144}, "not an array of bytes"),
        ({"data": [[0] * 3072] * 2}, "not an array of bytes"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_unexpected_batches_are_refused(tmp_path, change, message, protocol):
    files, _, _ = cifar10_python("protocol 2")
    batch = {"labels": [1, 2], "data": np.zeros((2, 3072), np.uint8)} | change
    files["data_batch_1"] = pickle.dumps(batch, protocol)
    with pytest.raises(UserError, match=message) as caught:
        open_source(place(tmp_path, files, "folder"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("writer", ["binary", "python 2"])
def test_missing_and_cut_files_are_told(tmp_path, writer):
    files, _, _ = cifar10_binary() if writer == "binary" else cifar10_python(writer)
    first, second = sorted(files)[1:3] if writer == "binary" else ("data_batch_1", "data_batch_2")
    place(tmp_path, files, "folder")
    (tmp_path / first).write_bytes(files[first][:-1])
    with pytest.raises(
        UserError, match=f"{first} (has 6,145 bytes, not a multiple of 3073|is a pickle|is not a)"
    ):
        open_source(tmp_path)
    (tmp_path / second).unlink()
    with pytest.raises(UserError, match=rf"{second} of CIFAR-10, .* is missing"):
        open_source(tmp_path)
    assert len(open_source(tmp_path, "test")) == 2
