"""Super-resolution from images to a run, and on to larger images and numbers, at the smallest size."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from projgan.cli import run_command
from projgan.errors import UserError
from projgan.evaluation.diversity import ms_ssim
from projgan.pictures.pixels import downscale, enlarge
from projgan.storage.network_file import load_super_resolution_discriminator, load_super_resolution_generator
from projgan.super_resolution import evaluation
from projgan.super_resolution.enlarging import super_resolve
from projgan.super_resolution.evaluation import evaluate_super_resolution
from projgan.super_resolution.request import SuperResolutionRequest
from projgan.training.probe import probe
from small_runs import ONE_RANK, assert_same_run, save_blank_classifier, small_config, train_small

SETTINGS = {
    "data.condition": "low-resolution",
    "data.resolution": 64,
    "data.channels": 3,
    "data.horizontal_flip": True,
    "generator.architecture": "super-resolution-16-64",
    "generator.condition": "input",
    "generator.latent_size": 2,
    "generator.width": 2,
    "discriminator.architecture": "super-resolution-16-64",
    "discriminator.width": 2,
    "training.steps": 4,
    "training.batch_size": 2,
    "training.generator_batch_size": 2,
    "training.log_every": 2,
    "training.checkpoint_every": 2,
    "sampling.every": 2,
    "sampling.columns": 3,
    "sampling.classes": 2,
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of two classes, smooth enough to be enlarged."""
    folder, draw = tmp_path_factory.mktemp("data") / "photos", np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for index in range(6):
            few = Image.fromarray(draw.integers(0, 256, (6, 6, 3), dtype=np.uint8))
            few.resize((64, 64), Image.Resampling.BICUBIC).save(folder / name / f"{index}.png")
    return folder


def settings(photos: Path, changes: dict[str, object] | None = None) -> dict[str, object]:
    return (
        SETTINGS | {"data.source": str(photos), "data.cache": str(photos.parent / "cache")} | (changes or {})
    )


@pytest.fixture(scope="module")
def run(photos: Path) -> Path:
    folder = photos.parent / "run"
    train_small(folder, settings(photos))
    return folder


