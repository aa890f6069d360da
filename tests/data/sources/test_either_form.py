"""Names with accents in one piece, as keyboards type them, and apart, as macOS writes them, are one name."""

import shlex
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from projgan.cli import run_command
from projgan.data import ConditionRequest, describe, load_images, open_packed, open_source, pack
from projgan.errors import UserError
from projgan.storage.network_file import load_generator

WHOLE, APART = normalize("NFC", "café"), normalize("NFD", "café")
assert WHOLE != APART
Write = Callable[..., Path]
Png = Callable[..., bytes]


@pytest.mark.parametrize("form", [WHOLE, APART])
def test_class_folders_are_composed(write_files: Write, png: Png, form: str) -> None:
    root = write_files({f"{form}/a.png": png(10), "dog/b.png": png(20), "zoé/c.png": png(30)})
    source = open_source(root)
    assert source.class_names == (WHOLE, "dog", "zoé")
    assert source.labels.tolist() == [0, 1, 2]
    assert source.read(0).getpixel((0, 0)) == (10, 10, 10)


def test_folders_that_look_alike_are_one_class(write_files: Write, png: Png) -> None:
    root = write_files({f"{WHOLE}/a.png": png(10), f"{APART}/b.png": png(20), "dog/c.png": png(30)})
    source = open_source(root)
    assert source.class_names == (WHOLE, "dog")
    assert source.labels.tolist() == [0, 0, 1]
    assert {source.read(index).getpixel((0, 0))[0] for index in (0, 1)} == {10, 20}


def test_the_classes_of_two_splits_are_one(write_files: Write, png: Png) -> None:
    root = write_files(
        {
            f"train/{WHOLE}/a.png": png(),
            "train/dog/b.png": png(),
            f"test/{APART}/c.png": png(),
            "test/dog/d.png": png(),
        }
    )
    for split in ("train", "test"):
        source = open_source(root, split)
        assert source.class_names == (WHOLE, "dog")
        assert source.labels.tolist() == [0, 1]
        assert source.problems == ()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_archives_do_as_folders_do(tmp_path: Path, write_files: Write, png: Png, kind: str) -> None:
    root = write_files({f"{APART}/a.png": png(10), f"{WHOLE}/b.png": png(20), "dog/c.png": png(30)})
    path = tmp_path / f"set.{kind}"
    files = sorted(root.rglob("*.png"))
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, file.relative_to(root))
    else:
        with tarfile.open(path, "w") as archive:
            for file in files:
                archive.add(file, file.relative_to(root))
    source = open_source(path)
    assert source.class_names == (WHOLE, "dog")
    assert sorted(source.labels.tolist()) == [0, 0, 1]


@pytest.mark.parametrize("on_disk", [WHOLE, APART])
@pytest.mark.parametrize("in_table", [WHOLE, APART])
def test_a_table_finds_files_and_classes_in_either_form(
    write_files: Write, png: Png, on_disk: str, in_table: str
) -> None:
    rows = f"file,label\n{in_table}/{in_table}.png,{WHOLE}\n{in_table}/b.png,{APART}\nc.png,dog\n"
    root = write_files(
        {
            f"{on_disk}/{on_disk}.png": png(10),
            f"{on_disk}/b.png": png(20),
            "c.png": png(30),
            "labels.csv": rows.encode(),
        }
    )
    source = open_source(root)
    assert source.class_names == (WHOLE, "dog")
    assert source.labels.tolist() == [0, 0, 1]
    assert [source.read(index).getpixel((0, 0))[0] for index in range(3)] == [10, 20, 30]


