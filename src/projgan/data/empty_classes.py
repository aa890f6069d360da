"""Declared classes that no image has: nothing is learned of them, so nothing is generated of them."""

from collections.abc import Sequence

import numpy as np

from projgan.errors import listed


def empty_classes(labels: np.ndarray, num_classes: int) -> tuple[int, ...]:
    """Return the labels in 0..num_classes-1 that are not among `labels`, int64 `[N]`."""
    return tuple(np.flatnonzero(np.bincount(labels, minlength=num_classes) == 0).tolist())


def words_on_empty(names: Sequence[str], declared: int) -> str:
    """Say in one line which of the `declared` classes have no images; "" where each has some."""
    if not names:
        return ""
    have, are = ("has", "is") if len(names) == 1 else ("have", "are")
    return f"{len(names)} of {declared} classes {have} no images and {are} left out: {listed(names)}"
