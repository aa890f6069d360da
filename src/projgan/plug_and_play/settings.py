"""How an inverting generator is trained: frozen, checked once, kept in its file."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from projgan.errors import UserError

Positive = Annotated[int, Field(gt=0, le=100_000_000)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class InverterSettings(BaseModel):
    """Everything a trained inverting generator follows from, besides its images, encoder and device."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    width: Annotated[int, Field(gt=0, le=1024)] | None = None
    """Base width of generator and discriminator in place of the tables'."""
    steps: Positive = 2000
    """Updates of each network."""
    batch_size: Positive = 64
    """Images of one update."""
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5e-4
    """Of Adam in the first half of the steps; it falls to zero in a straight line in the second."""
    image_weight: Weight = 1.0
    """Of the squared error of the pixels."""
    feature_weight: Weight = 1.0
    """Of the squared error of the encoder's maps, relative to their square."""
    adversarial_weight: Weight = 0.1
    """Of the adversarial loss."""
    flip: bool = False
    """Show images mirrored at random: for photographs, not for digits or letters."""
    seed: int = 0
    """Of weights and order, and of what is held out where the data has no test part."""


def check_settings(**settings: Any) -> InverterSettings:
    """Return checked settings.

    Raises:
        UserError: one is out of its range; it names the option of the command.
    """
    try:
        return InverterSettings(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise UserError(f"{option}: {first['msg']}, not {first['input']}") from None
