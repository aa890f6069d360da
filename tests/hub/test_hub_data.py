"""Data sets of the hub, by the real client against a server of the tests."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hub_server import Hub
from parquet_files import hugging_face, write
from projgan.cli import run_command
from projgan.data import open_source
from projgan.data.sources.hub_data import sets_of
from projgan.data.sources.opening import open_source as open_at
from projgan.errors import UserError
from small_runs import assert_one_line_error, train_small

NAMES = ["dog", "cat"]
DECLARED = hugging_face(NAMES)


def png(value: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (8, 8), value).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def made(tmp_path: Path) -> Any:
    """Make Parquet of grey levels with their labels."""

    def make(values: list[int], labels: list[Any], metadata: Any = DECLARED) -> bytes:
        path = write(tmp_path / "made.parquet", [png(value) for value in values], labels, metadata=metadata)
        return path.read_bytes()

    return make


@pytest.fixture
def pets(hub: Hub, made: Any) -> Hub:
    """ann/pets: 0 to 6 in two files of train, 7 and 8 in test."""
    files = {
        "README.md": b"pets",
        "pets.py": b"raise SystemExit('code of the hub')",
        "data/train-00000-of-00002.parquet": made([0, 1, 2, 3], [0, 1, 0, 1]),
        "data/train-00001-of-00002.parquet": made([4, 5, 6], [1, 1, 0]),
        "data/test-00000-of-00001.parquet": made([7, 8], [0, 1]),
    }
    hub.repository("ann/pets", "datasets").commit(files)
    return hub


def values(source: Any) -> list[int]:
    return [int(np.asarray(item.open())[0, 0]) for item in source.iterate()]


def test_the_files_of_one_split_are_read_and_names_kept(pets: Hub) -> None:
    source = open_source("hf:ann/pets")
    assert values(source) == [0, 1, 2, 3, 4, 5, 6]
    assert source.labels.tolist() == [0, 1, 0, 1, 1, 1, 0]
    assert source.class_names == ("dog", "cat")
    assert (source.name, source.split, source.splits) == ("pets", "train", ("test", "train"))
    fetched = [line for line in pets.asked if "signed" in line or ("GET" in line and "resolve" in line)]
    assert len(fetched) == 2, fetched  # nothing of test, and no code
    assert values(open_source("hf:ann/pets", "test")) == [7, 8]
    with pytest.raises(UserError, match=r"no split 'tets'.*did you mean 'test'"):
        open_source("hf:ann/pets", "tets")


def test_it_is_described_and_trained_on_in_the_same_words_as_on_a_disk(
    pets: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["data", "describe", "hf:ann/pets"]) == 0
    said = capsys.readouterr().out
    commit = pets.repositories["datasets/ann/pets"].names["main"]
    remark = f"fetched from ann/pets on the hub, commit {commit[:12]}"
    assert "from the column label" in said
    assert f"note: {remark}" in said
    heard: list[str] = []
    changes = {"data.source": "hf:ann/pets", "data.cache": str(tmp_path / "cache"), "training.steps": 1}
    train_small(tmp_path / "run", changes, said=heard.append)
    assert heard[0] == "pets: 7 images of the split train, 2 classes (dog, cat) from the column label"
    assert f"pets: {remark}" in heard


def test_the_fingerprint_is_of_the_content_so_that_a_run_resumes_where_it_is_fetched_anew(
    pets: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    first = open_source("hf:ann/pets").fingerprint
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "another"))
    assert open_source("hf:ann/pets").fingerprint == first
    repository = pets.repositories["datasets/ann/pets"]
    old = repository.names["main"]
    content = repository.commits[old]["data/test-00000-of-00001.parquet"]
    repository.commit({"data/train-00001-of-00002.parquet": content})
    assert open_source("hf:ann/pets").fingerprint != first
    assert open_source(f"hf:ann/pets@{old}").fingerprint == first


def test_without_the_hub_what_was_fetched_is_read(pets: Hub) -> None:
    before = open_source("hf:ann/pets")
    pets.refuses_with = 503
    again = open_source("hf:ann/pets")
    assert values(again) == values(before)
    assert again.fingerprint == before.fingerprint
    with pytest.raises(UserError, match=r"the hub has trouble .*test-0.* was not fetched before"):
        open_source("hf:ann/pets", "test")


def test_what_the_hub_made_of_other_files_is_taken(hub: Hub, made: Any) -> None:
    repository = hub.repository("ann/photos", "datasets")
    repository.commit({"images.zip": b"PK", "photos.py": b"x"})
    with pytest.raises(UserError, match="no Parquet files in it, and none that the hub made of it"):
        open_source("hf:ann/photos")
    converted = {
        "default/train/0000.parquet": made([1, 2], [0, 1]),
        "default/train/0001.parquet": made([3], [1]),
        "default/partial-test/0000.parquet": made([4], [1]),
    }
    repository.commit(converted, "refs/convert/parquet")
    source = open_source("hf:ann/photos")
    assert values(source) == [1, 2, 3]
    assert source.remarks[0].endswith(", as the hub converted it")
    with pytest.raises(UserError, match="the hub made Parquet of a part of test only"):
        open_source("hf:ann/photos", "partial-test")
    hub.refuses_with = 503
    assert values(open_source("hf:ann/photos")) == [1, 2, 3]


def test_one_of_several_sets_is_chosen(hub: Hub, made: Any) -> None:
    files = {
        "small/train-00000-of-00001.parquet": made([1], [0]),
        "large/train-00000-of-00001.parquet": made([2], [1]),
        "large/test-00000-of-00001.parquet": made([3], [1]),
    }
    hub.repository("ann/sets", "datasets").commit(files)
    assert values(open_source("hf:ann/sets/large", "test")) == [3]
    with pytest.raises(UserError, match=r"several sets \(large, small\); .* as in hf:ann/sets/large"):
        open_source("hf:ann/sets")
    with pytest.raises(UserError, match="no set of that name; did you mean 'small'"):
        open_source("hf:ann/sets/smal")


def test_classes_without_declared_names_are_alike_in_every_split(hub: Hub, made: Any) -> None:
    files = {
        "train-00000-of-00001.parquet": made([1, 2], ["cat", "emu"], None),
        "test-00000-of-00001.parquet": made([3, 4], ["ant", "emu"], None),
    }
    hub.repository("ann/words", "datasets").commit(files)
    assert open_source("hf:ann/words").class_names == ("ant", "cat", "emu")
    assert open_source("hf:ann/words", "test").labels.tolist() == [0, 2]


def test_what_lies_where_in_a_repository() -> None:
    known = {
        "a.parquet": ("", "a"),
        "data/train-00000-of-00001-0123456789abcdef.parquet": ("", "train"),
        "plain_text/test-00000-of-00001.parquet": ("plain_text", "test"),
        "default/validation/0000.parquet": ("", "validation"),
        "large/train/0000.parquet": ("large", "train"),
        "large/train/0001.parquet": ("large", "train"),
    }
    hidden = ["../x.parquet", ".cache/x.parquet", "readme.md", "data/x.py"]
    found = sets_of([*known, *hidden], "hf:ann/x")
    place = {
        file: (folder, split)
        for folder, splits in found.items()
        for split, files in splits.items()
        for file in files
    }
    assert place == known
    with pytest.raises(UserError, match="split 'train' has 1 of its 2 Parquet files"):
        sets_of(["data/train-00000-of-00002.parquet"], "hf:ann/x")


def test_what_is_damaged_or_hostile_is_refused(
    hub: Hub, made: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "data/train-00000-of-00001.parquet"
    hub.repository("ann/pets", "datasets").commit({name: made([1, 2], [0, 1])})
    hub.repository("ann/pickle", "datasets").commit({name: b"\x80\x04K\x01."})
    hub.repository("ann/secret", "datasets", private=True).commit({name: b"PAR1"})
    known = {
        "hf:ann/pickle": "cannot be read as Parquet",
        "hf:ann/secret": "or a private one",
        "hf:ann/nothing": "no such repository on the hub",
        "hf:pets": "names on the hub are hf:USER/DATASET",
        "hf:ann/pets@v3": "no such revision",
    }
    for word, words in known.items():
        capsys.readouterr()
        assert words in assert_one_line_error(run_command(["data", "describe", word]), *capsys.readouterr())
    hub.spoiled.add(Path(name).name)
    with pytest.raises(UserError, match="its checksum is not the one that the hub lists"):
        open_at("hf:ann/pets")


def test_more_than_the_disk_holds_is_not_fetched(pets: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    class Full:
        free = 100

    monkeypatch.setattr(shutil, "disk_usage", lambda place: Full)
    with pytest.raises(UserError, match=r"hf:ann/pets: [\d,]+ bytes to fetch, and 100 free"):
        open_source("hf:ann/pets")
    assert not any("resolve" in line for line in pets.asked)


def test_the_description_for_scripts_has_it_too(pets: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["data", "describe", "hf:ann/pets", "--split", "test", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["location"] == "hf:ann/pets"
    assert said["classes"] == {"dog": 1, "cat": 1}
