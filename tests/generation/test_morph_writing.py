"""`projgan morph` from its options to the pixels of its files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from torch import Tensor

from projgan.cli import run_command
from projgan.errors import UserError
from projgan.generation.morph_writing import write_morph
from projgan.generation.request import MorphRequest
from projgan.generation.sampling import sample
from projgan.networks.resnet import Generator
from projgan.pictures.grids import grid
from projgan.storage.network_description import NetworkDescription, Provenance
from projgan.storage.network_file import save_network
from small_runs import Run, assert_one_line_error

NAMES = ("cat", "dog", "owl", "ant", "bee")


def network(num_classes: int | None = len(NAMES), channels: int = 1) -> Generator:
    torch.manual_seed(2)
    generator = Generator("resnet-8", channels=channels, num_classes=num_classes, latent_size=6, width=4)
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if parameter.ndim == 2 and name.endswith(("gain", "bias")):
                parameter.normal_(std=2)
    return generator.eval()


def save(folder: Path, generator: Generator) -> Path:
    words = {
        "architecture": "resnet-8",
        "channels": generator.channels,
        "num_classes": generator.num_classes,
        "latent_size": 6,
        "width": 4,
    }
    provenance = Provenance(
        data="x", data_fingerprint="x", step=1, images_seen=1, averaged=False, settings={}, versions={}
    )
    description = NetworkDescription(
        kind="generator", network=words, class_names=NAMES, provenance=provenance
    )
    folder.mkdir()
    save_network(generator, description, folder / "generator.safetensors")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run called `run`, and a PATH with nothing on it."""
    save(tmp_path / "run", network())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.fixture
