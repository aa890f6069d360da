import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from parquet_files import hugging_face, write
from projgan.data import load_images, open_source
from projgan.data.decode import UnreadableImageError
from projgan.errors import UserError

NAMES = ["cat", "dog"]


def values(source):
    return [int(np.asarray(item.open())[0, 0, 0]) for item in source.iterate()]


@pytest.fixture
def shards(tmp_path, png):
    """train: 0..6 in two files, rows 0..3 in groups of two; test: 7, 8; validation: 9."""
    metadata = hugging_face(NAMES)
    images = [png(value) for value in range(10)]
    folder = tmp_path / "pets"
    paths = [f"{value}.png" for value in range(10)]
    write(
        folder / "train-00000-of-00002.parquet",
        images[:4],
        [0, 1, 0, 1],
        metadata=metadata,
        paths=paths,
        group=2,
    )
    write(folder / "train-00001-of-00002.parquet", images[4:7], [1, 1, 0], metadata=metadata)
    write(folder / "test-00000-of-00001.parquet", images[7:9], [0, 1], metadata=metadata)
    write(folder / "validation-00000-of-00001.parquet", images[9:], [1], metadata=metadata)
    return folder


def test_shards_are_read_in_order(shards):
    source = open_source(shards)
    assert (source.name, source.split, source.splits) == ("pets", "train", ("test", "train", "validation"))
    assert source.class_names == ("cat", "dog")
    assert source.labels.tolist() == [0, 1, 0, 1, 1, 1, 0]
    assert values(source) == list(range(7))
    assert [item.index for item in source.iterate()] == list(range(7))


def test_any_image_can_be_read_alone(shards):
    source = open_source(shards)
    assert [int(np.asarray(source.read(index))[0, 0, 0]) for index in (6, 0, 3, 2, 4, 5, 1)] == [
        6,
        0,
        3,
        2,
        4,
        5,
        1,
    ]


def test_items_are_named_by_file_row_and_original(shards):
    source = open_source(shards)
    assert source.item_name(3) == "train-00000-of-00002.parquet row 3 (3.png)"
    assert source.item_name(4) == "train-00001-of-00002.parquet row 0"


def test_splits(shards):
    assert values(open_source(shards, "test")) == [7, 8]
    assert values(open_source(shards, "val")) == [9]
    with pytest.raises(UserError, match=r"has no split 'dev' \(present: test, train, validation\)"):
        open_source(shards, "dev")


def test_one_file(shards):
    path = shards / "test-00000-of-00001.parquet"
    assert values(open_source(path)) == [7, 8]
    assert values(open_source(path, "test")) == [7, 8]
    with pytest.raises(UserError, match="is one file of 'test', not 'validation'"):
        open_source(path, "validation")


def test_the_data_folder_and_hashed_names_of_the_hub(tmp_path, png):
    write(tmp_path / "data" / "train-00000-of-00001-a09b74b3ef9c3b56.parquet", [png(5)], [0])
    assert values(open_source(tmp_path)) == [5]