@pytest.mark.parametrize("method", ["projection", "hidden-concat"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(method: str, photos: Path, tmp_path: Path) -> None:
    changes = {"discriminator.condition": method, "sampling.every": None}
    train_small(tmp_path / "whole", settings(photos, changes))
    train_small(tmp_path / "stopped", settings(photos, changes | {"training.steps": 2}))
    train_small(tmp_path / "stopped", settings(photos, changes))
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_what_a_run_leaves(run: Path) -> None:
    generator, description = load_super_resolution_generator(run / "generator.safetensors")
    assert (generator.noise_channels, generator.resolution, description.class_names) == (2, 64, ())
    assert description.provenance.averaged
    discriminator, description = load_super_resolution_discriminator(run / "discriminator.safetensors")
    assert not description.provenance.averaged
    output = discriminator(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 16, 16))
    torch.testing.assert_close(output.logits, output.marginal + output.conditional)
    with Image.open(run / "samples/step-00000004.png") as picture:
        assert picture.height > 6 * 64  # input, bilinear, bicubic, two seeds, truth


def test_a_generator_learns_how_bright_its_input_is(tmp_path: Path) -> None:
    """Of images of one level each, 32 or 224, it makes such images, though only the discriminator says so."""
    for level in (32, 224):
        (tmp_path / "flat" / str(level)).mkdir(parents=True)
        Image.new("L", (64, 64), level).save(tmp_path / "flat" / str(level) / "0.png")
    changes = {
        "data.source": str(tmp_path / "flat"),
        "data.channels": 1,
        "data.cache": str(tmp_path / "cache"),
        "generator.width": 4,
        "discriminator.width": 4,
        "training.steps": 40,
        "training.batch_size": 4,
        "training.generator_batch_size": 4,
        "training.checkpoint_every": 40,
        "training.ema_decay": None,
        "optimizer.learning_rate": 2e-3,
        "optimizer.decay_start": None,
        "optimizer.decay_end": None,
        "sampling.every": None,
    }
    train_small(tmp_path / "run", SETTINGS | changes)
    generator, _ = load_super_resolution_generator(tmp_path / "run/generator.safetensors")
    levels = torch.tensor([32, 224], dtype=torch.uint8)[:, None, None, None].expand(2, 1, 16, 16)
    (made,) = super_resolve(generator, levels, [0])
    dark, bright = made.float().mean(dim=(1, 2, 3)).tolist()
    assert dark < 90
    assert bright > 166


def test_measured_numbers_are_those_of_the_images(run: Path, photos: Path, tmp_path: Path) -> None:
    asked = SuperResolutionRequest(out=tmp_path / "out", count=100, draws=2, seed=4)
    found = evaluate_super_resolution(run, None, asked)
    assert (found.images, found.resolution, found.scales, found.seeds) == (12, 64, 3, [4, 5])
    assert list(found.ways) == ["bilinear", "bicubic", "projgan"]
    generator, _ = load_super_resolution_generator(run / "generator.safetensors")
    ratios, consistencies, similarities = [], [], []
    for path in sorted(photos.rglob("*.png")):
        truth = np.asarray(Image.open(path)).astype(float)
        small = downscale(torch.from_numpy(truth.astype(np.uint8)).permute(2, 0, 1)[None], 4)
        bicubic = enlarge(small, 4, Image.Resampling.BICUBIC)
        pixels = bicubic[0].permute(1, 2, 0).numpy().astype(float)
        ratios.append(10 * math.log10(255**2 / np.square(truth - pixels).mean()))
        again = Image.fromarray(pixels.astype(np.uint8)).resize((16, 16), Image.Resampling.BILINEAR)
        consistencies.append(np.sqrt(np.square(np.asarray(again) - small[0].permute(1, 2, 0).numpy()).mean()))
        (made,) = super_resolve(generator, small, [4])
        similarities.append(ms_ssim(torch.from_numpy(truth).permute(2, 0, 1)[None], made.double()).item())
    assert found.ways["bicubic"].psnr.value == pytest.approx(np.mean(ratios))
    error = np.std(ratios, ddof=1) / 12**0.5
    assert found.ways["bicubic"].psnr.standard_error == pytest.approx(error)
    assert found.ways["projgan"].ms_ssim.value == pytest.approx(np.mean(similarities))
    assert found.ways["bicubic"].ms_ssim.value > found.ways["projgan"].ms_ssim.value
    written = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert written["ways"]["bicubic"]["psnr"]["value"] == found.ways["bicubic"].psnr.value
    with Image.open(tmp_path / "out/comparison.png") as picture:
        assert picture.height > 6 * 64


def test_draws_that_nothing_looks_at_are_not_made_and_too_many_are_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = SuperResolutionRequest(out=tmp_path / "out", draws=1000, seed=4)
    assert evaluate_super_resolution(run, None, asked).seeds == [4, 5, 6]  # the rows of the picture
    classifier = save_blank_classifier(tmp_path / "c.safetensors", ("cat", "dog"), 64, 3)
    asked = SuperResolutionRequest(out=tmp_path / "out", draws=2, classifier=classifier)
    monkeypatch.setattr(evaluation, "MOST_NUMBERS", 2 * 12 * 3 * 64 * 64)
    assert evaluate_super_resolution(run, None, asked).seeds == [0, 1]
    monkeypatch.setattr(evaluation, "MOST_NUMBERS", 2 * 12 * 3 * 64 * 64 - 1)
    with pytest.raises(
        UserError, match=r"^2 draws of 12 images of 64x64 pixels are too many .*--draws or --co"
    ):
        evaluate_super_resolution(run, None, asked)


def test_the_command_measures_with_a_classifier(run: Path, photos: Path, tmp_path: Path, capsys) -> None:
    small = save_blank_classifier(tmp_path / "small.safetensors", ("cat", "dog"), 32, 3)
    words = ["super-resolve", str(run), str(photos), "--evaluate", "--out", str(tmp_path / "out")]
    words += ["--cache", str(photos.parent / "cache"), "--draws", "2"]
    assert run_command([*words, "--classifier", str(small)]) == 2
    assert (
        "a classifier of resolution 32, but the images of photos have resolution 64; train one"
        in capsys.readouterr().err
    )
    grey = save_blank_classifier(tmp_path / "grey.safetensors", ("cat", "dog"), 64, 1)
    assert run_command([*words, "--classifier", str(grey)]) == 2
    assert "a classifier of channels 1, but the images of photos have channels 3" in capsys.readouterr().err
    colour = save_blank_classifier(tmp_path / "colour.safetensors", ("cat", "dog"), 64, 3)
    assert run_command([*words, "--classifier", str(colour), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed["ways"]) == ["bilinear", "bicubic", "projgan", "truth"]
    assert printed["ways"]["truth"]["psnr"]["value"] == 100
    assert printed["ways"]["projgan"]["accuracy_of_mean_logits"] is not None
    assert printed["ways"]["bicubic"]["accuracy_of_mean_logits"] is None
    assert run_command([*words, "--classifier", str(colour)]) == 0
    assert "of the mean logits over 2 draws" in capsys.readouterr().out
    other = save_blank_classifier(tmp_path / "other.safetensors", ("cat", "owl"), 64, 3)
    assert run_command([*words, "--classifier", str(other)]) == 2
    assert (
        "its classes are not those of photos but other ones (class 1 is owl, not dog)"
        in capsys.readouterr().err
    )
    assert run_command([*words, "--count", "1"]) == 2
    assert "--count is 1; it must be from 2" in capsys.readouterr().err


def test_other_commands_refuse_in_one_line(run: Path, tmp_path: Path, capsys) -> None:
    picture = str(tmp_path / "x.png")
    for words in (
        ["sample", str(run), "--out", picture],
        ["morph", str(run), "--out", picture],
        ["inspect", str(run), "--out", str(tmp_path / "x")],
        ["evaluate", str(run)],
        ["compare", str(run), "--out", str(tmp_path / "x")],
    ):
        assert run_command(words) == 2
        error = capsys.readouterr().err
        assert "its command is `projgan super-resolve`" in error.splitlines()[-1], words
        assert not list(tmp_path.iterdir())


def test_a_dry_run_says_what_it_costs(photos: Path) -> None:
    estimate = probe(small_config(settings(photos)), ONE_RANK)
    assert "photos: 12 images\n" in estimate.to_text()
    assert estimate.generator_parameters > 0
    assert estimate.memory_bytes > 16 * (estimate.generator_parameters + estimate.discriminator_parameters)
