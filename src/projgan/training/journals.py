"""What else writes down how a run goes, beside its own files: TensorBoard."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from projgan.errors import UserError


class Journal(Protocol):
    """Where numbers and pictures of a run go as it trains."""

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers of a step, by name."""

    def picture(self, step: int, path: Path) -> None:
        """Write the sample grid of a step."""

    def close(self) -> None:
        """Write what is still held."""


class TensorBoard:
    """Event files in a folder; a run that resumes drops what was written after its step."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder), purge_step=step + 1)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """See `Journal`."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def picture(self, step: int, path: Path) -> None:
        """See `Journal`."""
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        self.writer.add_image("samples", pixels, step, dataformats="HWC")

    def close(self) -> None:
        """See `Journal`."""
        self.writer.close()


JOURNALS: dict[str, tuple[Callable[[Path, int], Journal], str]] = {
    "tensorboard": (TensorBoard, "tensorboard")
}
"""What `training.logging` can name: what makes it of a folder and a step, and the package it needs."""


def refuse_missing_journals(names: Sequence[str]) -> None:
    """See before anything is made that what is asked for is installed.

    Raises:
        UserError: it is not.
    """
    for name in names:
        if find_spec(JOURNALS[name][1]) is None:
            raise UserError(f"training.logging {name} is not installed; pip install 'projgan[{name}]'")


def open_journals(names: Sequence[str], run: Path, step: int) -> list[Journal]:
    """Open what a run writes to, each in a folder of its name in the run directory.

    Args:
        names: in `JOURNALS`.
        run: the run directory.
        step: at which the run goes on.
    """
    return [JOURNALS[name][0](run / name, step) for name in names]
