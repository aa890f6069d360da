"""Images as bytes, and as pictures of Pillow; what only reads images needs no torch."""

from typing import IO

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from projgan.overwriting import SIGN


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


def save_png(picture: Image.Image, file: IO[bytes], *, optimize: bool = False) -> None:
    """Write a PNG that says what made it."""
    said = PngInfo()
    said.add_text("Comment", SIGN)
    picture.save(file, format="PNG", optimize=optimize, pnginfo=said)
