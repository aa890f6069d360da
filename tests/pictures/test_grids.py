from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from projgan.errors import UserError
from projgan.pictures.grids import MARGIN, between_names, grid, write_png
from projgan.pictures.lettering import font
from projgan.pictures.pillow import from_pil, to_pil
from projgan.pictures.pixels import downscale, enlarge, to_float, to_uint8

LEVELS = torch.arange(256, dtype=torch.uint8)
LARGEST_DRAW = 1 - 2**-24
"""The largest number that torch.rand gives in float32."""


def test_levels_are_the_lower_ends_of_their_intervals() -> None:
    expected = np.arange(256, dtype=np.float64) / 128 - 1
    np.testing.assert_array_equal(to_float(LEVELS).numpy(), expected)
    assert to_float(LEVELS).dtype == torch.float32


@pytest.mark.parametrize("noise", [0.0, 1e-8, 0.25, 0.5, 0.999, 1 - 2**-16, 1 - 2**-20, LARGEST_DRAW])
def test_every_level_comes_back_under_any_noise(noise: float) -> None:
    values = to_float(LEVELS, torch.full((256,), noise))
    assert torch.equal(to_uint8(values), LEVELS)
    assert values.min() >= -1
    assert values.max() < 1


@given(st.integers(0, 255), st.floats(0, LARGEST_DRAW, width=32))
def test_noise_moves_within_the_level(level: int, noise: float) -> None:
    value = to_float(torch.tensor([level], dtype=torch.uint8), torch.tensor([noise]))
    assert value.item() == pytest.approx((level + noise) / 128 - 1, abs=2e-7)
    assert to_uint8(value).item() == level


def test_to_uint8_by_hand() -> None:
    values = torch.tensor([-1.0, -0.9999, 0.0, 0.0077, 0.0079, 0.99, 1.0, -3.0, 3.0])
    assert to_uint8(values).tolist() == [0, 0, 128, 128, 129, 254, 255, 0, 255]


def test_to_pil_keeps_every_pixel_in_its_place() -> None:
    colour = torch.arange(24, dtype=torch.uint8).view(3, 2, 4)
    picture = to_pil(colour)
    assert (picture.mode, picture.size) == ("RGB", (4, 2))
    assert picture.getpixel((3, 1)) == (7, 15, 23)
    grey = to_pil(torch.tensor([[[5, 6], [7, 8]]], dtype=torch.uint8))
    assert (grey.mode, grey.getpixel((0, 1))) == ("L", 7)


def test_grid_puts_image_n_at_its_row_and_column() -> None:
    flat = torch.arange(5, dtype=torch.uint8)[:, None, None, None] * 40 + 10
    stripe = torch.zeros(5, 3, 48, 64, dtype=torch.uint8)
    stripe[:] = flat
    stripe[:, 0, 0, 0] = 255  # the upper left corner of each
    picture = np.asarray(grid(stripe, columns=3))
    assert picture.shape == (2 * (48 + MARGIN) + MARGIN, 3 * (64 + MARGIN) + MARGIN, 3)
    for index in range(5):
        row, column = divmod(index, 3)
        top, left = row * (48 + MARGIN) + MARGIN, column * (64 + MARGIN) + MARGIN
        cell = picture[top : top + 48, left : left + 64]
        np.testing.assert_array_equal(cell, stripe[index].permute(1, 2, 0).numpy())
    assert (picture[:MARGIN] == 255).all()  # the border, and the place of the sixth, are white
    assert (picture[48 + 2 * MARGIN :, 2 * (64 + MARGIN) + MARGIN :] == 255).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_of_arrays_or_of_pictures_is_that_of_tensors(channels: int) -> None:
    images = torch.randint(256, (3, channels, 50, 60), dtype=torch.uint8)
    expected = grid(images, columns=2).tobytes()
    assert grid(images.numpy(), columns=2).tobytes() == expected
    pictures = [to_pil(image) for image in images]
    assert grid(pictures, columns=2).tobytes() == expected
    pictures[0] = pictures[0].convert("RGBA")
    assert grid(tuple(pictures), columns=2).tobytes() == expected


