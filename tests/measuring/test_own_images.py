"""A run is compared with the images that it was trained on, not with what lies in their place since."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from projgan.cli import run_command
from projgan.pictures.grids import write_png
from projgan.pictures.pillow import to_pil
from projgan.storage.network_file import load_discriminator, load_generator, save_network
from small_runs import assert_one_line_error, save_blank_classifier, train_small

Outcome = tuple[int, str, str]


@pytest.fixture(autouse=True)
def beside_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs name their images relative to this folder."""
    monkeypatch.chdir(tmp_path)
    save_blank_classifier(Path("judge.safetensors"), ("a", "b"))


def make_images(folder: str, seed: int, size: int = 8) -> None:
    draw = np.random.default_rng(seed)
    for name in "ab":
        for index in range(8):
            pixels = draw.integers(0, 256, (1, size, size), dtype=np.uint8)
            write_png(to_pil(pixels), Path(folder) / name / f"{index}.png")


def make_table(folder: str, seed: int, kind: str) -> None:
    """Eight images with a column of numbers, or of several names."""
    draw = np.random.default_rng(seed)
    for index in range(8):
        write_png(to_pil(draw.integers(0, 256, (1, 8, 8), dtype=np.uint8)), Path(folder) / f"{index}.png")
    cells = {"vector": ("age", "1", "3"), "multi-hot": ("tags", "b;a", "b")}[kind]
    lines = [f"file,{cells[0]}", *(f"{index}.png,{cells[1 + index % 2]}" for index in range(8))]
    (Path(folder) / "labels.csv").write_text("\n".join(lines) + "\n")


def trained_on(folder: str, **changes: Any) -> None:
    settings = {"data.source": folder, "data.cache": "cache", "training.steps": 1}
    train_small(Path("run"), settings | {key.replace("__", "."): value for key, value in changes.items()})


WORDS = {
    "evaluate": ["--metrics", "fd", "--generated-images", "20", "--features", "classifier:judge.safetensors"],
    "nearest": ["--count", "2", "--features", "classifier:judge.safetensors", "--out", "nearest.png"],
    "inspect": ["--generated-per-class", "0", "--out", "inspection"],
}
COMMANDS = tuple(WORDS)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(command: str, *more: str) -> Outcome:
        code = run_command([command, "run", *more, *WORDS[command], "--cache", "cache", "--device", "cpu"])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_other_images_in_their_place_are_refused_and_may_be_given(command: str, told: Any) -> None:
    make_images("photos", seed=0)
    trained_on("photos")
    assert told(command)[0] == 0
    make_images("photos", seed=1)
    error = assert_one_line_error(*told(command))
    assert "run: was trained on other images than photos holds now; give " in error
    assert error.endswith(", or put those back")
    given = ["--data", "photos"] if command == "evaluate" else ["photos"]
    assert told(command, *given)[0] == 0
    make_images("photos", seed=0)
    assert told(command)[0] == 0


def test_numbers_of_other_images_are_not_added_to_those_of_the_run(told: Any) -> None:
    make_images("photos", seed=0)
    trained_on("photos")
    make_images("photos", seed=1)
    assert told("evaluate")[0] == 2
    assert not Path("run", "metrics.jsonl").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_images_kept_larger_for_random_crops_are_compared_as_training_kept_them(
    command: str, told: Any
) -> None:
    make_images("photos", seed=0, size=16)
    trained_on("photos", data__random_crop=0.5)
    assert told(command)[0] == 0
    make_images("photos", seed=1, size=16)
    assert "was trained on other images" in assert_one_line_error(*told(command))


@pytest.mark.parametrize("kind", ["vector", "multi-hot"])
def test_images_of_other_conditions_are_known_again_and_so_are_others(kind: str, told: Any) -> None:
    make_table("table", 0, kind)
    trained_on("table", data__condition=kind)
    for command in ("evaluate", "nearest"):
        assert told(command)[0] == 0
    make_table("table", 1, kind)
    for command in ("evaluate", "nearest"):
        assert "was trained on other images" in assert_one_line_error(*told(command))


def test_the_run_s_own_test_part_is_measured_by_its_name_alone(told: Any) -> None:
    make_images("photos/train", seed=0)
    make_images("photos/test", seed=1)
    trained_on("photos")
    for command in COMMANDS:
        code, out, err = told(command, "--split", "test")
        assert code == 0, err
    code, out, err = told("evaluate", "--split", "test", "--json")
    assert json.loads(out)[0]["measurement"]["real_split"] == "test"
    assert "photos has no split 'night'" in assert_one_line_error(*told("evaluate", "--split", "night"))


def test_a_split_without_images_of_its_own_needs_them(capsys: pytest.CaptureFixture[str]) -> None:
    code = run_command(["evaluate", "digits", "--split", "test"])
    error = assert_one_line_error(code, *capsys.readouterr())
    assert "--split is of the real images; give them too: --data DATA --split SPLIT" in error


@pytest.mark.parametrize("command", COMMANDS)
def test_images_that_became_unreadable_are_left_out_where_that_is_asked_for(command: str, told: Any) -> None:
    make_images("photos", seed=0)
    trained_on("photos")
    Path("photos/a/0.png").write_bytes(b"broken")
    assert told(command, "--on-unreadable", "skip")[0] == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_version_0_1_may_have_read_the_same_folder_otherwise(command: str, told: Any) -> None:
    make_images("photos", seed=0)
    trained_on("photos")
    for name, load in (("generator", load_generator), ("discriminator", load_discriminator)):
        path = Path("run", f"{name}.safetensors")
        network, description = load(path)
        of_before = {
            "versions": description.provenance.versions | {"projgan": "0.1.0"},
            "data_fingerprint": "d" * 64,
        }
        provenance = description.provenance.model_copy(update=of_before)
        save_network(network, description.model_copy(update={"provenance": provenance}), path)
    code, _, err = told(command)
    assert code == 0, err
    assert "run: version 0.1.0 trained it on other images than photos holds for this one; if they" in err
