import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from enlarging_networks import ARGUMENTS, random, save
from projgan.cli import run_command
from projgan.errors import UserError
from projgan.networks.super_resolution import SuperResolutionGenerator
from projgan.pictures.grids import MARGIN
from projgan.pictures.pixels import to_float, to_uint8
from projgan.storage.network_file import load_generator, load_super_resolution_generator
from projgan.super_resolution.enlarging import super_resolve
from projgan.super_resolution.request import SuperResolutionRequest
from projgan.super_resolution.writing import enlarge_images


def repeating() -> SuperResolutionGenerator:
    """A generator set by hand to repeat pixels: its output is tanh of its input, which its shortcuts carry.

    An image x goes through as the channels x and -x, so that the last ReLU loses nothing of it.
    """
    network = SuperResolutionGenerator(**ARGUMENTS).eval().requires_grad_(False)
    for block in [*network.kept, *network.doubling, *network.keeping]:
        nn.init.zeros_(block.conv2.weight)
        if isinstance(block.shortcut, nn.Conv2d):
            nn.init.zeros_(block.shortcut.weight)
            for channel in range(6):
                block.shortcut.weight[channel, channel % 3 if block is network.kept[0] else channel] = 1.0
    network.kept[0].shortcut.weight[3:6] *= -1
    nn.init.zeros_(network.conv.weight)
    for channel in range(3):
        network.conv.weight[channel, channel, 1, 1], network.conv.weight[channel, channel + 3, 1, 1] = (
            1.0,
            -1.0,
        )
    return network


def repeated(pixels: np.ndarray) -> np.ndarray:
    """What `repeating` makes of pixels [H, W, 3]: the middle of each grey level, its tanh, sixteen times."""
    values = np.tanh((pixels.astype(np.float64) + 0.5) / 128 - 1)
    levels = np.floor((values + 1) * 128).astype(np.uint8)
    return levels.repeat(4, axis=0).repeat(4, axis=1)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("level", [0, 40, 127, 128, 255])
def test_a_constant_image_stays_constant_at_a_known_level(level: int) -> None:
    small = torch.full((1, 3, 5, 7), level, dtype=torch.uint8)
    (large,) = super_resolve(repeating(), small, [3])
    expected = repeated(small[0].permute(1, 2, 0).numpy())
    assert len(np.unique(large)) == 1
    assert np.abs(large[0].permute(1, 2, 0).numpy().astype(int) - expected).max() <= 1  # float32
    assert large.shape == (1, 3, 20, 28)


