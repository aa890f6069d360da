"""Images as bytes and as floats, grids of them with their class names, and writing them to disk.

Grey level v in 0..255 is the interval [v/128 - 1, (v+1)/128 - 1) of [-1, 1). Real images are spread over
theirs by uniform noise, as in the paper's code; `to_uint8` is the exact inverse, noise or not. (The paper's
code writes images with 127.5 x + 127.5 instead, which is darker by up to one level.)
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from projgan.errors import UserError
from projgan.files import write_atomically

LEVELS = 128.0
LARGEST_NOISE = 1 - 2**-16
"""In float32 a level of 128 and more, plus anything closer to 1, would round up to the next level."""
MARGIN = 2
LONGEST_NAME = 40


def to_float(images: Tensor, noise: Tensor | None = None) -> Tensor:
    """uint8 [...] -> float32 in [-1, 1); `noise` in [0, 1) is in grey levels and of the images' shape."""
    levels = images.float()
    if noise is not None:
        levels = levels + noise.clamp(max=LARGEST_NOISE)
    return levels / LEVELS - 1


def to_uint8(images: Tensor) -> Tensor:
    """Float in [-1, 1] -> uint8: the grey level whose interval holds the value."""
    return ((images.float() + 1) * LEVELS).floor().clamp(0, 255).to(torch.uint8)


def to_pil(image: Tensor | np.ndarray) -> Image.Image:
    """uint8 [C, H, W] with 1 or 3 channels -> a grey or RGB picture."""
    array = np.asarray(image)
    return Image.fromarray(
        array[0] if array.shape[0] == 1 else np.ascontiguousarray(array.transpose(1, 2, 0))
    )


def grid(images: Tensor, columns: int, row_names: Sequence[str] | None = None) -> Image.Image:
    """Lay images out row by row, each row named in the margin; small images are enlarged to be seen.

    Args:
        images: uint8 [N, C, H, W].
        columns: images per row; the last row may be short.
        row_names: one per row, or None for no margin.
    """
    height, width = images.shape[2:]
    scale = max(1, math.ceil(48 / height))
    rows = math.ceil(len(images) / columns)
    cell_height, cell_width = height * scale + MARGIN, width * scale + MARGIN
    font = ImageFont.load_default(size=max(11, min(20, cell_height // 3)))
    margin = 0
    row_names = [
        name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…" for name in row_names or ()
    ]
    if row_names:
        margin = math.ceil(max(font.getlength(name) for name in row_names)) + 12
    canvas = Image.new("RGB", (margin + columns * cell_width + MARGIN, rows * cell_height + MARGIN), "white")
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        picture = to_pil(image).resize((width * scale, height * scale), Image.Resampling.NEAREST)
        canvas.paste(picture, (margin + column * cell_width + MARGIN, row * cell_height + MARGIN))
    draw = ImageDraw.Draw(canvas)
    for row, name in enumerate(row_names):
        draw.text((6, row * cell_height + cell_height / 2), name, fill="black", font=font, anchor="lm")
    return canvas


def write_png(picture: Image.Image, path: Path) -> None:
    """Write a PNG, making its folder if need be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot be made ({error.strerror})") from error
    write_atomically(path, lambda file: picture.save(file, format="PNG"), sync=False)
