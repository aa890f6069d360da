"""What is on the page of `projgan explore`, and a run for it to show."""

import base64
import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

from fabricated_runs import fabricate, metric_row
from projgan.pictures.grids import write_png
from projgan.storage.run_directory import RunDirectory


def pixels_in(html: str) -> list[np.ndarray]:
    """Every picture of a piece of the page, as uint8 [H, W] or [H, W, 3]."""
    found = re.findall(r'<img[^>]* src="data:image/png;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))) for content in found]


def followed_run(path: Path, names: tuple[str, ...] = tuple("0123456789")) -> Path:
    """A run with losses, numbers and two sample grids, the newer of which is white."""
    rows = [metric_row("fd", 40.0, 500), metric_row("fd", 20.0, 1000, standard_error=0.5)]
    fabricate(path, rows, class_names=names)
    for step, grey in ((500, 0), (1000, 255)):
        write_png(Image.new("L", (40, 30), grey), RunDirectory(path).samples_at(step))
    return path
