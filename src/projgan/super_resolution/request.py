"""What may be asked of a run that enlarges: images, or how well it does it."""

from typing import Annotated

from pydantic import Field, model_validator

from projgan.config.request import ImagesRequest
from projgan.request import GivenPath, NewPath, check_seed

MOST_DRAWS = 1000
MOST_MEASURED = 50_000


class SuperResolutionRequest(ImagesRequest):
    """How often images are enlarged, and where to."""

    out: NewPath
    """Folder to write to."""
    overwrite: bool = False
    """Write over what somebody else made, or another call."""
    draws: Annotated[int, Field(ge=1, le=MOST_DRAWS)] = 1
    """Outputs of each image: what is not in it is drawn anew."""
    seed: int = 0
    """Seed of the first draw; the next ones follow. One image and one seed give one output."""
    count: Annotated[int, Field(ge=2, le=MOST_MEASURED)] = 1000
    """Images to measure on, drawn by the seed; all where there are fewer."""
    classifier: GivenPath | None = None
    """File of `projgan classifier`, to say how many outputs are recognised, singly and by the mean of the
    logits over the draws."""

    @model_validator(mode="after")
    def _fits_together(self) -> "SuperResolutionRequest":
        check_seed(self.seed, self.draws)
        return self

    @property
    def seeds(self) -> list[int]:
        """One for each draw."""
        return list(range(self.seed, self.seed + self.draws))
