"""Grids of images with their class names, and writing them to disk."""

import itertools
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from torch import Tensor

from projgan.errors import UserError
from projgan.files import make_folder, write_atomically
from projgan.pictures.lettering import font, legible
from projgan.pictures.pillow import Pictures, as_bytes, save_png, to_pil

MARGIN = 2
LONGEST_NAME = 40
GAP = 16
"""Pixels between two rows of images with names of their own."""
LINE, MOST_LINES = 24, 8
"""Letters of a line of a name that is broken, and lines: as many as any name has that a person gives."""


def enlargement(height: int) -> int:
    """How many times images of this height are enlarged to be seen."""
    return max(1, math.ceil(48 / height))


def grid(
    images: Pictures,
    columns: int,
    row_names: Sequence[str] | None = None,
    column_names: Sequence[str] | None = None,
    column_names_below: Sequence[str] | None = None,
) -> Image.Image:
    """Lay images out row by row, with names in the margins; small images are enlarged to be seen.

    Args:
        images: uint8 [N, 1 or 3, H, W], or pictures of Pillow of one size.
        columns: images per row, at least 1; the last row may be short.
        row_names: one per row, or None for no margin.
        column_names: one per column, shortened where they would meet; "" names none. None: no margin.
        column_names_below: likewise, under the last row.

    Raises:
        UserError: images of another form, or no column.
    """
    images = as_bytes(images.detach().cpu() if isinstance(images, Tensor) else images)
    if columns < 1:
        raise UserError(f"columns is {columns}; a grid has at least 1")
    height, width = images.shape[2:]
    scale = enlargement(height)
    rows = math.ceil(len(images) / columns)
    cell_height, cell_width = height * scale + MARGIN, width * scale + MARGIN
    font_size = _font_size(cell_height)
    letters = font(font_size)
    row_names = [_cut(legible(name)) for name in row_names or ()]
    left = math.ceil(max(letters.getlength(name) for name in row_names)) + 12 if row_names else 0
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
        draw.text(
            (6, top + row * cell_height + cell_height / 2), name, fill="black", font=letters, anchor="lm"
        )
    for names, middle in ((column_names, top / 2), (column_names_below, bottom + below / 2)):
        for x, name in _place_names(names or (), letters, cell_width, columns * cell_width):
            draw.text((left + x, middle), name, fill="black", font=letters, anchor="mm")
    return canvas


def _place_names(
    names: Sequence[str], letters: Any, cell_width: int, total_width: int
) -> list[tuple[float, str]]:
    """Centre each name over its column, pushed inside the picture, and short enough to touch no other."""
    named = [column for column, name in enumerate(names) if name]
    gap = min((after - before for before, after in itertools.pairwise(named)), default=len(names))
    widest = min(total_width, (gap + 1) * cell_width / 2) - 4
    placed = []
    for column in named:
        name = _shorten(legible(names[column]), letters, widest)
        half = letters.getlength(name) / 2
        centre = (column + 0.5) * cell_width
        placed.append((min(max(centre, half + MARGIN), total_width - half), name))
    return placed


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _shorten(name: str, letters: Any, width: float) -> str:
    name = _cut(name)
    while letters.getlength(name) > width and len(name) > 1:
        name = name[:-2] + "…"
    return name


def _font_size(cell_height: int) -> int:
    return max(11, min(18, cell_height * 3 // 10))


def between_names(
    images: Tensor, above: Sequence[str], below: Sequence[str], columns: int, widest: int = 1200
) -> Image.Image:
    """Lay images out row by row, each between two names that are whole: long ones are broken into lines.

    Args:
        images: uint8 [N, C, H, W], N >= 1.
        above: one per image.
        below: one per image.
        columns: images per row, or fewer where their names need the room.
        widest: of the picture in pixels, unless one image or name alone is wider.
    """
    scale = enlargement(images.shape[2])
    height, width = images.shape[2] * scale, images.shape[3] * scale
    letters = font(_font_size(height))
    line = math.ceil(sum(letters.getmetrics()))
    blocks = [[_broken(name) for name in names] for names in (above, below)]
    longest = max(letters.getlength(part) for block in blocks for name in block for part in name)
    cell = max(width, math.ceil(longest) + 3 * MARGIN) + MARGIN
    columns = max(1, min(columns, widest // cell, len(images)))
    rows = [range(start, min(start + columns, len(images))) for start in range(0, len(images), columns)]
    heights = [[max(len(block[index]) for index in row) * line for block in blocks] for row in rows]
    total = sum(head + height + foot + GAP for head, foot in heights) + MARGIN
    canvas = Image.new("RGB", (columns * cell + MARGIN, total), "white")
    draw, top = ImageDraw.Draw(canvas), MARGIN
    for row, (head, foot) in zip(rows, heights, strict=True):
        for place, index in enumerate(row):
            centre = MARGIN + place * cell + cell // 2
            picture = to_pil(images[index]).resize((width, height), Image.Resampling.NEAREST)
            canvas.paste(picture, (centre - width // 2, top + head + MARGIN))
            names, bottom = [block[index] for block in blocks], top + head + height + 2 * MARGIN
            for parts, start in ((names[0], top + head - len(names[0]) * line), (names[1], bottom)):
                for number, part in enumerate(parts):
                    middle = start + number * line + line / 2
                    draw.text((centre, middle), part, fill="black", font=letters, anchor="mm")
        top += head + height + foot + GAP
    return canvas


def _broken(name: str) -> list[str]:
    lines = textwrap.wrap(legible(name), LINE) or [""]
    return lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], lines[MOST_LINES - 1][:-1] + "…"]


def write_png(picture: Image.Image, path: Path) -> None:
    """Write a PNG, making its folder if need be."""
    make_folder(path.parent)
    write_atomically(path, lambda file: save_png(picture, file), sync=False)
