"""What a network's file says about itself: all that is needed to use it, and where it came from."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from projgan.data.standardization import Checked, Finite, Standardization
from projgan.version import VERSION

NetworkKind = Literal[
    "generator",
    "discriminator",
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
    provenance: Provenance
    accuracy: Accuracy | None = None
    """Of a classifier."""
    inversion: Inversion | None = None
    """Of an inverting generator."""


def versions() -> dict[str, str]:
    """Return the versions of what trains and measures."""
    import torch  # takes a second, and a description can be read without it

    return {"projgan": VERSION, "torch": torch.__version__}
