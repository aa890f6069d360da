"""What the networks are given beside each image: a label, several classes, a vector, or a smaller image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from projgan.data.empty_classes import empty_classes
from projgan.errors import UserError


class Labelled(Protocol):
    """What is known of the images of a source or a store; see `Source` and `PackedImages`."""

    @property
    def labels(self) -> np.ndarray:
        """int64 `[N]`."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """By label."""

    @property
    def conditions(self) -> np.ndarray | None:
        """float32 `[N,K]`."""

    @property
    def condition_names(self) -> tuple[str, ...]:
        """By column."""


@dataclass(frozen=True)
class Conditions:
    """The condition of every image, as networks meet it."""

    values: np.ndarray
    """int64 labels `[N]`, or float32 `[N,K]`; labels too where the stream makes the condition itself."""
    names: tuple[str, ...]
    """Of the classes or of the columns."""
    empty: tuple[int, ...] = ()
    """Labels, or columns of several classes, that no image has."""
    means: tuple[float, ...] | None = None
    """Of the columns, in the units of the data, where they were standardised."""
    deviations: tuple[float, ...] | None = None
    """Standard deviations, likewise; value = mean + deviation * what the networks meet."""


def one_class(data: Labelled) -> Conditions:
    """One label per image."""
    empty = empty_classes(data.labels, len(data.class_names))
    return Conditions(data.labels, data.class_names, empty)


def several_classes(data: Labelled) -> Conditions:
    """0 or 1 per class and image."""
    values = conditions_of(data)
    return Conditions(values, data.condition_names, tuple(np.flatnonzero(~values.any(axis=0)).tolist()))


def standardized_vectors(data: Labelled) -> Conditions:
    """Every column with mean 0 and variance 1 over the images.

    Raises:
        UserError: a column that is the same for every image.
    """
    values = conditions_of(data).astype(np.float64)
    means, deviations = values.mean(axis=0), values.std(axis=0)
    constant = np.flatnonzero((values.min(axis=0) == values.max(axis=0)) | ~(deviations > 0))
    if len(constant):
        raise UserError(
            f"column {data.condition_names[constant[0]]!r} is the same for every image, so nothing can be "
            "learned of it; leave it out of --data.condition-columns"
        )
    standardized = standardize(values, means.tolist(), deviations.tolist())
    units = tuple(means.tolist()), tuple(deviations.tolist())
    return Conditions(standardized, data.condition_names, (), *units)


def standardize(values: np.ndarray, means: Sequence[float], deviations: Sequence[float]) -> np.ndarray:
    """Return `(value - mean) / deviation` of every column, float32 `[N,K]`."""
    return ((values.astype(np.float64) - np.array(means)) / np.array(deviations)).astype(np.float32)


def conditions_of(data: Labelled) -> np.ndarray:
    """Return what the columns of the condition hold, float32 `[N,K]`."""
    assert data.conditions is not None, "the source was opened for one class per image"
    return data.conditions


def made_of_the_image(data: Labelled) -> Conditions:
    """The condition is the image itself at low resolution, which `PairStream` makes; it has no names."""
    return Conditions(data.labels, ())


CONDITION_KINDS: dict[str, Callable[[Labelled], Conditions]] = {
    "class": one_class,
    "multi-hot": several_classes,
    "vector": standardized_vectors,
    "low-resolution": made_of_the_image,
}
"""What may be known of an image, by the name used in configurations."""
