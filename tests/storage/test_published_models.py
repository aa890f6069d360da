"""Generators that come with the package: found by name, halved without harm, described on a card."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from fabricated_runs import fabricate
from projgan.cli import run_command
from projgan.data import load_images
from projgan.errors import UserError
from projgan.files import file_sha256
from projgan.generation.sampling import sample
from projgan.storage import published_models
from projgan.storage.network_file import generator_path, load_generator, save_network
from projgan.storage.published_models import FOLDER, model_card, model_names, model_path, resolve_model
from projgan.storage.travelling import without_paths
from small_runs import save_blank_classifier, small_config

LARGEST = 8_000_000


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of_model(name: str) -> Path:
    path = model_path(name)
    assert path is not None
    return path


@pytest.mark.parametrize("name", model_names())
def test_a_model_is_what_its_card_says_and_names_no_folder(name: str) -> None:
    path, card = of_model(name), model_card(name)
    assert path.stat().st_size < LARGEST
    generator, description = load_generator(path)
    assert file_sha256(path) in card
    assert f"{sum(p.numel() for p in generator.parameters()):,} parameters" in card
    assert f"{description.provenance.step:,}" in card
    assert card.startswith(f"# {name}\n")
    assert "## Numbers" in card
    assert "## Rights" in card
    written = description.model_dump_json() + card
    assert not re.search(r"/(work|home|root|tmp|Users)/", written)
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}


def test_models_and_cards_are_in_the_wheel() -> None:
    toml = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert "models/*" in toml["tool"]["setuptools"]["package-data"]["projgan"]
    assert {path.stem for path in FOLDER.glob("*.md")} == set(model_names())
    assert "digits" in model_names()


def test_published_digits_are_nearest_to_the_mean_of_the_real_ones_of_their_class() -> None:
    """An independent judge: real digits themselves are by some 90%."""
    generator, _ = load_generator(of_model("digits"))
    labels = torch.arange(10).repeat_interleave(20)
    made = torch.cat(list(sample(generator, list(range(20)) * 10, labels))).flatten(1).double()
    real = load_images("digits", resolution=8, channels=1, cache=None)
    pixels = torch.tensor(real.images).flatten(1).double()
    means = torch.stack([pixels[torch.tensor(real.labels) == digit].mean(dim=0) for digit in range(10)])
    assert (torch.cdist(made, means).argmin(dim=1) == labels).double().mean() > 0.9


def test_halved_weights_come_back_rounded_once(tmp_path: Path) -> None:
    fabricate(tmp_path / "run")
    whole, description = load_generator(tmp_path / "run" / "generator.safetensors")
    save_network(whole, description, tmp_path / "half.safetensors", dtype=torch.float16)
    halved, words = load_generator(tmp_path / "half.safetensors")
    assert words == description
    for name, tensor in halved.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, whole.state_dict()[name].half().float())
    latents, labels = torch.randn(16, 128), torch.arange(16) % 10
    with torch.inference_mode():
        difference = (halved(latents, labels) - whole(latents, labels)).abs().max()
    assert 0 < difference < 2**-7  # a grey level
    size = (tmp_path / "run" / "generator.safetensors").stat().st_size
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * size


def test_a_weight_that_a_half_cannot_hold_is_refused(tmp_path: Path) -> None:
    generator, description = load_generator(of_model("digits"))
    next(generator.parameters()).data[0, 0] = 70_000
    with pytest.raises(UserError, match=r"linear\.weight does not fit into torch\.float16"):
        save_network(generator, description, tmp_path / "half.safetensors", dtype=torch.float16)
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_sampled_and_a_path_of_that_name_comes_first(here: Path) -> None:
    assert run_command(["sample", "digits", "--class", "3", "--count", "2", "--out", "three.png"]) == 0
    by_path = ["sample", str(of_model("digits")), "--class", "3", "--count", "2", "--out", "same.png"]
    assert run_command(by_path) == 0
    one, other = (np.asarray(Image.open(name)) for name in ("three.png", "same.png"))
    assert np.array_equal(one, other)
    (here / "digits").mkdir()
    assert resolve_model(Path("digits")) == Path("digits")
    with pytest.raises(UserError, match=r"digits: no generator\.safetensors there"):
        generator_path(Path("digits"))


@pytest.mark.parametrize("command", ["sample", "morph"])
def test_an_unknown_name_is_told_the_known_ones(
    command: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([command, "cifar1000"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("projgan: cifar1000: no such file or run, and no published model (")
    assert "digits" in line


def test_a_name_has_no_checkpoints_to_go_on_from(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["finetune", "digits", "--classifier", "imagenet"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "projgan: digits: a published model is a generator alone; this needs a run of your"
    )


def test_a_name_is_morphed_and_measured(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["morph", "digits", "--classes", "3", "8", "--rows", "1", "--columns", "3", "--out", "m.png"]
    assert run_command(words) == 0
    assert Image.open("m.png").width > 0
    save_blank_classifier(here / "c.safetensors", tuple("0123456789"))
    words = ["evaluate", "digits", "--data", "digits", "--features", "classifier:c.safetensors", "--json"]
    capsys.readouterr()
    assert run_command([*words, "--generated-images", "20", "--metrics", "fd", "--cache", "cache"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [(row["metric"], row["subject"]["step"]) for row in rows] == [("fd", 1500)]


def test_models_are_listed_with_their_classes_and_cards(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def said(*words: str) -> str:
        assert run_command(["models", *words]) == 0
        return capsys.readouterr().out

    assert "digits       digits, 8x8: 0, 1, 2, 3" in said()
    assert {row["name"] for row in json.loads(said("--json"))} == set(model_names())
    assert said("digits") == model_card("digits").rstrip() + "\n"
    assert run_command(["models", "digit"]) == 2
    assert "did you mean 'digits'?" in capsys.readouterr().err
    monkeypatch.setattr(published_models, "FOLDER", tmp_path)
    assert said() == ""


def test_settings_that_travel_name_no_folder() -> None:
    changes: dict[str, Any] = {
        "data.source": "/somewhere/photos",
        "data.cache": "/somewhere/cache",
        "discriminator.features": "imagenet:/somewhere/weights.pth",
        "evaluation.features": "classifier:/somewhere/digits.safetensors",
    }
    settings = without_paths(small_config(changes).model_dump(mode="json"))
    assert (settings["data"]["source"], settings["data"]["cache"]) == ("photos", None)
    assert settings["discriminator"]["features"] == "imagenet:weights.pth"
    assert settings["evaluation"]["features"] == "classifier:digits.safetensors"
    assert "somewhere" not in json.dumps(settings)
    unnamed = without_paths(small_config({"data.source": None}).model_dump(mode="json"))
    assert (unnamed["data"]["source"], unnamed["evaluation"]["features"]) == (None, "inception")
