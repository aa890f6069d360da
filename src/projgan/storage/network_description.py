"""What a network's file says about itself: all that is needed to use it, and where it came from."""

import itertools
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from projgan.data.empty_classes import words_on_empty
from projgan.data.standardization import Standardization
from projgan.names import composed
from projgan.stored import Checked, Finite
from projgan.version import VERSION

NetworkKind = Literal[
    "generator",
    "discriminator",
    "projected discriminator",
    "classifier",
    "feature inverter",
    "super-resolution generator",
    "super-resolution discriminator",
]


class Provenance(Checked):
    """Where the weights came from."""

    data: str
    """Name of the data set."""
    data_fingerprint: str
    """Checksum of the data set, its resolution and its channels."""
    step: int
    """Updates done of the generator, or of the classifier."""
    images_seen: int
    """Real images the discriminator, or the classifier, has seen."""
    averaged: bool
    """Whether these are an exponential moving average of the trained weights."""
    settings: dict[str, Any]
    """The whole configuration of the training."""
    versions: dict[str, str]
    """projgan and torch."""


class Accuracy(Checked):
    """How many images that a classifier was not trained on it gets right."""

    split: str
    """The part of the data they are: its own "test" or "validation", or "held-out" from its training part."""
    correct: Annotated[int, Field(ge=0)]
    count: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _no_more_than_all(self) -> "Accuracy":
        if self.correct > self.count:
            raise ValueError(f"{self.correct} correct of {self.count}")
        return self

    @property
    def value(self) -> float:
        """The share of correct ones."""
        return self.correct / self.count


class Inversion(Checked):
    """What an inverting generator undoes."""

    encoder_sha256: str
    """Checksum of the classifier's weights (`weights_sha256`)."""
    largest_feature: Annotated[Finite, Field(gt=0)]
    """Of the images it was trained on: the scale of the features."""
    feature_error: Annotated[Finite, Field(ge=0)]
    """Of images it was not trained on (`projgan.plug_and_play.run.feature_error`)."""


class NetworkDescription(Checked):
    """What a network file says about itself."""

    version: Literal[1] = 1
    kind: NetworkKind
    network: dict[str, bool | int | str | None]
    """Arguments of the network of that kind."""
    class_names: Annotated[tuple[str, ...], Field(max_length=1_000_000)]
    """In the order of the labels, or of the columns of another condition; none where that is an image."""
    standardization: Standardization | None = None
    """Where the condition is a vector of real numbers."""
    empty_classes: Annotated[tuple[int, ...], Field(max_length=1_000_000)] = ()
    """Labels, or columns of several classes, of which the network has seen no image."""
    provenance: Provenance
    accuracy: Accuracy | None = None
    """Of a classifier."""
    inversion: Inversion | None = None
    """Of an inverting generator."""

    @field_validator("class_names")
    @classmethod
    def _names_are_composed(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """As data reads them; a file of before may have them apart, and even both."""
        found = tuple(map(composed, names))
        return found if len(set(found)) == len(set(names)) else names

    @model_validator(mode="after")
    def _empty_classes_are_some_of_them(self) -> "NetworkDescription":
        empty, count = self.empty_classes, len(self.class_names)
        if empty and not (
            all(one < other for one, other in itertools.pairwise((-1, *empty, count))) and len(empty) < count
        ):
            raise ValueError("empty_classes are not some of the classes, in order")
        return self

    @property
    def words_on_empty(self) -> str:
        """Which of its classes it has seen no image of, in one line; "" where it has seen all."""
        return words_on_empty(
            [self.class_names[label] for label in self.empty_classes], len(self.class_names)
        )

    @property
    def present_classes(self) -> list[int]:
        """Labels, or columns, of which there were images: those that can be asked for."""
        empty = set(self.empty_classes)
        return [label for label in range(len(self.class_names)) if label not in empty]


def versions() -> dict[str, str]:
    """Return the versions of what trains and measures."""
    import torch  # takes a second, and a description can be read without it

    return {"projgan": VERSION, "torch": torch.__version__}