def test_a_missing_shard_is_told(shards):
    (shards / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(UserError, match="split 'train' has 1 of its 2 Parquet files"):
        open_source(shards)


def test_without_metadata_classes_are_numbered_alike_in_every_split(tmp_path, png):
    write(tmp_path / "train.parquet", [png(1), png(2)], [0, 1])
    write(tmp_path / "test.parquet", [png(3)], [3])
    assert open_source(tmp_path).class_names == ("0", "1", "2", "3")


def test_labels_of_text_sort_alike_in_every_split(tmp_path, png):
    write(tmp_path / "train.parquet", [png(1), png(2)], ["emu", "cat"])
    write(tmp_path / "test.parquet", [png(3)], ["dog"])
    assert open_source(tmp_path).class_names == ("cat", "dog", "emu")
    assert open_source(tmp_path).labels.tolist() == [2, 0]
    assert open_source(tmp_path, "test").labels.tolist() == [1]


@pytest.mark.parametrize(
    "metadata", [{"huggingface": "{"}, {"huggingface": "[]"}, {"huggingface": '{"info": 3}'}]
)
def test_broken_metadata_is_as_none(tmp_path, png, metadata):
    path = write(tmp_path / "train.parquet", [png(1)], [0], metadata=metadata)
    assert open_source(path).class_names == ("0",)


@pytest.mark.parametrize("label", ["fine_label", "breed"])
def test_other_label_columns(tmp_path, png, label):
    path = write(
        tmp_path / "a.parquet", [png(1)], [1], label=label, metadata=hugging_face(NAMES, label), image="img"
    )
    source = open_source(path)
    assert (source.class_names, source.labels.tolist(), values(source)) == (("cat", "dog"), [1], [1])


def test_plain_binary_images(tmp_path, png):
    parquet.write_table(pa.table({"image": pa.array([png(6)]), "label": [0]}), tmp_path / "a.parquet")
    assert values(open_source(tmp_path / "a.parquet")) == [6]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"picture": [b"x"], "label": [0]}, r"no column image or img \(columns: picture, label\)"),
        ({"image": [b"x"], "kind": [0]}, r"no column label or fine_label \(columns: image, kind\)"),
        ({"image": ["x.png"], "label": [0]}, "column 'image' is string, not encoded images"),
        ({"image": [b"x", b"y"], "label": [0, None]}, "row 1: column 'label' has None"),
        ({"image": [b"x"], "label": [0.5]}, "row 0: column 'label' has 0.5"),
        ({"image": [b"x", b"y"], "label": [0, -1]}, "labels of -1 mean unlabelled"),
        ({"image": [b"x"], "label": [10**12]}, "more than the 1,000,000 classes"),
        ({"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())}, "holds no rows"),
    ],
)
def test_wrong_columns_are_told(tmp_path, columns, message):
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=message) as caught:
        open_source(tmp_path / "a.parquet")
    assert "a.parquet" in str(caught.value)


def test_labels_beyond_the_declared_names_are_told(tmp_path, png):
    path = write(tmp_path / "a.parquet", [png(), png()], [0, 2], metadata=hugging_face(NAMES))
    with pytest.raises(UserError, match=r"label 2 of item 1 is outside 0\.\.1"):
        open_source(path)


def test_shards_of_different_sets_are_told(tmp_path, png):
    write(tmp_path / "train-00000-of-00002.parquet", [png()], [0], metadata=hugging_face(NAMES))
    write(tmp_path / "train-00001-of-00002.parquet", [png()], [0], metadata=hugging_face(["dog", "cat"]))
    with pytest.raises(UserError, match="declare different class names"):
        open_source(tmp_path)


def test_rows_without_bytes_and_broken_images_are_named(tmp_path, png):
    path = write(
        tmp_path / "a.parquet", [png(), None, b"broken"], [0, 0, 0], paths=["x.png", "y.png", "z.png"]
    )
    source = open_source(path)
    with pytest.raises(
        UnreadableImageError, match=r"a\.parquet row 1 \(y\.png\): the row has no image bytes"
    ):
        source.read(1)
    with pytest.raises(UserError, match=r"2 of 3 images cannot be read: a\.parquet row 1 .*row 2 \(z\.png\)"):
        load_images(path, resolution=4, channels=3, cache=None)


@pytest.mark.parametrize("damage", ["footer", "middle", "cut"])
def test_damaged_files_are_told(shards, damage):
    path = shards / "test-00000-of-00001.parquet"
    content = bytearray(path.read_bytes())
    if damage == "footer":
        content[-200:-8] = b"\xff" * 192
    elif damage == "middle":
        content[4:120] = b"\xff" * 116
    else:
        content = content[: len(content) // 2]
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"test-00000-of-00001\.parquet") as caught:
        load_images(path, resolution=4, channels=3, cache=None)
    assert "\n" not in str(caught.value)