def test_columns_are_asked_for_in_either_form(write_files: Write, png: Png) -> None:
    table = f"file,{APART},hat\na.png,1,0\nb.png,0,1\n"
    root = write_files({"a.png": png(), "b.png": png(), "labels.csv": table.encode()})
    for asked in (None, (WHOLE, "hat"), (APART, "hat")):
        source = open_source(root, request=ConditionRequest("multi-hot", asked))
        assert source.condition_names == (WHOLE, "hat")
        assert source.conditions is not None
        assert source.conditions.tolist() == [[1, 0], [0, 1]]
    named = f"file,labels\na.png,{APART};hat\nb.png,{WHOLE}\n"
    (root / "labels.csv").write_text(named)
    source = open_source(root, request=ConditionRequest("multi-hot"))
    assert source.condition_names == (WHOLE, "hat")
    assert source.conditions is not None
    assert source.conditions.tolist() == [[1, 1], [1, 0]]


def test_arrays_and_parquet(tmp_path: Path, png: Png) -> None:
    images = np.zeros((2, 4, 4), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=[0, 1], class_names=[APART, "dog"])
    assert open_source(tmp_path / "a.npz").class_names == (WHOLE, "dog")
    np.savez(tmp_path / "b.npz", images=images, labels=[0, 1], class_names=[APART, WHOLE])
    with pytest.raises(UserError, match=f"two classes are called '{WHOLE}'"):
        open_source(tmp_path / "b.npz")
    rows = {"image": [{"bytes": png(), "path": "x"}] * 3, "label": [WHOLE, APART, "dog"]}
    parquet.write_table(pa.table(rows), tmp_path / "c.parquet")
    source = open_source(tmp_path / "c.parquet")
    assert source.class_names == (WHOLE, "dog")
    assert source.labels.tolist() == [0, 0, 1]


def test_the_set_itself_is_found_in_either_form(write_files: Write, png: Png, tmp_path: Path) -> None:
    write_files({"cat/a.png": png(), "dog/b.png": png()}, f"{APART}/{WHOLE}")
    for asked in (f"{WHOLE}/{APART}", f"{APART}/{WHOLE}", f"{WHOLE}/{WHOLE}"):
        assert describe(tmp_path / asked).count == 2
    with pytest.raises(UserError, match="no data at"):
        describe(tmp_path / WHOLE / "cafe")


def test_a_store_of_before_is_read_composed_and_is_still_the_same_data(
    write_files: Write, png: Png, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run remembers its data by a checksum over the names as they were then."""
    root = write_files({f"{APART}/a.png": png(10), "dog/b.png": png(20)})
    source = open_source(root)
    source.class_names = (APART, "dog")  # as it would have been read
    written = pack(source, tmp_path / "store", resolution=4, channels=1)
    packed = open_packed(tmp_path / "store")
    assert packed.class_names == written.class_names == (WHOLE, "dog")
    composed = load_images(root, resolution=4, channels=1, cache=None)
    assert composed.class_names == packed.class_names
    assert composed.fingerprint != packed.fingerprint


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forms")
    images = np.random.default_rng(0).integers(0, 255, (8, 8, 8), np.uint8)
    np.savez(folder / "set.npz", images=images, labels=np.arange(8) % 2, class_names=[APART, "dog"])
    small = "--generator.width 8 --discriminator.width 8 --training.batch-size 4 --training.steps 1"
    more = "--sampling.every None --optimizer.decay-start None --optimizer.decay-end None"
    places = f"--data {folder}/set.npz --run-dir {folder}/run --data.cache {folder}/cache"
    assert run_command(shlex.split(f"train demo {places} {small} {more}")) == 0
    return folder


@pytest.mark.parametrize("form", [WHOLE, APART])
def test_a_generator_is_asked_in_either_form(trained: Path, form: str, tmp_path: Path) -> None:
    assert load_generator(trained / "run" / "generator.safetensors")[1].class_names == (WHOLE, "dog")
    for asked in (f"--class {form}", f"--mix {form}=0.5,dog=0.5"):
        assert run_command(shlex.split(f"sample {trained}/run {asked} --count 1 --out {tmp_path}/o.png")) == 0
    line = f"morph {trained}/run --classes {form} dog --rows 1 --columns 2 --out {tmp_path}/m.png"
    assert run_command(shlex.split(line)) == 0