def morph(here: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        code = run_command(["morph", *words])
        return code, *capsys.readouterr()

    return run


def plain(seeds: list[int], name: str, truncation: float | None = None) -> Tensor:
    labels = torch.full((len(seeds),), NAMES.index(name))
    return torch.cat(list(sample(network(), seeds, labels, truncation)))


def cell(picture: Image.Image, row: int, column: int, left: int, top: int) -> np.ndarray:
    """The pixels of one image of a grid, from its enlargement by six."""
    x, y = left + 2 + 50 * column, top + 2 + 50 * row
    return np.asarray(picture)[y : y + 48 : 6, x : x + 48 : 6, 0]


def edges(picture: Image.Image, rows: int, columns: int) -> tuple[int, int]:
    """Widths of the left and of the upper margin; the latter as high as the one below, if there is one."""
    return picture.width - 50 * columns - 2, picture.height - 50 * rows - 2


def test_a_picture_is_as_the_command_samples_at_both_ends(here: Path, morph: Run) -> None:
    command = "run --classes cat dog --rows 3 --columns 4 --seed 5 --out new/morph.png".split()
    assert morph(*command) == (0, "new/morph.png\n", "")
    with Image.open("new/morph.png") as picture:
        left, top = edges(picture, 3, 4)
        for column, name in [(0, "cat"), (3, "dog")]:
            sampled = f"sample run --class {name} --count 3 --seed 5 --out {name}".split()
            assert run_command(sampled) == 0
            for row in range(3):
                with Image.open(here / name / name / f"seed{5 + row:06d}.png") as one:
                    np.testing.assert_array_equal(cell(picture, row, column, left, top), one)
        mixed = torch.tensor([[2 / 3, 1 / 3, 0, 0, 0]])
        third = next(iter(sample(network(), [6], mixed)))[0, 0]
        difference = cell(picture, 1, 1, left, top).astype(int) - third.numpy().astype(int)
        assert abs(difference).max() <= 1


def test_names_are_where_the_classes_are(here: Path, morph: Run) -> None:
    assert morph(*"run --classes cat dog owl --rows 2 --columns 6 --seed 4 9".split())[0] == 0
    images = np.asarray(Image.open("morph.png"))
    blank = torch.zeros(12, 1, 8, 8, dtype=torch.uint8)
    drawn = grid(blank, 6, ["seed 4 to 9", "seed 5 to 10"], ["cat", "", "dog", "", "", "owl"])
    left, top = edges(drawn, 2, 6)
    np.testing.assert_array_equal(images[:top], np.asarray(drawn)[:top])
    np.testing.assert_array_equal(images[:, :left], np.asarray(drawn)[:, :left])


def test_a_chain_passes_through_every_class(morph: Run) -> None:
    code, out, _ = morph(*"run --classes owl cat bee --rows 2 --columns 6 --json".split())
    assert code == 0
    told = json.loads(out)
    assert told == {
        "generator": "run/generator.safetensors",
        "out": "morph.png",
        "rows": 2,
        "steps": 6,
        "classes": ["owl", "cat", "bee"],
        "class_steps": [0, 2, 5],
        "seeds": [0],
        "latents": None,
        "truncations": None,
        "frames": None,
    }
    picture = Image.open("morph.png")
    for name, column in zip(told["classes"], told["class_steps"], strict=True):
        for row, image in enumerate(plain([0, 1], name)):
            np.testing.assert_array_equal(cell(picture, row, column, *edges(picture, 2, 6)), image[0])


def test_a_square_has_its_classes_at_its_corners(morph: Run) -> None:
    command = "run --classes cat dog owl ant --square --rows 3 --columns 4 --seed 7 --truncation 0.8"
    assert morph(*command.split())[0] == 0
    picture = Image.open("morph.png")
    left, both = edges(picture, 3, 4)
    assert left == 0
    for name, row, column in [("cat", 0, 0), ("dog", 0, 3), ("owl", 2, 0), ("ant", 2, 3)]:
        found = cell(picture, row, column, 0, both // 2)
        np.testing.assert_array_equal(found, plain([7], name, 0.8)[0, 0])
    pixels = np.asarray(picture)
    ink = [(part < 128).any(axis=(0, 2)) for part in (pixels[: both // 2], pixels[-both // 2 + 2 :])]
    for line in ink:  # a name at each end of both margins, and nothing between
        assert line[:60].any()
        assert line[-60:].any()
        assert not line[60:-60].any()


def test_latents_move_at_one_class_and_classes_at_one_latent_and_both(morph: Run) -> None:
    for words, ends in [
        ("--class dog --seed 3 8", (("dog", 3), ("dog", 8))),
        ("--classes dog bee --seed 3 8", (("dog", 3), ("bee", 8))),
    ]:
        assert morph("run", *words.split(), "--rows", "2", "--columns", "3")[0] == 0
        picture = Image.open("morph.png")
        for column, (name, seed) in zip([0, 2], ends, strict=True):
            for row, image in enumerate(plain([seed, seed + 1], name)):
                np.testing.assert_array_equal(cell(picture, row, column, *edges(picture, 2, 3)), image[0])


def test_the_ends_of_a_truncation_sweep_are_plain_truncated_samples(morph: Run) -> None:
    assert morph(*"run --class owl --truncation 0.25 2 --rows 2 --columns 5".split())[0] == 0
    picture = Image.open("morph.png")
    for column, bound in [(0, 0.25), (4, 2.0)]:
        for row, image in enumerate(plain([0, 1], "owl", bound)):
            np.testing.assert_array_equal(cell(picture, row, column, *edges(picture, 2, 5)), image[0])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gif_shows_what_the_generator_made(here: Path, channels: int) -> None:
    """Grey exactly; colours as Pillow's own quantisation of the frame to 256 of them leaves them."""
    run = save(here / "other", network(channels=channels))
    request = MorphRequest(classes=("cat", "dog"), rows=6, frames=5, seconds=1.0, out=here / "a.GIF")
    told: list[tuple[int, int]] = []
    assert write_morph(run, request, written=lambda done, total: told.append((done, total))).frames == 8
    assert told[-1] == (8, 8)
    images = {}
    for step, name in [(0, "cat"), (4, "dog")]:
        labels = torch.full((6,), NAMES.index(name))
        lanes = sample(network(channels=channels), range(6), labels)
        images[step] = grid(torch.cat(list(lanes)), columns=3)
    with Image.open(here / "a.GIF") as gif:
        assert gif.n_frames == 8
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(gif)]
        assert sum(frame.info["duration"] for frame in ImageSequence.Iterator(gif)) == 2000
    for step, expected in images.items():
        paletted = expected.quantize(256, dither=Image.Dither.NONE).convert("RGB")
        np.testing.assert_array_equal(frames[step], paletted)
        away = np.abs(np.asarray(paletted).astype(int) - np.asarray(expected))
        assert away.mean() <= (0 if channels == 1 else 4)  # grey levels
    for step in (1, 2, 3):
        np.testing.assert_array_equal(frames[step], frames[8 - step])


def test_mp4_with_ffmpeg_on_the_path_and_without(here: Path, morph: Run) -> None:
    command = "run --classes cat dog --rows 1 --frames 3 --seconds 0.5 --out new/a.mp4".split()
    assert assert_one_line_error(*morph(*command)) == (
        "projgan: --out new/a.mp4: no program ffmpeg is found; install it, or give FILE.gif"
    )
    assert not (here / "new").exists()
    (here / "bin").mkdir()
    program = here / "bin" / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\n/bin/cat > "${last#file:}"\n')
    program.chmod(0o755)
    assert morph(*command) == (0, "new/a.mp4\n", "")
    frames = np.frombuffer((here / "new" / "a.mp4").read_bytes(), np.uint8).reshape(4, 52, 52, 3)
    np.testing.assert_array_equal(frames[0], grid(plain([0], "cat"), 1))
    np.testing.assert_array_equal(frames[2], grid(plain([0], "dog"), 1))
    np.testing.assert_array_equal(frames[1], frames[3])


def test_an_unconditional_generator_has_latents_only(here: Path, morph: Run) -> None:
    save(here / "free", network(num_classes=None))
    assert morph(*"free --seed 3 8 --rows 1 --columns 3".split())[0] == 0
    picture = Image.open("morph.png")
    found = cell(picture, 0, 2, *edges(picture, 1, 3))
    np.testing.assert_array_equal(found, next(iter(sample(network(None), [8], None)))[0, 0])
    line = assert_one_line_error(*morph("free", "--classes", "cat", "dog"))
    assert line == "projgan: free: an unconditional generator has no classes to morph"
    line = assert_one_line_error(*morph("free"))
    assert line == "projgan: nothing changes: give several seeds or truncations, as in --seed 3 8"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--classes cat dgo", "unknown class 'dgo'; did you mean 'dog'?"),
        (
            "--classes cat",
            "--classes names 'cat' alone, so nothing changes; name another class, or several seeds or "
            "truncations, as in --seed 3 8",
        ),
        ("", "--classes: name the classes to pass through, or one that stays"),
        ("--classes cat dog owl --square", "--square has four corners, and --classes names 3; name four"),
        (
            "--classes cat dog owl ant --square --out x/a.gif",
            "--square is a picture; to animate, walk around it: --classes A B D C A",
        ),
        (
            "--classes cat dog owl ant --square --seed 1 2",
            "--square goes from class to class alone; give one --seed and one --truncation",
        ),
        ("--classes cat dog owl ant --square --rows 1", "--rows is 1; a square has at least 2"),
        ("--classes cat dog owl --columns 2", "--columns 2 is too few to pass through 3 classes"),
        ("--classes cat dog --seed 1 2 3 --columns 2", "--columns 2 is too few to pass through 3 values"),
        ("--classes cat dog --columns 1", "--columns is 1; it must be from 2 to 1,000"),
        ("--classes cat dog --columns 0", "--columns is 0; it must be from 2 to 1,000"),
        ("--classes cat dog --columns 1001", "--columns is 1001; it must be from 2 to 1,000"),
        ("--classes cat dog --frames 1001 --out x/a.mp4", "--frames is 1001; it must be from 2 to 1,000"),
        ("--classes cat dog --rows 0", "--rows is 0; it must be from 1 to 1,000"),
        ("--classes cat dog --rows 1001", "--rows is 1001; it must be from 1 to 1,000"),
        (
            "--classes cat dog --rows 1000 --columns 1000",  # 2**29 // (3 * 48**2 + 8 * (6 + 5))
            "--rows 1000 and --columns 1000 make 1000000 images, too many; of this generator there may be "
            "76695",
        ),
        (
            "--classes cat dog --frames 27 --seconds 0.5 --out x/a.gif",
            "--frames 27 are too many for 0.5 seconds of GIF, which holds 26; give fewer, or more --seconds",
        ),
        (
            "--classes cat dog --seconds 0 --out x/a.gif",
            "--seconds is 0.0; it must be above 0, and at most 60 a frame",
        ),
        (
            "--classes cat dog --seconds nan --out x/a.gif",
            "--seconds is nan; it must be above 0, and at most 60 a frame",
        ),
        (
            "--classes cat dog --frames 5",
            "--frames and --seconds are for .gif and .mp4; the steps of a picture are --columns",
        ),
        (
            "--classes cat dog --columns 5 --out x/a.gif",
            "--columns is for a picture; the steps of an animation are --frames",
        ),
        ("--classes cat dog --seed -1", "--seed is -1; it must be from 0 to 2**63 - 9"),
        ("--classes cat dog --truncation 1 0", "--truncation is 0; each must be above 0 and below 10"),
        ("--classes cat dog --out x/a.jpg", "--out x/a.jpg: a morph is a FILE.png, FILE.gif or FILE.mp4"),
        ("--classes cat dog --out folder.png", "--out folder.png: a folder; give a file in it"),
        ("--classes cat dog --out file/a.png", "file: cannot be made (File exists)"),
    ],
)
def test_what_is_refused_in_one_line(here: Path, morph: Run, words: str, message: str) -> None:
    (here / "folder.png").mkdir()
    (here / "file").write_text("")
    (here / "bin").mkdir()
    (here / "bin" / "ffmpeg").write_text("#!/bin/sh\nexit 1\n")
    (here / "bin" / "ffmpeg").chmod(0o755)
    assert assert_one_line_error(*morph("run", *words.split())) == f"projgan: {message}"
    assert not (here / "x").exists()
    assert not (here / "morph.png").exists()


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_made(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    told: list[int] = []
    request = MorphRequest(classes=("cat", "dog"), out=Path("a.png"))
    with pytest.raises(UserError, match=r"--out a\.png: its folder cannot be written"):
        write_morph(Path("run"), request, sampled=lambda done, total: told.append(done))
    assert told == []