def test_one_huge_value_repeated_does_not_fill_memory(tmp_path):
    # 64 rows of one 32 MiB value: 32 MiB in the file's dictionary, 2 GiB if all of them were held at once.
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 64, pa.int32()), pa.array([b"\0" * 2**25]))
    path = tmp_path / "bomb.parquet"
    table = pa.table({"image": column, "label": [0] * 64})
    parquet.write_table(table, path, store_schema=False, dictionary_pagesize_limit=2**27)
    assert path.stat().st_size < 2**22
    program = (
        "import os, re, sys\n"
        "from projgan.data import load_images\n"
        "from projgan.errors import UserError\n"
        "os.cpu_count = lambda: 1\n"
        "try:\n    load_images(sys.argv[1], resolution=4, channels=3, cache=None)\n"
        "except UserError as error:\n    assert '64 of 64 images cannot be read' in str(error), error\n"
        # Not getrusage, which starts at the peak of the process that started this one.
        "status = open('/proc/self/status').read()\n"
        "print(int(re.search(r'VmHWM:\\s*(\\d+) kB', status)[1]) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 1600  # MiB, and 970 as a rule


def test_the_fingerprint_changes_with_labels_and_content(tmp_path, png):
    path = tmp_path / "a.parquet"
    first = open_source(write(path, [png(1), png(2)], [0, 1])).fingerprint
    assert open_source(write(path, [png(1), png(2)], [1, 0])).fingerprint != first
    assert open_source(write(path, [png(3), png(2)], [0, 1])).fingerprint != first
    write(path, [png(1), png(2)], [0, 1])
    (tmp_path / "b").mkdir()
    again = write(tmp_path / "b" / "a.parquet", [png(1), png(2)], [0, 1])
    os.utime(path, ns=(0, 0))
    os.utime(again, ns=(0, 0))
    assert open_source(again).fingerprint == open_source(path).fingerprint
    os.utime(again, ns=(0, 1))
    assert open_source(again).fingerprint != open_source(path).fingerprint


def test_class_names_must_be_distinct_and_valid_text(tmp_path, png):
    for names, message in (
        (["cat", "cat"], "two classes are called 'cat'; give each a name of its own"),
        (["cat", "caf\udce9"], r"the name 'caf\\udce9' is not valid UTF-8; rename it"),
    ):
        path = write(tmp_path / "a.parquet", [png(1)], [0], metadata=hugging_face(names))
        with pytest.raises(UserError, match=message):
            open_source(path)


def test_pyarrow_is_not_imported_before_it_is_needed():
    program = (
        "import sys, projgan.data; projgan.data.open_source('digits'); assert 'pyarrow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_cifar10_is_all_there(real_data):
    train = open_source(real_data / "cifar10")
    assert len(train) == 50_000
    assert train.name == "cifar10"
    assert train.class_names == (
        *("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    )
    assert np.bincount(train.labels).tolist() == [5000] * 10
    test = open_source(real_data / "cifar10", "test")
    assert np.bincount(test.labels).tolist() == [1000] * 10


def test_cifar10_has_the_published_mean(real_data):
    images = load_images(real_data / "cifar10", resolution=32, channels=3, cache=None).images
    mean = images.sum(axis=(0, 2, 3), dtype=np.int64) / (50_000 * 1024 * 255)
    assert np.abs(mean - (0.49139968, 0.48215841, 0.44653091)).max() < 1e-6


def test_tiny_imagenet_has_a_few_grey_images(real_data):
    source = open_source(real_data / "tiny-imagenet-dogs-cats", "validation")
    images = load_images(source.location, split="validation", resolution=64, channels=3, cache=None).images
    assert images.shape == (500, 3, 64, 64)
    grey = [index for index, item in enumerate(source.iterate()) if item.open().mode == "L"]
    assert len(grey) == 3
    for index in grey:
        assert np.array_equal(images[index, 0], images[index, 2])


def test_two_files_with_one_number_are_told(shards):
    path = shards / "test-00000-of-00001.parquet"
    (shards / "test-00000-of-00001-0a1b.parquet").write_bytes(path.read_bytes())
    with pytest.raises(UserError, match="split 'test' has 2 of its 1 Parquet files"):
        open_source(shards)
