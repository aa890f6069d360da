"""What may be asked when an image is to be found in a generator."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from projgan.config import Fit
from projgan.errors import UserError
from projgan.request import NewPath, Request, check_seed


class InversionRequest(Request):
    """How an image is searched for, and where what is found goes."""

    class_name: Annotated[str | None, Field(alias="class")] = None
    """The class, where it is known; found if not given."""
    mix: bool = False
    """Let the class be a mixture of all."""
    features: str = "pixels"
    """What is compared beside the pixels: `discriminator` (of the run), `imagenet` (of the extra
    `pretrained`), `classifier:FILE`, or nothing, `pixels`."""
    feature_weight: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] = 1.0
    """Of these features, where pixels count as 1."""
    starts: Annotated[int, Field(ge=1, le=256)] = 8
    """Latents to begin with; more find a better one, and take longer."""
    steps: Annotated[int, Field(ge=1, le=100_000)] = 400
    """Of gradient descent; half as many follow for the classes found."""
    fit: Fit | None = None
    """What becomes of an image that is not square; as the generator was trained, if not given."""
    seed: int = 0
    """Of the images that starts are chosen from."""
    out: NewPath = Path("inversion")
    """Folder to write."""
    overwrite: bool = False
    """Write over what another call found or somebody else made."""

    @model_validator(mode="after")
    def _fits_together(self) -> "InversionRequest":
        check_seed(self.seed, 1)
        if self.mix and self.class_name is not None:
            raise UserError("--mix finds a mixture of all classes; leave --class out, or --mix")
        return self
