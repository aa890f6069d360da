"""Images as bytes and as floats, grids of them with their class names, and writing them to disk.

Grey level v in 0..255 is the interval [v/128 - 1, (v+1)/128 - 1) of [-1, 1). Real images are spread over
theirs by uniform noise, as in the paper's code; `to_uint8` is the exact inverse, noise or not. (The paper's
code writes images with 127.5 x + 127.5 instead, which is darker by up to one level.)
"""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from projgan.files import make_folder, write_atomically

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


def downscale(images: Tensor, factor: int) -> Tensor:
    """Make images smaller as Pillow's BILINEAR does, within one grey level: uint8 [N, C, H, W] -> uint8.

    Each pixel is the mean under a triangle twice `factor` pixels wide. The size is H // factor
    and W // factor.
    """
    size = (images.shape[2] // factor, images.shape[3] // factor)
    small = F.interpolate(images.float(), size, mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8)


def enlarge(images: Tensor, factor: int, filter_: Image.Resampling) -> Tensor:
    """Make images larger with a filter of Pillow: uint8 [N, C, H, W] -> uint8 [N, C, factor H, factor W]."""
    height, width = images.shape[2] * factor, images.shape[3] * factor
    larger = [np.asarray(to_pil(image).resize((width, height), filter_)) for image in images]
    return torch.from_numpy(np.stack(larger)).reshape(len(images), height, width, -1).permute(0, 3, 1, 2)


def to_pil(image: Tensor | np.ndarray) -> Image.Image:
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


def enlargement(height: int) -> int:
    """How many times images of this height are enlarged to be seen."""
    return max(1, math.ceil(48 / height))


def grid(
    images: Tensor,
    columns: int,
    row_names: Sequence[str] | None = None,
    column_names: Sequence[str] | None = None,
    column_names_below: Sequence[str] | None = None,
) -> Image.Image:
    """Lay images out row by row, with names in the margins; small images are enlarged to be seen.

    Args:
        images: uint8 [N, C, H, W].
        columns: images per row; the last row may be short.
        row_names: one per row, or None for no margin.
        column_names: one per column, shortened where they would meet; "" names none. None: no margin.
        column_names_below: likewise, under the last row.
    """
    height, width = images.shape[2:]
    scale = enlargement(height)
    rows = math.ceil(len(images) / columns)
    cell_height, cell_width = height * scale + MARGIN, width * scale + MARGIN
    font_size = max(11, min(20, cell_height // 3))
    font = ImageFont.load_default(size=font_size)
    row_names = [
        name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…" for name in row_names or ()
    ]
    left = math.ceil(max(font.getlength(name) for name in row_names)) + 12 if row_names else 0
    top = font_size + 10 if column_names else 0
    below = font_size + 10 if column_names_below else 0
    bottom = top + rows * cell_height + MARGIN
    canvas = Image.new("RGB", (left + columns * cell_width + MARGIN, bottom + below), "white")
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        picture = to_pil(image).resize((width * scale, height * scale), Image.Resampling.NEAREST)
        canvas.paste(picture, (left + column * cell_width + MARGIN, top + row * cell_height + MARGIN))
    draw = ImageDraw.Draw(canvas)
    for row, name in enumerate(row_names):
        draw.text((6, top + row * cell_height + cell_height / 2), name, fill="black", font=font, anchor="lm")
    for names, middle in ((column_names, top / 2), (column_names_below, bottom + below / 2)):
        for x, name in _place_names(names or (), font, cell_width, columns * cell_width):
            draw.text((left + x, middle), name, fill="black", font=font, anchor="mm")
    return canvas


def _place_names(
    names: Sequence[str], font: Any, cell_width: int, total_width: int
) -> list[tuple[float, str]]:
    """Centre each name over its column, pushed inside the picture, and short enough to touch no other."""
    named = [column for column, name in enumerate(names) if name]
    gap = min((after - before for before, after in itertools.pairwise(named)), default=len(names))
    widest = min(total_width, (gap + 1) * cell_width / 2) - 4
    placed = []
    for column in named:
        name = _shorten(names[column], font, widest)
        half = font.getlength(name) / 2
        centre = (column + 0.5) * cell_width
        placed.append((min(max(centre, half + MARGIN), total_width - half), name))
    return placed


def _shorten(name: str, font: Any, width: float) -> str:
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 1] + "…"
    while font.getlength(name) > width and len(name) > 1:
        name = name[:-2] + "…"
    return name


def write_png(picture: Image.Image, path: Path) -> None:
    """Write a PNG, making its folder if need be."""
    make_folder(path.parent)
    write_atomically(path, lambda file: picture.save(file, format="PNG"), sync=False)