@pytest.mark.parametrize(
    ("images", "columns", "named"),
    [
        (torch.zeros(2, 3, 4, 4), 1, "float32 .2, 3, 4, 4.; give uint8 .*pixels.to_uint8"),
        (torch.zeros(2, 3, 4, 4, requires_grad=True), 1, "float32 .2, 3, 4, 4."),
        (torch.zeros(2, 4, 4, 3, dtype=torch.uint8), 1, "uint8 .2, 4, 4, 3.; give .*transpose"),
        (np.zeros((2, 4, 4), dtype=np.uint8), 1, "uint8 .2, 4, 4.; give"),
        (torch.zeros(2, 2, 4, 4, dtype=torch.uint8), 1, "uint8 .2, 2, 4, 4.; give"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), 0, "columns is 0; a grid has at least 1"),
        ([Image.new("I;16", (4, 4), 5000)], 1, "a picture is of mode I;16; scale it to 0 to 255"),
        ([Image.new("L", (4, 4)), Image.new("L", (4, 5))], 1, "sizes .4, 4. and .4, 5.; make"),
        ([Image.new("L", (4, 4)), "a.png"], 1, "a list of Image, str; give pictures of Pillow"),
        ([], 1, "a list of nothing; give pictures"),
        ("a.png", 1, "a list of str; give"),
        (None, 1, "images are object"),
    ],
)
def test_what_no_grid_can_be_made_of_is_refused_in_one_line(images: object, columns: int, named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        grid(images, columns)
    assert "\n" not in str(caught.value)


def test_small_images_are_enlarged_without_blur() -> None:
    image = torch.tensor([[[[0, 100], [200, 255]]]], dtype=torch.uint8)
    picture = np.asarray(grid(image, columns=1))[MARGIN:-MARGIN, MARGIN:-MARGIN, 0]
    np.testing.assert_array_equal(picture, image[0, 0].numpy().repeat(24, 0).repeat(24, 1))


def test_row_names_stand_left_of_their_rows() -> None:
    images = torch.full((4, 1, 48, 48), 128, dtype=torch.uint8)
    plain = np.asarray(grid(images, columns=2))
    named = np.asarray(grid(images, columns=2, row_names=["a cat", "Wyrm " * 5]))
    margin = named.shape[1] - plain.shape[1]
    np.testing.assert_array_equal(named[:, margin:], plain)
    ink = (named[:, :margin] < 255).any(axis=(1, 2))
    height = 48 + MARGIN
    assert ink[:height].any()
    assert ink[height:].any()
    widths = [
        (named[part, :margin] < 255).any(axis=(0, 2)).nonzero()[0].max()
        for part in (slice(0, height), slice(height, None))
    ]
    assert widths[0] < widths[1] < margin  # the longer name is whole and reaches further


def test_write_png_gives_back_the_pixels_and_makes_folders(tmp_path: Path) -> None:
    image = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8)
    path = tmp_path / "new" / "folder" / "a.png"
    write_png(to_pil(image), path)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        np.testing.assert_array_equal(np.asarray(picture), image.permute(1, 2, 0).numpy())
    assert [entry.name for entry in path.parent.iterdir()] == ["a.png"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    picture = to_pil(torch.zeros(1, 2, 2, dtype=torch.uint8))
    write_png(picture, path)
    before = path.read_bytes()

    def half(file: object, **options: object) -> None:
        file.write(b"half of a pict")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(picture, "save", half)
    with pytest.raises(UserError, match=r"a\.png: cannot be written \(No space left on device\)"):
        write_png(picture, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/folder: cannot be made"):
        write_png(to_pil(torch.zeros(1, 2, 2, dtype=torch.uint8)), tmp_path / "file" / "folder" / "a.png")


# --- names of columns -------------------------------------------------------------------------------


def ink_of(picture: Image.Image, rows: slice) -> np.ndarray:
    """The columns of pixels in which something is drawn within some rows."""
    return (np.asarray(picture)[rows] < 128).any(axis=(0, 2)).nonzero()[0]


def test_column_names_leave_the_images_as_they_are() -> None:
    images = torch.randint(0, 256, (6, 3, 48, 48), dtype=torch.uint8)
    plain = np.asarray(grid(images, 3, ["a", "b"]))
    named = np.asarray(grid(images, 3, ["a", "b"], ["x", "", "y"], ["", "z", ""]))
    line = (len(named) - len(plain)) // 2
    np.testing.assert_array_equal(named[line:-line], plain)
    assert (named[-line:] < 128).any()


def test_a_column_name_is_over_the_middle_of_its_column() -> None:
    images = torch.full((3, 1, 48, 48), 255, dtype=torch.uint8)
    for column in range(3):
        names = ["I" if index == column else "" for index in range(3)]
        for top, below, rows in [(names, None, slice(0, 26)), (None, names, slice(-24, None))]:
            found = ink_of(grid(images, 3, None, top, below), rows)
            assert abs(found.mean() - (column + 0.5) * (48 + MARGIN)) <= 2


@pytest.mark.parametrize("columns", [2, 3, 5, 10])
def test_long_column_names_stay_inside_and_apart(columns: int) -> None:
    images = torch.full((columns, 1, 48, 48), 255, dtype=torch.uint8)
    every = [["golden retriever " * 3] * columns]
    ends = [["golden retriever" * 3, *[""] * (columns - 2), "golden retriever" * 3]]
    for names in every + ends:
        found = ink_of(grid(images, columns, None, names), slice(0, 26))
        named = sum(bool(name) for name in names)
        assert found[0] > 0
        assert found[-1] < columns * 50 + 1
        # The widest gaps without ink are those between names; a name's own are narrower than 8.
        assert (np.diff(found) > 3).sum() >= named - 1


def test_a_short_column_name_is_whole() -> None:
    images = torch.full((4, 1, 48, 48), 255, dtype=torch.uint8)
    whole = ink_of(grid(images, 4, None, ["dog", "", "", ""]), slice(0, 26))
    among = ink_of(grid(images, 4, None, ["dog", "x", "x", "x"]), slice(0, 26))
    np.testing.assert_array_equal(among[: len(whole)], whole)


@pytest.mark.parametrize("size", [(64, 64), (32, 48), (9, 14), (4, 4)])
def test_images_made_small_are_pillows_within_a_level(size: tuple[int, int]) -> None:
    """Pillow rounds between its two passes, and this does not."""
    height, width = size
    images = torch.randint(0, 256, (5, 3, height, width), dtype=torch.uint8)
    found = downscale(images, 4)
    for image, small in zip(images, found, strict=True):
        picture = to_pil(image).resize((width // 4, height // 4), Image.Resampling.BILINEAR)
        difference = from_pil(picture, 3).astype(int) - small.numpy()
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
def test_an_image_of_one_level_keeps_it_made_small_or_large(level: int) -> None:
    image = torch.full((1, 1, 12, 8), level, dtype=torch.uint8)
    assert torch.equal(downscale(image, 4), image[..., :3, :2])
    for filter_ in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
        assert torch.equal(enlarge(image, 4, filter_), torch.full((1, 1, 48, 32), level, dtype=torch.uint8))


@pytest.mark.parametrize("channels", [1, 3])
def test_images_made_large_are_those_of_an_independent_filter(channels: int) -> None:
    images = torch.randint(0, 256, (2, channels, 5, 7), dtype=torch.uint8)
    found = enlarge(images, 4, Image.Resampling.BILINEAR)
    expected = F.interpolate(images.double(), scale_factor=4, mode="bilinear")
    assert found.dtype == torch.uint8
    assert (found.double() - expected).abs().max() <= 1


# --- whole names ------------------------------------------------------------------------------------


def test_names_with_accents_are_no_boxes() -> None:
    """The same picture as with a name of the font's own letters, and not that of a missing one."""
    images = torch.full((1, 1, 48, 48), 128, dtype=torch.uint8)
    plain, accented, missing, said = (
        np.asarray(grid(images, 1, [name])) for name in ("cafe", "café", "caf猫", "caf U+732B")
    )
    assert plain.shape == accented.shape  # an accent takes no room
    assert not np.array_equal(plain, accented)
    np.testing.assert_array_equal(missing, said)


def test_between_names_shows_whole_names_and_every_image() -> None:
    images = torch.arange(7, dtype=torch.uint8)[:, None, None, None].expand(7, 1, 48, 48) * 20 + 60
    above = ["automobile", "cat", "a name that is so long that it takes more than a line", *"wxyz"]
    below = ["airplane", "hippopotamus", "b", "c", "d", "e", "f"]
    picture = np.asarray(between_names(images, above, below, columns=5, widest=700))[:, :, 0]
    counts = [int((picture == 60 + 20 * number).sum()) for number in range(7)]
    assert all(48 * 48 <= count < 48 * 48 + 60 for count in counts)  # letters have greys of their own
    assert picture.shape[1] <= 700
    tall = [grid(images[:1], 1, None, [name]).height for name in above[:1]]
    assert picture.shape[0] > 2 * tall[0]  # two rows, with a name of three lines
    # A name is drawn just as a line of its own, from its first letter to its last.
    line = np.asarray(between_names(images[:1], ["automobile"], ["airplane"], 5))[:, :, 0]
    letters = font(14)
    columns = (line[:18] < 100).any(axis=0).nonzero()[0]
    assert columns.max() - columns.min() + 1 == pytest.approx(letters.getlength("automobile"), abs=3)


def test_columns_are_as_wide_as_the_longest_name_needs() -> None:
    images = torch.zeros(20, 1, 48, 48, dtype=torch.uint8)
    short = between_names(images, ["a"] * 20, ["b"] * 20, columns=10)
    long = between_names(images, ["automobile"] * 20, ["b"] * 20, columns=10)
    assert short.width < long.width <= 1200
    narrow = between_names(images, ["x" * 24] * 20, ["b"] * 20, columns=10)
    assert narrow.width <= 1200
    assert narrow.height > long.height  # fewer in a row
