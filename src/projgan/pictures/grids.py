"""Grids of images with their class names, and writing them to disk."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from projgan.files import make_folder, write_atomically
from projgan.pictures.pillow import to_pil

MARGIN = 2
LONGEST_NAME = 40


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
