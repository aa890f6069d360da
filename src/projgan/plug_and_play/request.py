"""What may be asked of an inverter and a classifier: images of classes by steps to them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from projgan.errors import UserError
from projgan.request import GivenPath, NewPath, Request, check_seed

LARGEST_GRID = 10_000
LARGEST_ANIMATION = 400
"""Images side by side in a GIF."""
LARGEST_COUNT = 1_000_000
Strength = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PlugAndPlayRequest(Request):
    """Chains of Plug & Play Generative Networks, and where their images go."""

    classifier: GivenPath | None = None
    """File of the classifier that says where the class is, perhaps of other classes than E; E if not
    given."""
    classes: Annotated[tuple[str, ...] | None, Field(alias="class")] = None
    """Class names, or `all`; every class if not given."""
    count: Annotated[int, Field(ge=1, le=LARGEST_COUNT)] = 10
    """Images per class."""
    seed: int = 0
    """Of the first chain; chain SEED + i gives the same image whatever else is sampled."""
    steps: Annotated[int, Field(ge=1, le=LARGEST_COUNT)] = 200
    """Of each chain."""
    prior: Strength = 1e-5
    """e1, of the pull to features that images have; 0 is DGN-AM (Nguyen et al. 2016). The default is for
    4,096 features; for 128, 0.01 to 0.1 does better."""
    condition: Strength = 1.0
    """e2, of the gradient to the class."""
    noise: Strength = 1e-17
    """e3, the deviation of the noise."""
    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """A thirtieth of the clip's default if not given; 1 under the plain rule."""
    step_rule: Literal["normalized", "plain"] = "normalized"
    """`normalized` makes the entries of every step 1 in the mean, as the authors' code; `plain` does not."""
    class_gradient: Literal["own-logit", "log-probability"] = "own-logit"
    """`own-logit` follows the class's logit alone, as the authors' code; `log-probability` all of them."""
    clip: Annotated[float, Field(gt=0)] | None = None
    """Upper bound of a feature, the lower being 0; the largest of real images if not given; inf for none."""
    out: NewPath = Path("plug-and-play.png")
    """`FILE.png` for one grid with a row per class, `FILE.gif` for the chains on their way, else a folder of
    class folders of PNGs."""
    overwrite: bool = False
    """Write over what somebody else made, or another call."""

    @property
    def largest(self) -> int:
        """How many images may be asked for in all."""
        return {".png": LARGEST_GRID, ".gif": LARGEST_ANIMATION}.get(self.out.suffix.lower(), LARGEST_COUNT)

    @model_validator(mode="after")
    def _fits_together(self) -> "PlugAndPlayRequest":
        check_seed(self.seed, self.count)
        if self.out.suffix.lower() in {".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".mp4"}:
            raise UserError(f"--out {self.out}: give FILE.png, FILE.gif or a folder")
        if self.classes == ():
            raise UserError("--class is given without a name; name a class, or leave it out for every class")
        return self
