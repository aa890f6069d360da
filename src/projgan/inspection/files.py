"""What an inspection leaves: a table of all images, and pictures of the extremes."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from projgan.files import write_atomically
from projgan.inspection.inspection import Inspection
from projgan.listening import Count, told
from projgan.pictures.grids import between_names, grid, write_png

MOST_ROWS = 100
"""Classes in a picture, the first ones; nobody looks at more."""
FILES = ("inspection.csv", "most-real.png", "least-real.png", "disputed.png")
COLUMNS = 10
"""Images of a row of suspects."""


def write_table(
    folder: Path,
    found: Inspection,
    score_name: str,
    items: Sequence[str],
    names: Sequence[str],
    written: Count | None = None,
) -> Path:
    """Write `inspection.csv`: one row an image, in the order of the data; nine digits give a float32 back.

    Args:
        folder: where; it must be there.
        found: what to write.
        score_name: what the class scores are.
        items: the images' names.
        names: the classes'.
        written: told of (rows written, all).
    """
    header = ["image", "label", "logit", "r(x)"]
    ranks = torch.empty(len(found.labels), dtype=torch.int64)
    if found.knows_classes:
        ranks[found.suspects] = torch.arange(1, len(ranks) + 1)
        header += ["posterior of label", "most likely", "dispute", "rank"]
        parts = [score_name, "posterior", *(["log p(y|x)"] if found.generated is not None else [])]
        header += [f"{part}: {name}" for part in parts for name in names]

    def cells(index: int, item: str) -> list[Any]:
        own = int(found.labels[index])
        row: list[Any] = [item, names[own], _number(found.logits[index]), _number(found.marginal[index])]
        if not found.knows_classes or found.class_scores is None:
            return row
        posterior = found.posterior[index]
        row += [_number(posterior[own]), names[int(posterior.argmax())], _number(found.dispute[index])]
        row += [int(ranks[index]), *_numbers(found.class_scores[index]), *_numbers(posterior)]
        return row if found.generated is None else row + _numbers(found.generated[index])

    def write(file: Any) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
        writer = csv.writer(text)
        writer.writerow(header)
        for index, item in enumerate(told(items, len(items), written)):
            writer.writerow(cells(index, item))
        text.flush()
        text.detach()

    path = folder / "inspection.csv"
    write_atomically(path, write)
    return path


def _number(value: Tensor) -> str:
    return f"{value.item():.9g}"


def _numbers(values: Tensor) -> list[str]:
    return [f"{value:.9g}" for value in values.tolist()]


def write_pictures(
    folder: Path, top: int, found: Inspection, images: Tensor, names: Sequence[str]
) -> list[Path]:
    """Write `most-real.png`, `least-real.png` and, if there are labels to prefer, `disputed.png`."""
    most: list[Tensor] = []
    least: list[Tensor] = []
    shown: list[str] = []
    for label, name in enumerate(names):
        positions = found.of_class(label)
        if len(positions) and len(shown) < MOST_ROWS:
            shown.append(name)
            most.append(_row(images, positions[:top], top))
            least.append(_row(images, positions.flip(0)[:top], top))
    pictures = {
        "most-real.png": grid(torch.cat(most), top, shown),
        "least-real.png": grid(torch.cat(least), top, shown),
    }
    if found.knows_classes:
        pictures["disputed.png"] = _disputed(found, images, names, top)
    for file, picture in pictures.items():
        write_png(picture, folder / file)
    return [folder / file for file in pictures]


def _row(images: Tensor, positions: Tensor, columns: int) -> Tensor:
    """The images at some positions and white ones behind them, uint8 [columns, C, R, R]."""
    row = torch.full((columns, *images.shape[1:]), 255, dtype=torch.uint8)
    row[: len(positions)] = images[positions]
    return row


def _disputed(found: Inspection, images: Tensor, names: Sequence[str], top: int) -> Image.Image:
    """The top suspects, the most disputed first, each between its own label and the suggested one."""
    positions = found.suspects[:top]
    above = [names[label] for label in found.labels[positions].tolist()]
    below = [names[label] for label in found.suggested[positions].tolist()]
    return between_names(images[positions], above, below, COLUMNS)
