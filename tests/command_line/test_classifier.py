import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from projgan.listening import Listener
from projgan.storage.network_file import load_classifier
from small_runs import Run, assert_one_line_error, train_small

BRIEF = ("--width", "8", "--epochs", "2", "--device", "cpu")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty RGB 12x12 images of each of two classes: noise around dark, and around bright."""
    rng = np.random.default_rng(0)
    for name, level in (("dark", 40), ("bright", 160)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(20):
            pixels = (level + rng.integers(60, size=(12, 12, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{index}.png")
    return tmp_path / "photos"


def test_a_folder_of_photographs_becomes_one_file(run: Run, photos: Path) -> None:
    words = (str(photos), "--width", "8", "--epochs", "20", "--flip", "--out", "new/c.safetensors")
    code, out, err = run("classifier", *words)
    assert (code, out) == (0, "new/c.safetensors: right on 4 of 4 held-out images (100.00%)\n")
    assert "accuracy 100.0%" in err
    classifier, description = load_classifier("new/c.safetensors")
    assert (classifier.resolution, classifier.channels, description.class_names) == (
        12,
        3,
        ("bright", "dark"),
    )
    settings = description.provenance.settings
    assert (settings["flip"], settings["shift"], settings["epochs"]) == (True, 0, 20)
    before = Path("new/c.safetensors").read_bytes()
    code, out, err = run("classifier", *words)
    assert (code, out) == (0, "new/c.safetensors: right on 4 of 4 held-out images (100.00%)\n")
    assert err.endswith("\nnew/c.safetensors was trained with these settings before; nothing to do\n")
    error = assert_one_line_error(*run("classifier", *words, "--seed", "1"))
    assert "was trained with seed 0, not 1; choose another --out" in error
    assert Path("new/c.safetensors").read_bytes() == before


def test_the_result_as_json(run: Run) -> None:
    code, out, _ = run("classifier", "digits", *BRIEF, "--json", "--no-flip")
    result = json.loads(out)
    test = result.pop("test")
    assert code == 0
    assert result == {"step": 24, "out": "classifier.safetensors", "finished": True}
    assert (test["split"], test["count"], test["accuracy"]) == ("held-out", 179, test["correct"] / 179)
    accuracy = load_classifier("classifier.safetensors")[1].accuracy
    assert accuracy is not None
    assert accuracy.correct == test["correct"]


def test_an_interrupted_training_says_how_to_go_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stepped(progress: Any) -> None:
        if progress.step == 5:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        listener = Listener(stepped=stepped)
        patch.setattr("projgan.commands.classifier.bar_listener", lambda: listener)
        code, out, err = run("classifier", "digits", *BRIEF, "--json")
    assert code == 130
    assert json.loads(out) == {"step": 5, "out": "classifier.safetensors", "finished": False, "test": None}
    assert "stopped at step 5; the same command resumes" in err
    code, out, err = run("classifier", "digits", *BRIEF)
    assert code == 0
    assert "resuming classifier.safetensors at step 5 of 24" in err


def test_another_resolution_and_grey_on_demand(run: Run, photos: Path) -> None:
    code, _, _ = run(
        "classifier", str(photos), *BRIEF, "--resolution", "8", "--channels", "1", "--shift", "2"
    )
    assert code == 0
    classifier, description = load_classifier("classifier.safetensors")
    assert (classifier.resolution, classifier.channels) == (8, 1)
    assert description.provenance.settings["shift"] == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nowhere"], "no data at 'nowhere'"),
        (["digits", "--resolution", "7"], "--resolution is 7; it must be from 8 to 512"),
        (["digits", "--resolution", "1024"], "--resolution is 1024; it must be from 8 to 512"),
        (["digits", "--resolution", "0"], "--resolution is 0; it must be from 8 to 512"),
        (["digits", "--epochs", "0"], "--epochs is 0; it must be from 1 to 1,000,000"),
        (["digits", "--batch-size", "0"], "--batch-size is 0; it must be from 1 to 1,000,000"),
        (["digits", "--width", "100000"], "--width is 100000; it must be from 1 to 4,096"),
        (["digits", "--shift", "8"], "--shift is 8; it must be from 0 to 7"),
        (["digits", "--learning-rate", "nan"], "--learning-rate is nan; it must be"),
        (["digits", "--channels", "2"], "--channels is 2; it must be one of 1, 3"),
        (["digits", "--out", "."], ". is a folder; give --out the name of a file in it"),
        (["digits", "--widht", "8"], "--width"),
        (["digits", "--device", "gpu"], "--device"),
    ],
)
def test_a_mistake_is_one_line(run: Run, words: list[str], expected: str) -> None:
    assert expected in assert_one_line_error(*run("classifier", *words))
    assert not list(Path().iterdir())


def test_images_of_several_sizes_need_a_resolution(run: Run, photos: Path) -> None:
    Image.new("RGB", (14, 14)).save(photos / "dark" / "large.png")
    error = assert_one_line_error(*run("classifier", str(photos), *BRIEF))
    assert "the images are not all squares of one size; give --resolution, such as 32" in error
    assert run("classifier", str(photos), *BRIEF, "--resolution", "8")[0] == 0


def test_images_too_small_need_a_resolution(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "small" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "small" / name / "1.png")
    error = assert_one_line_error(*run("classifier", str(tmp_path / "small")))
    assert "the images are 4x4, and a classifier takes 8 to 512 pixels; give --resolution" in error


def test_one_class_is_one_line(run: Run, photos: Path) -> None:
    for image in (photos / "dark").iterdir():
        image.unlink()
    (photos / "dark").rmdir()
    assert "images of one class only (bright); there is nothing to tell apart" in assert_one_line_error(
        *run("classifier", str(photos))
    )


def test_a_file_of_another_kind_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    train_small(tmp_path / "run", {"training.steps": 2})
    generator = tmp_path / "run" / "generator.safetensors"
    before = generator.read_bytes()
    error = assert_one_line_error(*run("classifier", "digits", *BRIEF, "--out", str(generator)))
    assert f"{generator}: holds a generator, not a classifier" in error
    assert generator.read_bytes() == before
