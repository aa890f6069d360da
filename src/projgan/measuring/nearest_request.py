"""What may be asked about the training images nearest to generated ones."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from projgan.config.request import ImagesRequest
from projgan.errors import UserError
from projgan.request import NewPath, check_seed

MOST_GENERATED = 10_000
MOST_SHOWN = 100


class NearestRequest(ImagesRequest):
    """Which images are generated, and what is shown of those that lie nearest to real ones."""

    classes: Annotated[tuple[str, ...] | None, Field(alias="class")] = None
    """Class names, or `all`; every class if not given."""
    count: Annotated[int, Field(ge=2, le=MOST_GENERATED)] = 20
    """Generated images per class."""
    seed: int = 0
    """Seed of the first image."""
    features: str = "imagenet"
    """Feature network in which distances are taken, as for `projgan evaluate`: imagenet (of the extra
    pretrained), inception, or classifier:FILE of projgan classifier."""
    top: Annotated[int, Field(ge=1, le=MOST_SHOWN)] = 10
    """Generated images that are shown: first those nearest to a real one for how alone that lies."""
    neighbours: Annotated[int, Field(ge=1, le=MOST_SHOWN)] = 6
    """Real images beside each of them, the nearest first; all but one where there are fewer."""
    out: NewPath = Path("nearest.png")
    """PNG with a row for each image that is shown."""
    overwrite: bool = False
    """Write over what somebody else made, or another call."""

    @model_validator(mode="after")
    def _fits_together(self) -> "NearestRequest":
        if self.out.suffix.lower() != ".png":
            raise UserError(f"--out {self.out}: the picture is a PNG; give FILE.png")
        check_seed(self.seed, self.count)
        return self
