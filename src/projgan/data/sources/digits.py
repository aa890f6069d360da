"""The built-in set of 1,797 scanned digits, so that everything can be tried without a download."""

from importlib.resources import files
from pathlib import Path

import numpy as np

from projgan.data.sources.arrays import ArraySource
from projgan.data.sources.base import refuse_split_of_undivided

DIGITS = "digits"
SHADOWED = f", not from what is called so here, which is ./{DIGITS}"


def open_digits(split: str | None = None) -> ArraySource:
    """Return the digits: 1,797 grey images of 8x8 pixels in 0..255, classes "0" to "9".

    The file holds the published values 0..16; they are spread over 0..255 by `round(value * 255 / 16)`.
    See `digits/ATTRIBUTION.md` for their origin.
    """
    refuse_split_of_undivided(split, DIGITS)
    path = files("projgan") / "data" / "digits" / "digits.npz"
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        levels, labels = arrays["images"], arrays["labels"].astype(np.int64)
    pixels = np.round(levels.astype(np.float64) * 255 / 16).astype(np.uint8)
    return ArraySource(
        kind="built-in digits",
        name=DIGITS,
        location=DIGITS,
        images=pixels,
        labels=labels,
        class_names=tuple(str(digit) for digit in range(10)),
        classes_from="the built-in digits" + (SHADOWED if Path(DIGITS).exists() else ""),
    )
