"""Images as bytes, and as pictures of Pillow; what only reads images needs no torch."""

from collections.abc import Sequence
from typing import IO

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from projgan.errors import UserError
from projgan.overwriting import SIGN

Pictures = ArrayLike | Sequence[Image.Image]
"""uint8 [N, 1 or 3, H, W], a tensor or an array, or pictures of one size."""


def to_pil(image: ArrayLike) -> Image.Image:
    """uint8 [C, H, W] with 1 or 3 channels -> a grey or RGB picture."""
    array = np.asarray(image)
    return Image.fromarray(
        array[0] if array.shape[0] == 1 else np.ascontiguousarray(array.transpose(1, 2, 0))
    )


def from_pil(image: Image.Image, channels: int) -> np.ndarray:
    """A picture in mode "L" or "RGB" -> uint8 [channels, H, W], converted to grey or RGB if need be."""
    if channels == 1:
        return np.array(image.convert("L"), dtype=np.uint8)[None]
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8).transpose(2, 0, 1))


def as_bytes(images: Pictures) -> np.ndarray:
    """Images of any of these forms -> uint8 [N, 1 or 3, H, W]; grey where all pictures are.

    Raises:
        UserError: they are none of these.
    """
    if isinstance(images, Sequence):
        return _of_pictures(images)
    array = np.asarray(images)
    if array.dtype == np.uint8 and array.ndim == 4 and array.shape[1] in (1, 3):
        return array
    remedy = "give uint8 [N, 1 or 3, H, W]"
    if array.dtype.kind == "f":
        remedy += "; of floats in [-1, 1] they are projgan.pictures.pixels.to_uint8(images)"
    elif array.ndim == 4 and array.shape[3] in (1, 3):
        remedy += "; channels come first in images.transpose(0, 3, 1, 2)"
    raise UserError(f"images are {array.dtype} {list(array.shape)}; {remedy}")


def _of_pictures(pictures: Sequence[object]) -> np.ndarray:
    known = [picture for picture in pictures if isinstance(picture, Image.Image)]
    sizes = sorted({picture.size for picture in known})
    if not known or len(known) < len(pictures):
        of_what = {type(picture).__name__ for picture in pictures} or {"nothing"}
        raise UserError(f"images are a list of {', '.join(sorted(of_what))}; give pictures of Pillow alone")
    if len(sizes) > 1:
        raise UserError(f"images are of sizes {sizes[0]} and {sizes[-1]}; make them of one size")
    deep = [picture.mode for picture in known if picture.mode.startswith(("I", "F"))]
    if deep:  # Pillow would cut off what is above 255
        raise UserError(f"a picture is of mode {deep[0]}; scale it to 0 to 255, in mode L or RGB")
    channels = 1 if all(picture.mode in ("1", "L") for picture in known) else 3
    return np.stack([from_pil(picture, channels) for picture in known])


def save_png(picture: Image.Image, file: IO[bytes], *, optimize: bool = False) -> None:
    """Write a PNG that says what made it."""
    said = PngInfo()
    said.add_text("Comment", SIGN)
    picture.save(file, format="PNG", optimize=optimize, pnginfo=said)
