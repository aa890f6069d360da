"""What may be asked of a discriminator: what it thinks of images."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from projgan.config.request import ImagesRequest
from projgan.request import NewPath

MOST_SHOWN = 1000
MOST_GENERATED = 10_000


class InspectionRequest(ImagesRequest):
    """What is made of the discriminator's words."""

    out: NewPath = Path("inspection")
    """Folder for the table, `most-real.png` and `least-real.png` (a class a row), and `disputed.png` (the
    image's own label above, the suggested one below)."""
    overwrite: bool = False
    """Write over what somebody else made, or another call."""
    top: Annotated[int, Field(ge=1, le=MOST_SHOWN)] = 10
    """Images of each class, and suspects, that are shown."""
    generated_per_class: Annotated[int, Field(ge=0, le=MOST_GENERATED)] = 200
    """Generated images of each class from which p(y|x) is learned, without which r(y|x) gives no posterior;
    0 takes it as flat. Methods that classify, or that concatenate the label, do without."""
