"""`projgan invert` from images on disk to its files, and on to `projgan morph`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from projgan.cli import run_command
from projgan.generation.morph_writing import plan
from projgan.generation.morphing import morph_images
from projgan.generation.request import MorphRequest
from projgan.generation.sampling import sample, sample_latents
from projgan.pictures.grids import write_png
from projgan.pictures.pillow import to_pil
from projgan.storage.latents_file import load_latents
from projgan.storage.network_file import generator_path, load_generator
from small_runs import Run, assert_one_line_error

BRIEF = ("--starts", "2", "--steps", "9")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`projgan WORDS` in an empty folder with two images: `three.png`, and `wide.png` of 16x8."""
    generator, _ = load_generator(generator_path(Path("digits")))
    write_png(to_pil(next(sample(generator, [501], torch.tensor([3])))[0]), tmp_path / "three.png")
    Image.new("RGB", (16, 8), "white").save(tmp_path / "wide.png")
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = run_command(list(words))
        return code, *capsys.readouterr()

    return run


def test_files_and_json_say_what_was_found_and_morph_goes_on_from_there(run: Run) -> None:
    words = "invert digits three.png wide.png --starts 4 --steps 120 --json"
    code, out, _ = run(*words.split())
    assert code == 0
    written = json.loads(out)
    three, wide = written["found"]
    assert (three["image"], three["class_name"], three["weights"]) == ("three.png", "3", {"3": 1.0})
    assert three["psnr"] > 30 > wide["psnr"]
    found = load_latents(Path(written["latents"]))
    assert found.weights is not None
    assert found.weights[0].argmax() == 3
    assert found.latents[0].square().mean().sqrt().item() == pytest.approx(three["latent_length"])
    assert found.description.rows[1]["image"] == "wide.png"
    assert Image.open(written["picture"]).width > 2 * 2 * 48

    # The picture of a morph has in its first and last column what was found.
    assert run("morph", "digits", "--latents", written["latents"], "--columns", "4", "--out", "a.png")[0] == 0
    generator, _ = load_generator(generator_path(Path("digits")))
    request = MorphRequest(latents=Path(written["latents"]), columns=4)
    images = morph_images(generator, plan(request, generator, None, found))[0]
    ends = next(sample_latents(generator, found.latents, found.weights))
    assert torch.equal(images[0], ends[0])
    assert torch.equal(images[3], ends[1])
    assert not torch.equal(images[1], images[0])
    # Other classes at the latent of one image.
    code, out, _ = run(
        *("morph", "digits", "--latents", written["latents"], "--classes", "3", "8"),
        *("--columns", "4", "--out", "b.png", "--json"),
    )
    assert code == 0
    assert json.loads(out)["classes"] == ["3", "8"]


def test_the_same_command_goes_on_and_another_begins_anew(run: Run) -> None:
    words = ("invert", "digits", "three.png", *BRIEF)
    assert run(*words)[0] == 0
    first = load_latents(Path("inversion/latents.safetensors"))
    code, _, said = run(*words, "wide.png")
    assert code == 0
    assert "1 of 2 images were found by an earlier call of this kind" in said
    both = load_latents(Path("inversion/latents.safetensors"))
    assert torch.equal(both.latents[:1], first.latents)
    assert len(both.latents) == 2
    for other in (("--seed", "3"), ("wide.png",)):
        line = (*words, *other) if other[0] == "--seed" else ("invert", "digits", *other, *BRIEF)
        code, _, said = run(*line)
        assert code == 2
        assert "--out inversion: holds what another call found; choose another --out, or add" in said
        assert torch.equal(load_latents(Path("inversion/latents.safetensors")).latents, both.latents)
    code, _, said = run(*words, "--seed", "3", "--overwrite")
    assert (code, said) == (0, "")
    assert not torch.equal(load_latents(Path("inversion/latents.safetensors")).latents, first.latents)
    assert run("invert", "digits", "three.png", *BRIEF, "--out", "again")[0] == 0
    again = load_latents(Path("again/latents.safetensors"))
    assert torch.equal(again.latents, first.latents)  # the same, whatever was there before


def test_images_are_fitted(run: Run) -> None:
    """White, 16x8: cut it is all white, padded three quarters of its rows are not."""
    pictures = {}
    for fit in ("crop", "pad"):
        assert run("invert", "digits", "wide.png", *BRIEF, "--fit", fit, "--out", fit)[0] == 0
        pictures[fit] = np.asarray(Image.open(f"{fit}/comparison.png").convert("L")).copy()
    assert not np.array_equal(pictures["crop"], pictures["pad"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("three.png", "--class", "thre"), "unknown class 'thre'"),
        (("three.png", "--class", "3", "--mix"), "--mix finds a mixture of all classes"),
        (("three.png", "--starts", "0"), "--starts is 0; it must be from 1 to 256"),
        (("three.png", "--steps", "0"), "--steps is 0; it must be from 1 to 100,000"),
        (("three.png", "--feature-weight", "nan"), "--feature-weight is nan"),
        (("three.png", "--seed", "-1"), "--seed is -1"),
        (("three.png", "--features", "clip"), "--features clip: not known"),
        (("three.png", "--features", "discriminator"), "there is none beside the generator"),
        ((), "0 images are given; from 1 to 100"),
        (("nowhere.png",), "nowhere.png"),
        (("noise.png",), "noise.png: not an image of a known format"),
        (("bomb.png",), "more than the 67,108,864 pixels accepted"),
        ((".",), "a folder; give images, as in"),
        (("three.png", "--out", "taken"), "there already, and not written by projgan"),
    ],
)
def test_a_mistake_is_one_line(run: Run, words: tuple[str, ...], expected: str) -> None:
    Path("noise.png").write_bytes(b"no image" * 100)
    if "bomb.png" in words:
        Image.new("1", (20_000, 20_000)).save("bomb.png")
    Path("taken").mkdir()
    Path("taken/latents.safetensors").write_bytes(b"somebody's")
    assert expected in assert_one_line_error(*run("invert", "digits", *words))
    assert not Path("inversion").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("digits", "--latents", "nowhere"), "nowhere: no such file; `projgan invert RUN IMAGE` makes one"),
        (("digits", "--latents", "three.png"), "not a file of latents, or damaged"),
        (("digits", "--latents", "one"), "one latent, so nothing changes"),
        (("digits", "--latents", "one", "--seed", "3"), "--latents takes the place of --seed"),
        (("digits", "--latents", "one", "--rows", "2"), "the latents of one row"),
        (("cifar10", "--latents", "one"), "found in another generator"),
        (("digits", "--latents", "two", "--columns", "1"), "--columns is 1"),
    ],
)
def test_mistakes_with_latents(run: Run, words: tuple[str, ...], expected: str) -> None:
    brief = ("--starts", "1", "--steps", "1")
    assert run("invert", "digits", "three.png", *brief, "--out", "a")[0] == 0
    Path("a/latents.safetensors").rename("one")
    assert expected in assert_one_line_error(*run("morph", *words))
