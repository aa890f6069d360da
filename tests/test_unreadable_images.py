"""A broken image among good ones: every command that reads images refuses it, and can leave it out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enlarging_networks import random, save
from projgan.cli import run_command
from small_runs import assert_one_line_error, command_line, save_blank_classifier, train_small

ADVICE = "leave them out with --on-unreadable skip"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on two classes, a blank classifier of two classes, a network that enlarges."""
    folder = tmp_path_factory.mktemp("trained")
    good = write_images(folder / "good", 8)
    cache = str(folder / "cache")
    train_small(folder / "run", {"training.steps": 2, "data.source": str(good), "data.cache": cache})
    save_blank_classifier(folder / "c.safetensors", ("0", "1"))
    save(random(), folder / "large")
    return folder


def write_images(place: Path, size: int, broken: str | None = None) -> Path:
    """Ten grey images of each of two classes, one of them cut in half where wanted."""
    rng = np.random.default_rng(0)
    for name in ("0", "1"):
        (place / name).mkdir(parents=True)
        for index in range(10):
            pixels = rng.integers(256, size=(size, size)).astype(np.uint8)
            Image.fromarray(pixels).save(place / name / f"{index}.png")
    if broken is None:
        return place
    content = (place / broken).read_bytes()
    (place / broken).write_bytes(content[: len(content) // 2])
    return place


SIZES = {"enlarge": 64}
COMMANDS: dict[str, str] = {
    "train": "TRAIN --data IMAGES",
    "classifier": "classifier IMAGES --width 8 --epochs 1 --out new.safetensors",
    "inverter": "inverter IMAGES --classifier FOLDER/c.safetensors --width 4 --steps 2 --out inverter",
    "real images": "evaluate FOLDER/run --data IMAGES --generated-images 20 --features CLASSIFIER",
    "images measured": "evaluate IMAGES --data FOLDER/good --generated-images 19 --features CLASSIFIER",
    "nearest": "nearest FOLDER/run IMAGES --features classifier:FOLDER/c.safetensors",
    "inspect": "inspect FOLDER/run IMAGES --generated-per-class 0",
    "enlarge": "super-resolve FOLDER/large IMAGES --evaluate --out large",
}


@pytest.mark.parametrize("broken", ["0/0.png", "1/7.png"])
@pytest.mark.parametrize("kind", COMMANDS)
def test_a_broken_image_is_refused_with_what_to_do_and_left_out_when_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, kind: str, broken: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    images = write_images(tmp_path / "images", SIZES.get(kind, 8), broken)
    train = command_line(Path("new"), {"training.steps": 2})
    del train[train.index("--data.source") : train.index("--data.source") + 2]
    network = "classifier:FOLDER/c.safetensors --metrics fd"
    line = (
        COMMANDS[kind]
        .replace("CLASSIFIER", network)
        .replace("FOLDER", str(folder))
        .replace("IMAGES", str(images))
    )
    words = [*train, *line.split()[1:]] if line.startswith("TRAIN") else [*line.split(), "--device", "cpu"]

    code = run_command(words)
    message = assert_one_line_error(code, *capsys.readouterr())
    assert f"1 of 20 images cannot be read: {broken}: " in message
    assert message.endswith(ADVICE)
    assert not (tmp_path / "new").exists()

    code = run_command([*words, "--on-unreadable", "skip"])
    assert code == 0, capsys.readouterr()
    assert "images: 1 unreadable image is left out\n" in capsys.readouterr().err


def test_a_run_that_left_it_out_is_measured_without_it(folder: Path, tmp_path: Path, capsys) -> None:
    images = write_images(tmp_path / "images", 8, "0/0.png")
    data = {"data.source": str(images), "data.cache": str(tmp_path / "cache"), "data.on_unreadable": "skip"}
    train_small(tmp_path / "run", {"training.steps": 2, **data})
    words = ["evaluate", str(tmp_path / "run"), "--features", f"classifier:{folder}/c.safetensors"]
    words += ["--metrics", "fd", "--generated-images", "20", "--device", "cpu"]
    assert run_command(words) == 0, capsys.readouterr()
    assert "19 real" in capsys.readouterr().out
    assert "1 of 20 images cannot be read" in assert_one_line_error(
        run_command([*words, "--on-unreadable", "error"]), *capsys.readouterr()
    )


def test_images_of_which_none_can_be_read_are_counted(folder: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "images" / "0").mkdir(parents=True)
    for index in range(3):
        (tmp_path / "images" / "0" / f"{index}.png").write_bytes(b"no image")
    words = ["evaluate", str(tmp_path / "images"), "--data", "digits", "--device", "cpu"]
    code = run_command([*words, "--features", f"classifier:{folder}/c.safetensors"])
    assert "3 of 3 images cannot be read" in assert_one_line_error(code, *capsys.readouterr())
