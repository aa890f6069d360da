"""From a table to samples: images whose brightness is a number, and whose lit halves are classes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from projgan.cli import run_command
from projgan.generation.conditions_in_words import several_classes, vector_in_units
from projgan.generation.sampling import sample
from projgan.storage.network_file import load_discriminator, load_generator
from projgan.training.probe import probe
from small_runs import ONE_RANK, SMALL, assert_same_run, small_config, train_small

LEARNING = {
    "training.steps": 120,
    "training.batch_size": 16,
    "training.generator_batch_size": 16,
    "training.log_every": 60,
    "training.checkpoint_every": 120,
    "training.ema_decay": "None",
    "optimizer.learning_rate": 2e-3,
    "optimizer.decay_start": "None",
    "optimizer.decay_end": "None",
    "sampling.every": 120,
    "sampling.columns": 2,
    "sampling.classes": 4,
}


def write_folder(folder: Path, header: str, draw) -> Path:
    """Sixty 8x8 images and their table; `draw` gives a row's cells and the 8x8 levels."""
    folder.mkdir()
    draws = np.random.default_rng(0)
    lines = [header]
    for index in range(60):
        cells, levels = draw(draws)
        noisy = np.clip(levels + draws.normal(0, 8, (8, 8)), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{index}.png")
        lines.append(",".join([f"{index}.png", *cells]))
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def lamps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Brightness is `watts` + 100; `mood` says nothing of it."""

    def draw(draws: np.random.Generator) -> tuple[list[str], np.ndarray]:
        watts = draws.uniform(-80, 120)
        return [f"{watts:.3f}", f"{draws.normal():.3f}"], np.full((8, 8), watts + 100)

    return write_folder(tmp_path_factory.mktemp("lamps") / "set", "file,watts,mood", draw)


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`top` and `left` light the upper and the left half."""

    def draw(draws: np.random.Generator) -> tuple[list[str], np.ndarray]:
        lit = {name: bool(draws.integers(2)) for name in ("top", "left")}
        levels = np.full((8, 8), 30.0)
        levels[:4] += 90 * lit["top"]
        levels[:, :4] += 90 * lit["left"]
        return [";".join(name for name in lit if lit[name])], levels

    return write_folder(tmp_path_factory.mktemp("windows") / "set", "file,tags", draw)


def train(folder: Path, run_dir: Path, *flags: str, **settings: object) -> None:
    changes = SMALL | LEARNING | {"data.source": folder, "data.cache": run_dir.parent / "cache"} | settings
    words = [word for key, value in changes.items() for word in (f"--{key}", str(value))]
    assert run_command(["train", "demo", "--run-dir", str(run_dir), *words, *flags]) == 0


@pytest.fixture(scope="module")
def lamp_run(lamps: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("run") / "lamps"
    train(lamps, run_dir, "--discriminator.quadratic-term", **{"data.condition": "vector"})
    return run_dir


@pytest.fixture(scope="module")
def window_run(windows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("run") / "windows"
    changes = {"data.condition": "multi-hot", "discriminator.width": 16, "training.steps": 200}
    train(windows, run_dir, **changes | {"training.checkpoint_every": 100, "sampling.every": 100})
    return run_dir


def brightness(folder: Path, mix: str) -> np.ndarray:
    """Mean image of a folder's samples for one mix, [8, 8]."""
    files = sorted((folder / mix).iterdir())
    assert len(files) == 20
    return np.mean([np.asarray(Image.open(path), dtype=float) for path in files], axis=0)


def test_a_number_is_learned_and_asked_for_in_the_units_of_the_table(lamp_run: Path, tmp_path: Path) -> None:
    mixes = ["watts=-60", "watts=20", "watts=100,mood=0"]
    words = [word for mix in mixes for word in ("--mix", mix)]
    assert (
        run_command(["sample", str(lamp_run), *words, "--count", "20", "--out", str(tmp_path / "out")]) == 0
    )
    low, middle, high = (brightness(tmp_path / "out", mix).mean() for mix in mixes)
    assert low + 30 < middle < high - 30


def test_several_classes_are_learned_and_asked_for_at_once(window_run: Path, tmp_path: Path) -> None:
    mixes = ["top=1", "left=1", "top=1,left=1", "top=0"]
    words = [word for mix in mixes for word in ("--mix", mix)]
    out = tmp_path / "out"
    assert run_command(["sample", str(window_run), *words, "--count", "20", "--out", str(out)]) == 0
    top, left, both, none = (brightness(out, mix) for mix in mixes)
    for image, is_top, is_left in ((top, 1, 0), (left, 0, 1), (both, 1, 1), (none, 0, 0)):
        upper, lower = image[:4, 4:].mean(), image[4:, 4:].mean()
        assert (upper - lower > 45) == is_top
        assert (image[4:, :4].mean() - lower > 45) == is_left


def test_what_a_run_leaves_says_what_its_condition_is(lamp_run: Path, window_run: Path, lamps: Path) -> None:
    generator, description = load_generator(lamp_run / "generator.safetensors")
    watts = np.loadtxt(lamps / "labels.csv", delimiter=",", skiprows=1, usecols=1)
    assert (generator.condition, description.class_names) == ("vector", ("watts", "mood"))
    assert description.standardization.means[0] == pytest.approx(watts.mean(), rel=1e-5)
    assert description.standardization.deviations[0] == pytest.approx(watts.std(), rel=1e-5)
    discriminator, description = load_discriminator(lamp_run / "discriminator.safetensors")
    assert discriminator.condition.quadratic.weight.any()
    assert description.standardization is not None
    generator, description = load_generator(window_run / "generator.safetensors")
    assert (generator.condition, description.class_names) == ("multi-hot", ("left", "top"))
    assert description.standardization is None


def test_one_class_of_several_is_a_row_by_its_name(window_run: Path, tmp_path: Path) -> None:
    generator, description = load_generator(window_run / "generator.safetensors")
    by_name, by_mix = (
        torch.cat(list(sample(generator, [5], condition)))
        for condition in (torch.tensor([1]), several_classes("top=1", description.class_names)[None])
    )
    assert torch.equal(by_name, by_mix)
    assert run_command(["sample", str(window_run), "--class", "top", "--out", str(tmp_path / "x.png")]) == 0


def test_grids_in_training_and_by_default(
    lamp_run: Path, window_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run, rows, step in ((lamp_run, 4, 120), (window_run, 2, 200)):
        with Image.open(run / "samples" / f"step-{step:08d}.png") as grid:
            assert grid.height > 8 * rows
        capsys.readouterr()
        out = tmp_path / f"{rows}"
        assert run_command(["sample", str(run), "--count", "2", "--out", str(out), "--json"]) == 0
        names = json.loads(capsys.readouterr().out)["rows"]
        if run == window_run:
            assert names == ["left", "top"]
        else:
            units = load_generator(run / "generator.safetensors")[1].standardization
            low, high = (units.means[0] + sign * 1.5 * units.deviations[0] for sign in (-1, 1))
            assert names[:3] == ["mean", f"watts={low:.4g}", f"watts={high:.4g}"]
            assert [name.split("=")[0] for name in names[3:]] == ["mood", "mood"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--class", "watts"], r"has no classes but numbers; give them as --mix watts="),
        (["--mix", "wats=3"], "--mix wats=3: unknown column 'wats'; did you mean 'watts'?"),
        (["--mix", "watts=bright"], "is not of the form column=value, as in age=30,height=1.7"),
        (["--mix", "watts=inf"], "is not of the form column=value"),
        (["--mix", "watts=1,watts=2"], "'watts' is there twice"),
    ],
)
def test_mistakes_in_asking_are_told(
    lamp_run: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run_command(["sample", str(lamp_run), *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("kind", "method"),
    [("vector", "projection"), ("multi-hot", "projection"), ("vector", "hidden-concat")],
)
def test_runs_resume_bit_for_bit(
    kind: str, method: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    changes = {
        "data.source": str(request.getfixturevalue("lamps" if kind == "vector" else "windows")),
        "data.condition": kind,
        "data.cache": str(tmp_path / "cache"),
        "discriminator.condition": method,
        "training.checkpoint_every": 2,
    }
    for name, stops in (("whole", [4]), ("parts", [2, 4])):
        for steps in stops:
            train_small(tmp_path / name, changes | {"training.steps": steps})
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_units_by_hand(lamp_run: Path) -> None:
    description = load_generator(lamp_run / "generator.safetensors")[1]
    units = description.standardization
    asked = vector_in_units("mood=2.5", description.class_names, units)
    assert asked.tolist() == pytest.approx([0, (2.5 - units.means[1]) / units.deviations[1]])


def test_a_dry_run_knows_of_columns(lamps: Path) -> None:
    changes = {"data.source": str(lamps), "data.condition": "vector", "training.steps": 1}
    estimate = probe(small_config(changes), ONE_RANK)
    assert (estimate.num_images, estimate.num_classes) == (60, 2)
    assert estimate.memory_bytes > 0
    assert "60 images of 2 columns" in estimate.to_text()
