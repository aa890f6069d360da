"""From an image file of any kind to uint8 pixels of one size: orient, make 8-bit, fit into a square."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from projgan.config import Fit
from projgan.data.sample_depth import SIXTEEN_BIT_MODES, UnknownWhiteError, is_negative, largest_sample
from projgan.errors import UserError, visible
from projgan.pictures.pillow import from_pil

DECODE_VERSION = 1
"""Part of every fingerprint: raise it when the same file would give other pixels than before."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 64 * 2**20
"""Images with more pixels than this are refused from their header, before any is decoded."""

_BRANDS_OF_HEIF = (b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
"""What HEIC and AVIF files have behind `ftyp`; phones also write them under the name of a JPEG."""
_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class Unreadable:
    """An image that cannot be read, and why in a few words.

    Whoever reads many images collects these, not the errors, whose tracebacks hold on to the files' bytes.
    """

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class UnreadableImageError(UserError):
    """One image cannot be read."""

    def __init__(self, name: str, reason: str) -> None:
        self.unreadable = Unreadable(visible(name), visible(reason)[:200])
        super().__init__(str(self.unreadable))


def open_image(content: bytes, name: str) -> Image.Image:
    """Return the image in `content`, encoded, its header read but its pixels not yet.

    Raises:
        UnreadableImageError: not one of the accepted formats, or more than `MAX_PIXELS` pixels.
    """
    try:
        image = Image.open(BytesIO(content), formats=IMAGE_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableImageError(name, f"more than the {MAX_PIXELS:,} pixels accepted") from None
    except UnidentifiedImageError:
        if content[4:8] == b"ftyp" and content[8:12] in _BRANDS_OF_HEIF:
            raise UnreadableImageError(name, "HEIC or AVIF, which is not read: convert it to JPEG") from None
        formats = ", ".join(IMAGE_FORMATS)
        raise UnreadableImageError(name, f"not an image of a known format ({formats})") from None
    except Exception as error:  # Pillow's parsers raise many kinds on damaged files
        raise UnreadableImageError(name, f"cannot be opened ({error})") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(name, f"{width}x{height} is more than the {MAX_PIXELS:,} pixels accepted")
    if not width or not height:
        raise UnreadableImageError(name, "has no pixels")
    return image


def decode(
    image: Image.Image, resolution: int, channels: int, name: str = "the image", how: Fit = "crop"
) -> np.ndarray:
    """Return the pixels of `image` as uint8 `[channels, resolution, resolution]`.

    The EXIF orientation is applied, the first frame of an animation taken, transparency laid over white,
    16-bit grey scaled to 8 bits; then the image is fitted into the square (`FITS`) with an antialiased
    bilinear filter. An image already square and of the resolution keeps every pixel exactly.

    Raises:
        UnreadableImageError: the file is damaged, or its pixels have no known white (32-bit or float).
    """
    return fit(to_eight_bits(image, name), resolution, channels, how)


def to_eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Return `image` decoded and upright in mode "L" or "RGB", at its own size."""
    try:
        image.load()
        if image.mode in SIXTEEN_BIT_MODES or (image.mode == "I" and image.format == "PNG"):
            return _from_sixteen_bits(_upright(image), is_negative(image), largest_sample(image))
        if image.mode in ("1", "L"):
            is_negative(image)
        return _to_grey_or_rgb(_upright(image))
    except UserError:
        raise
    except UnknownWhiteError as error:
        raise UnreadableImageError(name, str(error)) from None
    except Exception as error:  # a decoder may raise anything on damaged or hostile bytes
        raise UnreadableImageError(name, f"cannot be decoded ({error})") from error


def fit(image: Image.Image, resolution: int, channels: int, how: Fit = "crop") -> np.ndarray:
    """Return an "L" or "RGB" image as uint8 `[channels, resolution, resolution]`, fitted as `FITS` say."""
    return from_pil(FITS[how](image, resolution), channels)


def _crop(image: Image.Image, resolution: int) -> Image.Image:
    """The centre square, cut by the short side."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    if width != height:
        image = image.crop((left, top, left + side, top + side))
    return _resized(image, (resolution, resolution))


def _pad(image: Image.Image, resolution: int) -> Image.Image:
    """All of it in its own shape, the long side as long as the square's, in the middle of black."""
    longest = max(image.size)
    width, height = (max(1, round(side * resolution / longest)) for side in image.size)
    image = _resized(image, (width, height))
    if width == height:
        return image
    square = Image.new(image.mode, (resolution, resolution))
    square.paste(image, ((resolution - width) // 2, (resolution - height) // 2))
    return square


def _stretch(image: Image.Image, resolution: int) -> Image.Image:
    """All of it, whatever its shape was."""
    return _resized(image, (resolution, resolution))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.BILINEAR)


FITS: dict[Fit, Callable[[Image.Image, int], Image.Image]] = {
    "crop": _crop,
    "pad": _pad,
    "stretch": _stretch,
}
"""How an image of any shape becomes a square one, by the name used in configurations."""
ENLARGED: dict[Fit, Callable[[tuple[int, int]], int]] = {"crop": min, "pad": max, "stretch": min}
"""The side of an image that is enlarged where it is shorter than the square's."""


def _upright(image: Image.Image) -> Image.Image:
    try:
        if image.getexif().get(_ORIENTATION_TAG, 1) == 1:
            return image
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF says nothing about the pixels: take them as they lie
        return image


def _to_grey_or_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F"):
        raise UnknownWhiteError(
            f"its pixels are 32-bit numbers (mode {image.mode}) without a known white; "
            "save it with 8 or 16 bits"
        )
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("RGB")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _from_sixteen_bits(image: Image.Image, negative: bool, largest: int) -> Image.Image:
    stored = np.asarray(image).astype(np.uint32)
    values = largest - stored if negative else stored
    # Exactly the nearest level, a half upwards; Pillow's convert would clip at 255.
    levels = ((510 * values + largest) // (2 * largest)).astype(np.uint8)
    transparent = image.info.get("transparency")  # the one value that a PNG may declare to be so
    if transparent is not None:
        levels[stored == transparent] = 255
    return Image.fromarray(levels)
