"""How a classifier is trained: frozen, checked once, kept in its file."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from projgan.config import Fit
from projgan.data import native_form, open_source
from projgan.errors import UserError
from projgan.networks.classifier import MAX_RESOLUTION, MIN_RESOLUTION

Positive = Annotated[int, Field(gt=0, le=1_000_000)]


class ClassifierSettings(BaseModel):
    """Everything a trained classifier follows from, besides its images and the device."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    resolution: Annotated[int, Field(ge=MIN_RESOLUTION, le=MAX_RESOLUTION)]
    """Height and width in pixels."""
    channels: Literal[1, 3]
    """1 for grey, 3 for RGB."""
    fit: Fit = "crop"
    """What becomes of images that are not square."""
    width: Annotated[int, Field(gt=0, le=4096)] = 128
    """Channels of the last stage, and length of the features."""
    epochs: Positive = 20
    """Passes over the training images."""
    batch_size: Positive = 128
    """Images of one update."""
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.01
    """Of AdamW at its peak, a fifth of the way; it rises to it and falls to zero in straight lines."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    """Of the kernels and the linear layer, not of norms and biases."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the target that is spread over all classes."""
    flip: bool = False
    """Show every other epoch's images mirrored: for photographs, not for digits or letters."""
    shift: Annotated[int, Field(ge=0, lt=MIN_RESOLUTION)] = 0
    """Largest number of pixels an image is moved up, down, left or right; reflection fills the edge."""
    seed: int = 0
    """Of weights, order and augmentation, and of what is held out where the data has no test part."""


def choose_settings(
    location: str,
    out: Path,
    progress: Callable[[int, int], None] | None = None,
    *,
    resolution: int | None,
    channels: int | None,
    shift: int | None,
    **others: Any,
) -> ClassifierSettings:
    """Return checked settings; what is None is chosen by the images, from their headers alone.

    Raises:
        UserError: a setting out of its range, no images, images of several sizes and no resolution given,
            or an `out` that is a folder.
    """
    if out.is_dir():
        raise UserError(f"{out} is a folder; give --out the name of a file in it")
    if resolution is None or channels is None:
        form = native_form(open_source(location), progress)
        resolution = _allowed(form.resolution, location) if resolution is None else resolution
        channels = form.channels if channels is None else channels
    if shift is None:
        shift = min(resolution // 16, MIN_RESOLUTION - 1)
    try:
        return ClassifierSettings(resolution=resolution, channels=channels, shift=shift, **others)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise UserError(f"{option}: {first['msg']}, not {first['input']}") from None


def _allowed(resolution: int | None, location: str) -> int:
    if resolution is None:
        raise UserError(
            f"{location}: the images are not all squares of one size; give --resolution, such as 32"
        )
    if not MIN_RESOLUTION <= resolution <= MAX_RESOLUTION:
        raise UserError(
            f"{location}: the images are {resolution}x{resolution}, and a classifier takes "
            f"{MIN_RESOLUTION} to {MAX_RESOLUTION} pixels; give --resolution"
        )
    return resolution
