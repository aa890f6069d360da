"""How an inverting generator is trained: frozen, checked once, kept in its file."""

from typing import Annotated

from pydantic import Field

from projgan.request import Request

Positive = Annotated[int, Field(ge=1, le=100_000_000)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class InverterSettings(Request):
    """Everything a trained inverting generator follows from, besides its images, encoder and device."""

    width: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Base width of generator and discriminator; those of the architecture if not given."""
    steps: Positive = 2000
    """Updates of each network."""
    batch_size: Positive = 64
    """Images of one update."""
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5e-4
    """Of Adam in the first half of the steps; it falls to zero in a straight line in the second."""
    image_weight: Weight = 1.0
    """Of the squared error of the pixels."""
    feature_weight: Weight = 1.0
    """Of the squared error of the classifier's last maps, relative to their square."""
    adversarial_weight: Weight = 0.1
    """Of the adversarial loss."""
    flip: bool = False
    """Show images mirrored at random: for photographs, not for digits or letters."""
    seed: int = 0
    """Of weights and order, and of what is held out where the data has no test part."""