def test_every_kind_of_image_is_enlarged_as_it_looks(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    colours = draw.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    Image.fromarray(colours).save(folder / "colour.png")
    Image.fromarray(colours[..., 0]).save(folder / "grey.png")
    alpha = np.where(np.arange(9) < 4, 255, 0)[None].repeat(6, 0).astype(np.uint8)
    Image.fromarray(np.dstack([colours, alpha])).save(folder / "glass.png")
    rotated = Image.Exif()
    rotated[0x0112] = 6  # to be seen turned clockwise
    Image.fromarray(colours).save(folder / "turned.png", exif=rotated)
    Image.fromarray(colours[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    (folder / "notes.txt").write_text("not an image")
    (folder / ".hidden.png").write_bytes(b"not an image")
    run, out = save(repeating(), tmp_path / "run"), tmp_path / "out"
    told: list[tuple[int, int]] = []
    written = enlarge_images(
        run, folder, SuperResolutionRequest(out=out, seed=7), progress=lambda *step: told.append(step)
    )
    looks = {
        "colour": colours,
        "deep": colours[..., :1].repeat(3, 2),
        "glass": np.where(alpha[..., None] > 0, colours, 255),
        "grey": colours[..., :1].repeat(3, 2),
        "turned": np.rot90(colours, -1),
    }
    assert [Path(file).name for file in written.files] == [f"{name}_seed000007.png" for name in looks]
    assert told == [(done, 5) for done in range(1, 6)]
    for file, look in zip(written.files, looks.values(), strict=True):
        assert np.abs(pixels(Path(file)).astype(int) - repeated(look)).max() <= 1, file
    assert {path.name for path in out.glob("*.png")} == {Path(f).name for f in written.files} | {
        "comparison.png"
    }


def test_one_image_and_one_seed_are_one_output_whatever_is_beside_them(tmp_path: Path) -> None:
    run, folder = save(random(), tmp_path / "run"), tmp_path / "photos"
    folder.mkdir()
    draw = np.random.default_rng(1)
    for name in "abc":
        Image.fromarray(draw.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    together = enlarge_images(run, folder, SuperResolutionRequest(out=tmp_path / "all", draws=3, seed=5))
    alone = enlarge_images(run, folder / "b.png", SuperResolutionRequest(out=tmp_path / "one", seed=6))
    assert [Path(file).name for file in alone.files] == ["b_seed000006.png"]
    one = pixels(Path(alone.files[0]))
    assert np.array_equal(one, pixels(tmp_path / "all/b_seed000006.png"))
    assert not np.array_equal(one, pixels(tmp_path / "all/b_seed000005.png"))
    assert len(together.files) == 9
    network, _ = load_super_resolution_generator(run / "generator.safetensors")
    small = torch.from_numpy(pixels(folder / "b.png").copy()).permute(2, 0, 1)[None]
    latents = torch.randn(network.latent_size_of(4, 4), generator=torch.Generator().manual_seed(6))
    values = to_float(small, torch.full(small.shape, 0.5))
    with torch.inference_mode():
        expected = to_uint8(network(latents[None], values))[0].permute(1, 2, 0)
    assert np.array_equal(one, expected.numpy())


def test_the_picture_has_a_row_for_each_way_and_a_column_for_each_image(tmp_path: Path) -> None:
    run, folder = save(random(), tmp_path / "run"), tmp_path / "photos"
    folder.mkdir()
    for name, size in {"a": (16, 16), "b": (16, 16), "c": (9, 16)}.items():
        Image.new("RGB", size, "red").save(folder / f"{name}.png")
    written = enlarge_images(run, folder, SuperResolutionRequest(out=tmp_path / "out", draws=4))
    picture = pixels(Path(written.comparison))
    assert picture.shape[0] == 6 * (64 + MARGIN) + MARGIN  # input, bilinear, bicubic and three draws
    for column in (1, 2):  # c is of another size
        right = picture.shape[1] - MARGIN - 64 - (2 - column) * (64 + MARGIN)
        for row in range(3):
            cell = picture[row * (64 + MARGIN) + MARGIN :][:64, right : right + 64]
            assert (cell == (255, 0, 0)).all()
    draw = picture[3 * (64 + MARGIN) + MARGIN :][:64, -64 - MARGIN : -MARGIN]
    assert np.array_equal(draw, pixels(tmp_path / "out/b_seed000000.png"))


def test_two_images_of_one_name_keep_both(tmp_path: Path) -> None:
    run, folder = save(random(), tmp_path / "run"), tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "A.jpg"):
        Image.new("RGB", (4, 4)).save(folder / name)
    written = enlarge_images(run, folder, SuperResolutionRequest(out=tmp_path / "out"))
    assert {Path(file).name for file in written.files} == {"a.png_seed000000.png", "A.jpg_seed000000.png"}


def test_draws_of_an_earlier_call_are_not_left_among_those_of_another(tmp_path: Path) -> None:
    run, folder, out = save(random(), tmp_path / "run"), tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for name in "ab":
        Image.new("RGB", (4, 4)).save(folder / f"{name}.png")
    first = enlarge_images(run, folder, SuperResolutionRequest(out=out, draws=2))
    (out / "notes.txt").write_text("no image")
    (out / "b_seed000001.png").unlink()  # as if stopped on the way
    assert enlarge_images(run, folder, SuperResolutionRequest(out=out, draws=2)) == first
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    for images, draws, seed, left in (
        (folder, 1, 0, "a_seed000001.png"),
        (folder, 2, 1, "a_seed000000.png"),
        (folder / "a.png", 2, 0, "b_seed000000.png"),
    ):
        with pytest.raises(UserError) as caught:
            enlarge_images(run, images, SuperResolutionRequest(out=out, draws=draws, seed=seed))
        assert str(caught.value) == (
            f"--out {out} holds images that this call does not write (2, such as {left}); "
            "choose another folder, or add --overwrite"
        )
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert (
        len(enlarge_images(run, folder, SuperResolutionRequest(out=out, draws=3)).files) == 6
    )  # all and more


def refusal(run: Path, images: Path, out: Path, **changes: object) -> str:
    with pytest.raises(UserError) as caught:
        enlarge_images(run, images, SuperResolutionRequest(out=out, **changes))
    assert not out.exists()
    return str(caught.value)


def test_what_cannot_be_taken_is_refused_in_words_before_anything_is_written(tmp_path: Path) -> None:
    run, folder, out = save(random(), tmp_path / "run"), tmp_path / "photos", tmp_path / "out"
    assert refusal(run, folder, out).endswith("photos: no such image or folder")
    folder.mkdir()
    assert "no images in it (.jpg," in refusal(run, folder, out)
    Image.new("RGB", (4, 4)).save(folder / "a.png")
    assert refusal(run, folder, out, draws=0) == "--draws is 0; it must be from 1 to 1,000"
    assert refusal(run, folder, out, seed=-1) == "--seed is -1; it must be from 0 to 2**63 - 2"
    Image.new("RGB", (257, 256)).save(folder / "b.png")
    assert "b.png: 257x256 is to become 1028x1024, and at most 65,536 pixels" in refusal(run, folder, out)
    content = (folder / "a.png").read_bytes()
    (folder / "b.png").write_bytes(content[:45])
    assert "--on-unreadable skip leaves such images out" in refusal(run, folder, out)
    written = enlarge_images(run, folder, SuperResolutionRequest(out=out, on_unreadable="skip"))
    assert [Path(file).name for file in written.files] == ["a_seed000000.png"]
    (skipped,) = written.skipped
    assert "b.png" in skipped
    with pytest.raises(UserError, match="is the folder of the images themselves"):
        enlarge_images(run, folder, SuperResolutionRequest(out=folder))


def test_files_are_checked_as_those_of_other_networks(tmp_path: Path) -> None:
    run = save(random(), tmp_path / "run")
    path = run / "generator.safetensors"
    with pytest.raises(
        UserError, match="holds a super-resolution generator, not a generator; its command is"
    ):
        load_generator(path)
    for change, message in {
        "noise_channels": "is not that of the network it describes; damaged",
        "architecture": "architecture is 'super-resolution-9'; there are .*; written by a newer version",
        "extra": "its description is not one this version reads",
    }.items():
        broken = save(
            random(), tmp_path / change, **{change: "super-resolution-9" if change[0] == "a" else 9}
        )
        with pytest.raises(UserError, match=message):
            load_super_resolution_generator(broken / "generator.safetensors")
    network, description = load_super_resolution_generator(path)
    assert description.network["noise_channels"] == 2
    for name, tensor in random().state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor)


def test_the_command_prints_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, image = save(random(), tmp_path / "run"), tmp_path / "a.png"
    Image.new("L", (3, 3)).save(image)
    words = ["super-resolve", str(run), str(image), "--out", str(tmp_path / "out"), "--draws", "2"]
    assert run_command([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["seeds"] == [0, 1]
    assert [Path(file).is_file() for file in [*printed["files"], printed["comparison"]]] == [True] * 3
    assert run_command([*words, "--split", "test"]) == 2
    assert capsys.readouterr().err.startswith("projgan: --split and --classifier belong to --evaluate")
    assert run_command(["super-resolve", str(run), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("projgan: there are no images to enlarge")
