"""Which value is white, and data of fewer bits than the file has; each against values chosen by hand."""

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from projgan.data import describe, load_images
from projgan.data.decode import UnreadableImageError, decode, open_image
from projgan.data.sample_depth import stored_bits, used_bits, words_on_depth

WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1


def tiff(values: np.ndarray, bits: int, photometric: int | None, order: str = "<") -> bytes:
    """An uncompressed TIFF of grey, written from the specification; Pillow writes no negatives."""
    height, width = values.shape
    if bits == 12:
        pairs = values.reshape(-1, 2).astype(np.uint32)
        first, second = pairs[:, 0], pairs[:, 1]
        packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1)
        data = packed.astype(np.uint8).tobytes()
    else:
        data = values.astype(f"{order}u{bits // 8}").tobytes()
    tags = [(256, 3, width), (257, 3, height), (258, 3, bits), (259, 3, 1)]
    tags += [] if photometric is None else [(262, 3, photometric)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 3, height), (279, 4, len(data))]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(data) + len(data) % 2)
    entries = b""
    for tag, kind, value in tags:
        content = struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value)
        entries += struct.pack(f"{order}HHI", tag, kind, 1) + content
    body = data + b"\0" * (len(data) % 2)
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + b"\0" * 4


def opened(content: bytes) -> Image.Image:
    return open_image(content, "x.tif")


RAMP = np.array([[0, 257], [32896, 65535]])
"""In 16 bits; 0, 1, 128 and 255 of eight."""


@pytest.mark.parametrize("order", ["<", ">"])
def test_zero_may_be_white_in_sixteen_bits(order: str) -> None:
    plain = decode(opened(tiff(RAMP, 16, BLACK_IS_ZERO, order)), 2, 1)[0]
    assert plain.tolist() == [[0, 1], [128, 255]]
    if order == ">":  # which Pillow does not read
        with pytest.raises(UnreadableImageError, match="not an image of a known format"):
            opened(tiff(RAMP, 16, WHITE_IS_ZERO, order))
        return
    negative = decode(opened(tiff(RAMP, 16, WHITE_IS_ZERO, order)), 2, 1)[0]
    assert negative.tolist() == [[255, 254], [127, 0]]


def test_eight_bits_are_right_either_way() -> None:
    values = np.array([[0, 1], [128, 255]])
    assert decode(opened(tiff(values, 8, BLACK_IS_ZERO)), 2, 1)[0].tolist() == values.tolist()
    assert decode(opened(tiff(values, 8, WHITE_IS_ZERO)), 2, 1)[0].tolist() == (255 - values).tolist()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_that_does_not_say_what_is_white_is_refused(bits: int) -> None:
    with pytest.raises(UnreadableImageError, match=r"x\.tif: it does not say whether zero is black or white"):
        decode(opened(tiff(np.zeros((2, 2)), bits, None)), 2, 1, "x.tif")


def test_a_negative_that_lies_on_its_side_is_both() -> None:
    """The orientation is applied by copying, which forgets the tags."""
    values = np.array([[0, 65535]])
    content = tiff(values, 16, WHITE_IS_ZERO)
    content = content.replace(struct.pack("<HHI", 277, 3, 1), struct.pack("<HHI", 274, 3, 1))
    content = content.replace(struct.pack("<HHIHH", 274, 3, 1, 1, 0), struct.pack("<HHIHH", 274, 3, 1, 3, 0))
    image = opened(content)
    assert image.getexif()[274] == 3  # upside down
    assert decode(image, 1, 1).shape == (1, 1, 1)
    from projgan.data.decode import to_eight_bits

    assert np.asarray(to_eight_bits(opened(content), "x")).tolist() == [[0, 255]]


def test_twelve_bits_that_are_said_to_be_twelve_are_scaled_by_their_own_white() -> None:
    image = opened(tiff(np.array([[0, 16], [2056, 4095]]), 12, BLACK_IS_ZERO))
    assert stored_bits(image) == 12
    assert decode(image, 2, 1)[0].tolist() == [[0, 1], [128, 255]]


def png(array: np.ndarray) -> bytes:
    stream = BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


def colour_of_sixteen_bits(largest: int) -> bytes:
    """A PNG of 16 bits a colour, which Pillow reads but does not write."""
    import zlib

    row = b"\0" + struct.pack(">3H", 0, largest, largest // 2) * 2

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row * 2))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "stored", "used"),
    [
        (png(np.array([[0, 4095]], dtype=np.uint16)), 16, 12),
        (png(np.array([[0, 1023]], dtype=np.uint16)), 16, 10),
        (png(np.array([[0, 65535]], dtype=np.uint16)), 16, 16),
        (png(np.array([[0, 0]], dtype=np.uint16)), 16, 0),
        (png(np.array([[0, 255]], dtype=np.uint8)), 8, None),
        (colour_of_sixteen_bits(4095), 16, 12),
        (colour_of_sixteen_bits(65535), 16, 16),
        (tiff(np.array([[0, 4000]]), 16, WHITE_IS_ZERO), 16, 12),
    ],
)
def test_bits_stored_and_used(content: bytes, stored: int, used: int | None) -> None:
    image = opened(content)
    assert stored_bits(image) == stored
    if used is not None:
        decode(image, 1, 3)
        assert used_bits(image) == used


def test_one_dark_image_among_others_says_nothing() -> None:
    assert words_on_depth({}) == ""
    assert words_on_depth({16: 9, 12: 8}) == ""
    assert words_on_depth({15: 1, 14: 9}) == ""
    assert words_on_depth({16: 8, 12: 9}).startswith(
        "9 images with 16 bits a sample hold no value above 4,095"
    )
    assert words_on_depth({14: 5, 13: 2}) == (
        "7 images with 16 bits a sample hold no value above 16,383, as 14-bit data: 4 times too dark; "
        "multiply the values by 4"
    )
    assert "1 image with 16 bits a sample holds no value above 1,023, as 10-bit" in words_on_depth({9: 1})
    assert "no value above 255, as 8-bit data: 256 times too dark" in words_on_depth({0: 1, 8: 3})


WORDS = (
    "4 images with 16 bits a sample hold no value above 4,095, as 12-bit data: 16 times too dark; "
    "multiply the values by 16"
)


def test_it_is_said_before_training_and_from_the_cache_too(
    write_files: Callable[[dict[str, bytes]], Path], tmp_path: Path
) -> None:
    dark = png(np.full((8, 8), 4000, dtype=np.uint16))
    folder = write_files({f"{name}/{number}.png": dark for name in ("cat", "dog") for number in (1, 2)})
    assert WORDS in describe(folder).remarks
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        assert load_images(folder, resolution=8, channels=1, cache=cache).depth_words == WORDS


def test_a_store_of_before_has_nothing_to_say(two_classes: Path, tmp_path: Path) -> None:
    """And one of today without such images is written as before."""
    packed = load_images(two_classes, resolution=4, channels=1, cache=tmp_path / "cache")
    (manifest,) = (tmp_path / "cache").glob("*/manifest.json")
    assert "depths" not in manifest.read_text()
    assert packed.depth_words == ""
