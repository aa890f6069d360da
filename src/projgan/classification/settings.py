"""How a classifier is trained: frozen, checked once, kept in its file."""

from typing import Annotated, Literal

from pydantic import Field

from projgan.config import Fit
from projgan.config.sections import Number
from projgan.networks.shapes import MAX_RESOLUTION, MIN_RESOLUTION
from projgan.request import Request

Positive = Annotated[int, Field(ge=1, le=1_000_000)]
Resolution = Annotated[int, Field(ge=MIN_RESOLUTION, le=MAX_RESOLUTION)]
Channels = Annotated[Literal[1, 3], Number]
Shift = Annotated[int, Field(ge=0, le=MIN_RESOLUTION - 1)]


class ClassifierRecipe(Request):
    """What does not depend on the images."""

    fit: Fit = "crop"
    """What becomes of images that are not square: their centre square, all of them on black, or stretched."""
    width: Annotated[int, Field(ge=1, le=4096)] = 128
    """Channels of the last stage, and number of features; the cost goes with its square. 512 wants a GPU."""
    epochs: Positive = 20
    """Passes over the training images."""
    batch_size: Positive = 128
    """Images of one update."""
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.01
    """Of AdamW at its peak, a fifth of the way; it rises to it and falls to zero in straight lines."""
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.05
    """Of the kernels and the linear layer, not of norms and biases."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the target that is spread over all classes."""
    flip: bool = False
    """Show every other epoch's images mirrored: for photographs, not for digits or letters."""
    seed: int = 0
    """Of weights, order and augmentation, and of what is held out where the data has no test part."""


class ClassifierSettings(ClassifierRecipe):
    """Everything a trained classifier follows from, besides its images and the device."""

    resolution: Resolution
    """Height and width in pixels."""
    channels: Channels
    """1 for grey, 3 for RGB."""
    shift: Shift = 0
    """Largest number of pixels an image is moved up, down, left or right; reflection fills the edge."""
