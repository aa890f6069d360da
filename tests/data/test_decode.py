import struct
import zlib
from io import BytesIO
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from projgan.config import Fit
from projgan.data import decode as decoding
from projgan.data.decode import ENLARGED, FITS, MAX_PIXELS, UnreadableImageError, decode, open_image


def through_file(image: Image.Image, kind: str, **options) -> Image.Image:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return open_image(stream.getvalue(), "x")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_an_image_of_the_right_size_keeps_every_pixel(ramp, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    image = through_file(Image.fromarray(ramp), kind, **options)
    assert np.array_equal(decode(image, 4, 3), ramp.transpose(2, 0, 1))


def test_the_centre_square_is_cut_by_the_short_side():
    columns = np.zeros((2, 7), dtype=np.uint8) + np.arange(7, dtype=np.uint8) * 10
    assert decode(Image.fromarray(columns), 2, 1)[0].tolist() == [[20, 30], [20, 30]]
    assert decode(Image.fromarray(columns.T.copy()), 2, 1)[0].tolist() == [[20, 20], [30, 30]]


def test_padding_keeps_all_of_it_in_the_middle_of_black():
    image = np.array([[10, 20, 30, 40], [50, 60, 70, 80]], dtype=np.uint8)
    wide = [[0] * 4, [10, 20, 30, 40], [50, 60, 70, 80], [0] * 4]
    assert decode(Image.fromarray(image), 4, 1, how="pad")[0].tolist() == wide
    tall = decode(Image.fromarray(image.T.copy()), 4, 1, how="pad")[0]
    assert tall.tolist() == np.transpose(wide).tolist()
    odd = decode(Image.fromarray(image[:1]), 4, 1, how="pad")[0]  # three rows left: one above, two below
    assert odd.tolist() == [[0] * 4, [10, 20, 30, 40], [0] * 4, [0] * 4]


def test_padding_scales_by_the_long_side_and_keeps_a_pixel_of_the_short_one():
    flat = Image.fromarray(np.full((30, 60, 3), 7, dtype=np.uint8))
    pixels = decode(flat, 10, 3, how="pad")
    assert (pixels[:, 2:7] == 7).all()  # 30 / 60 of 10 rows, from (10 - 5) // 2 on
    assert (pixels[:, :2] == 0).all()
    assert (pixels[:, 7:] == 0).all()
    thread = decode(Image.fromarray(np.full((1, 300), 9, dtype=np.uint8)), 8, 1, how="pad")[0]
    assert [row.tolist() for row in thread if row.any()] == [[9] * 8]


def test_stretching_shows_all_of_it_out_of_shape():
    image = np.array([[0, 100, 200, 240], [0, 100, 200, 240]], dtype=np.uint8)
    # Halving the width, the triangle filter weighs pixels 3, 3, 1 and 1, 3, 3 of 7 at the borders.
    expected = [round((3 * 100 + 200) / 7), round((100 + 3 * 200 + 3 * 240) / 7)]
    assert decode(Image.fromarray(image), 2, 1, how="stretch")[0].tolist() == [expected] * 2
    rows = decode(Image.fromarray(image.T.copy()), 2, 1, how="stretch")[0]
    assert rows.tolist() == np.transpose([expected] * 2).tolist()


@pytest.mark.parametrize("how", FITS)
def test_however_fitted_a_square_of_the_right_size_keeps_every_pixel(ramp, how):
    assert np.array_equal(decode(Image.fromarray(ramp), 4, 3, how=how), ramp.transpose(2, 0, 1))


def test_what_is_offered_is_what_is_there():
    assert set(get_args(Fit)) == FITS.keys() == ENLARGED.keys()


def test_reducing_is_antialiased():
    # Halving, the triangle filter weighs pixels (1, 3, 3, 1), and what lies inside of them at the borders.
    weights = np.array([[3, 3, 1, 0, 0, 0], [0, 1, 3, 3, 1, 0], [0, 0, 0, 1, 3, 3]], dtype=np.float64)
    weights /= weights.sum(1, keepdims=True)
    image = np.random.default_rng(0).integers(0, 256, (6, 6), dtype=np.uint8)
    expected = weights @ image @ weights.T
    assert np.abs(decode(Image.fromarray(image), 3, 1)[0] - expected).max() < 1.01


def test_enlarging_interpolates_linearly():
    edge = Image.fromarray(np.array([[0, 100], [0, 100]], dtype=np.uint8))
    assert decode(edge, 4, 1)[0, 0].tolist() == [0, 25, 75, 100]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [[1, 2], [3, 4]]),
        (2, [[2, 1], [4, 3]]),
        (3, [[4, 3], [2, 1]]),
        (4, [[3, 4], [1, 2]]),
        (5, [[1, 3], [2, 4]]),
        (6, [[3, 1], [4, 2]]),
        (7, [[4, 2], [3, 1]]),
        (8, [[2, 4], [1, 3]]),
    ],
)
def test_exif_orientation_is_applied(orientation, expected):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = through_file(
        Image.fromarray(np.array([[1, 2], [3, 4]], dtype=np.uint8)), "PNG", exif=exif.tobytes()
    )
    assert decode(image, 2, 1)[0].tolist() == expected


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_cost_the_image():
    image = through_file(Image.new("L", (2, 2), 7), "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert np.all(decode(image, 2, 1) == 7)


def test_palette():
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    assert decode(through_file(image, "PNG"), 2, 3)[:, 0, 0].tolist() == [10, 20, 30]


def test_palette_with_a_transparent_colour_is_laid_over_white():
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((0, 0), 0)
    pixels = decode(through_file(image, "GIF", transparency=0), 2, 3)
    assert pixels[:, 0, 0].tolist() == [255, 255, 255]
    assert pixels[:, 1, 1].tolist() == [10, 20, 30]


def test_sixteen_bits_with_a_transparent_value_are_laid_over_white():
    values = np.array([[0, 257], [32896, 65535]], dtype=np.uint16)
    for transparent, expected in ((257, [[0, 255], [128, 255]]), (0, [[255, 1], [128, 255]])):
        image = through_file(Image.fromarray(values), "PNG", transparency=transparent)
        assert image.info["transparency"] == transparent
        assert decode(image, 2, 1)[0].tolist() == expected
        assert decode(image, 2, 3)[2].tolist() == expected


def test_alpha_is_laid_over_white():
    half_black = through_file(Image.new("RGBA", (2, 2), (0, 0, 0, 128)), "PNG")
    assert decode(half_black, 2, 3)[:, 0, 0].tolist() == [127, 127, 127]
    clear = through_file(Image.new("LA", (2, 2), (9, 0)), "PNG")
    assert np.all(decode(clear, 2, 1) == 255)
    opaque = through_file(Image.new("LA", (2, 2), (9, 255)), "PNG")
    assert np.all(decode(opaque, 2, 1) == 9)


def test_cmyk():
    image = through_file(Image.new("CMYK", (2, 2), (255, 0, 0, 0)), "TIFF")
    assert decode(image, 2, 3)[:, 0, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind):
    values = np.array([[0, 257], [32896, 65535]], dtype=np.uint16)
    assert decode(through_file(Image.fromarray(values), kind), 2, 1)[0].tolist() == [[0, 1], [128, 255]]


def test_sixteen_bits_round_to_the_nearest_of_eight():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.floor(every.astype(np.float64) * 255 / 65535 + 0.5)
    assert np.array_equal(decode(Image.fromarray(every), 256, 1)[0], expected)


def test_one_bit():
    image = Image.new("1", (2, 2), 1)
    image.putpixel((0, 0), 0)
    assert decode(through_file(image, "PNG"), 2, 1)[0].tolist() == [[0, 255], [255, 255]]


def test_grey_becomes_rgb_and_rgb_becomes_grey_by_luma():
    assert decode(Image.new("L", (2, 2), 77), 2, 3)[:, 0, 0].tolist() == [77, 77, 77]
    # ITU-R 601: 0.299 R + 0.587 G + 0.114 B
    assert decode(Image.new("RGB", (2, 2), (100, 50, 200)), 2, 1)[0, 0, 0] == round(29.9 + 29.35 + 22.8)
    assert decode(Image.new("RGB", (2, 2), (0, 255, 0)), 2, 1)[0, 0, 0] == 150


def test_the_first_frame_of_an_animation_is_taken():
    frames = [Image.new("L", (2, 2), value) for value in (40, 90)]
    for kind in ("GIF", "TIFF", "PNG"):
        image = through_file(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.all(decode(image, 2, 1) == 40)


def test_the_result_is_contiguous_and_writable_uint8():
    pixels = decode(Image.new("RGB", (5, 3)), 2, 3)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (3, 2, 2)
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_without_a_known_white_are_refused(mode):
    image = through_file(Image.new(mode, (2, 2), 300), "TIFF")
    with pytest.raises(UnreadableImageError, match=r"scan\.tif: .*32-bit .*save it with 8 or 16 bits"):
        decode(image, 2, 1, "scan.tif")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_truncated_file_is_named(kind):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    stream = BytesIO()
    Image.fromarray(noise).save(stream, kind)
    with pytest.raises(UnreadableImageError, match=r"^cat/a\.png: ") as caught:
        decode(open_image(stream.getvalue()[:-600], "cat/a.png"), 64, 3, "cat/a.png")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [b"heic", b"mif1", b"avif"])
def test_a_phones_picture_under_the_name_of_a_jpeg_is_named_with_the_remedy(kind):
    words = r"^a\.jpg: HEIC or AVIF, which is not read: convert it to JPEG$"
    with pytest.raises(UnreadableImageError, match=words):
        open_image(b"\0\0\0\x18ftyp" + kind, "a.jpg")
    with pytest.raises(UnreadableImageError, match="not an image of a known format"):
        open_image(b"\0\0\0\x18ftypmp42", "a.jpg")


@pytest.mark.parametrize("content", [b"", b"no image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_what_is_no_image_is_named(content):
    with pytest.raises(UnreadableImageError, match=r"a\.png: not an image of a known format"):
        open_image(content, "a.png")


def png_of_declared_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [8193, 11000, 60000])
def test_a_decompression_bomb_is_refused_from_its_header(side, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("pixels were decoded"))
    with pytest.raises(UnreadableImageError, match=r"bomb\.png: .*more than the 67,108,864 pixels"):
        open_image(png_of_declared_size(side, side), "bomb.png")


def test_the_limit_itself_is_accepted():
    assert open_image(png_of_declared_size(8192, 8192), "x").size == (8192, 8192)
    assert MAX_PIXELS == 8192 * 8192


def test_our_own_mistakes_are_not_blamed_on_the_image(monkeypatch):
    def broken(*arguments):
        raise AssertionError("ours")

    monkeypatch.setattr(decoding, "fit", broken)
    with pytest.raises(AssertionError, match="ours"):
        decode(Image.new("L", (2, 2)), 2, 1)


def test_control_characters_of_a_name_do_not_reach_the_terminal():
    with pytest.raises(UnreadableImageError) as caught:
        open_image(b"x", "a\n\x1b[2Jb.png")
    assert str(caught.value).startswith(r"a\n\x1b[2Jb.png: not an image")
