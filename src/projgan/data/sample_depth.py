"""How many bits a sample is stored with, and how many of them its values use: 12 of 16 look nearly black."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # tags of TIFF
_WHITE_IS_ZERO = 0
_USUAL = (8, 10, 12, 14)
"""Bits of cameras and scanners whose values come in 16."""


def stored_bits(image: Image.Image) -> int:
    """Return the bits of one sample in the file of an image whose pixels are not loaded yet."""
    if image.mode in SIXTEEN_BIT_MODES:
        return 12 if _tag(image, _BITS_PER_SAMPLE) == (12,) else 16
    if image.mode == "I" and image.format == "PNG":
        return 16
    # Pillow keeps eight of the 16 bits of a colour, and says so only in how it will unpack them.
    return 16 if any("16" in str(tile[3]) for tile in getattr(image, "tile", ())) else 8


class UnknownWhiteError(Exception):
    """It is not known which value is white."""


def largest_sample(image: Image.Image) -> int:
    """Return the largest value that a sample of a 16-bit mode can have in its file."""
    return 2**12 - 1 if _tag(image, _BITS_PER_SAMPLE) == (12,) else 2**16 - 1


def is_negative(image: Image.Image) -> bool:
    """Return whether zero is white in a grey image, as a TIFF may have it.

    Raises:
        UnknownWhiteError: a TIFF that does not say.
    """
    if image.format != "TIFF":
        return False
    if _tag(image, _PHOTOMETRIC) is None:
        raise UnknownWhiteError("it does not say whether zero is black or white; save it as PNG")
    return _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO


def _tag(image: Image.Image, number: int) -> object:
    return getattr(image, "tag_v2", {}).get(number)


def used_bits(image: Image.Image) -> int:
    """Return how many bits the largest value of a loaded image that is stored with 16 takes, in any band."""
    if image.mode in SIXTEEN_BIT_MODES or image.mode == "I":
        return int(np.asarray(image).max()).bit_length()
    colours = image.getbands()[: 1 if image.mode.startswith("L") else 3]
    largest = max(int(np.asarray(image.getchannel(band)).max()) for band in colours)
    return 8 + largest.bit_length() if largest else 0


def words_on_depth(used: Mapping[int, int]) -> str:
    """Say in one line that images stored with 16 bits come out too dark; "" where they do not.

    A single dark image among others says nothing: it takes half of them below 13 bits, or all below 15.

    Args:
        used: how many images use how many bits.
    """
    total = sum(used.values())
    for most, share in ((14, 1.0), (12, 0.5)):
        dark = {bits: count for bits, count in used.items() if bits <= most}
        count = sum(dark.values())
        if not count or count < share * total:
            continue
        bits = next(usual for usual in _USUAL if usual >= max(dark))
        factor = 2 ** (16 - bits)
        hold = "image with 16 bits a sample holds" if count == 1 else "images with 16 bits a sample hold"
        return (
            f"{count} {hold} no value above {2**bits - 1:,}, as {bits}-bit data: {factor} times too dark; "
            f"multiply the values by {factor}"
        )
    return ""
