"""What may be asked of a generator: images by class name, and morphs."""

import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from projgan.errors import UserError
from projgan.pictures.animation import SHORTEST_GIF_FRAME
from projgan.request import GivenPath, NewPath, Request, check_seed

LARGEST_COUNT = 1_000_000
"""Per class; more is surely a slip, and the seeds alone would fill the memory."""
MOST = 1000
"""Rows, columns and frames of a morph; more is surely a slip."""
Truncation = Annotated[float, Field(gt=0, lt=10)]
Share = Annotated[float, Field(gt=0, lt=1)]
Steps = Annotated[int, Field(ge=2, le=MOST)]


def pool_size(count: int, share: float) -> int:
    """Return how many seeds to draw so that `count` are left once a share in [0, 1) of them is rejected."""
    # 10 / (1 - 0.9) is a little over 100 in floats.
    return math.ceil(round(count / (1 - share), 6))


class SampleRequest(Request):
    """Images by class name."""

    classes: Annotated[tuple[str, ...] | None, Field(alias="class")] = None
    """Class names, or `all`; every class if not given."""
    mix: tuple[str, ...] | None = None
    """Instead of classes, weights over them, as in `cat=0.3,dog=0.7`; several classes at once, as in
    `smiling=1,hat=1`; or numbers in the units of the data, as in `age=30,height=1.7`. What the generator
    was trained on decides which. May be given several times."""
    count: Annotated[int, Field(ge=1, le=LARGEST_COUNT)] = 10
    """Images per class or mix."""
    seed: int = 0
    """Seed of the first image."""
    truncation: Truncation | None = None
    """Bound of the latents' entries: lower is more typical and less varied. Around 0.5 to 2."""
    reject: Share | None = None
    """Share of the seeds to reject, as in 0.75: seeds are drawn until COUNT are left of each class once the
    discriminator's least real ones are gone. It ranks images; measure before you rely on it."""
    batch_size: Annotated[int, Field(ge=1)] | None = None
    """Images made between two writes; it changes nothing in them."""
    out: NewPath = Path("samples.png")
    """`FILE.png` for one grid with a row per class, else a folder with a folder of PNGs per class, which
    `projgan evaluate` and `--data` take."""
    overwrite: bool = False
    """Write over what somebody else made, or another call."""

    @property
    def is_grid(self) -> bool:
        """Whether one picture is written, in place of a folder."""
        return self.out.suffix.lower() == ".png"

    @property
    def pool(self) -> range:
        """The seeds that are drawn of each class."""
        return range(self.seed, self.seed + pool_size(self.count, self.reject or 0))

    @model_validator(mode="after")
    def _fits_together(self) -> "SampleRequest":
        drawn = pool_size(self.count, self.reject or 0)
        if drawn > LARGEST_COUNT:
            raise UserError(
                f"--count {self.count} and --reject {self.reject} draw {drawn:,} seeds of each class; "
                f"at most {LARGEST_COUNT:,} are drawn"
            )
        if self.out.suffix.lower() in {".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"}:
            raise UserError(f"--out {self.out}: images are written as PNG; give FILE.png or a folder")
        check_seed(self.seed, drawn)
        if self.classes == ():
            raise UserError("--class is given without a name; name a class, or leave it out for every class")
        if self.classes and self.mix:
            raise UserError("--class and --mix exclude each other; give one of them")
        return self


class MorphRequest(Request):
    """What lies between classes, latents and truncations, as a picture or an animation."""

    classes: Annotated[tuple[str, ...] | None, Field(alias="class")] = None
    """Classes to pass through, by name, `all` of them, or one that stays; between two, gains and biases are
    mixed."""
    square: bool = False
    """Take four classes as corners: upper left, upper right, lower left, lower right, all of one seed."""
    seed: tuple[int, ...] = (0,)
    """Seed of the first row, 0 if not given, or several to pass through on great circles; each row adds
    one to each."""
    latents: GivenPath | None = None
    """A file of `projgan invert`: its latents are passed through in place of seeds, in one row, with their
    classes unless others are named."""
    truncation: tuple[Truncation, ...] | None = None
    """Bound of the latents' entries, none if not given, or several to sweep through, as in `0.25 2`."""
    rows: Annotated[int, Field(ge=1, le=MOST)] = 8
    """Latents shown."""
    columns: Steps | None = None
    """Steps of a picture; 10 if not given."""
    frames: Steps | None = None
    """Steps of an animation, one way; 30 if not given."""
    seconds: float | None = None
    """Length of an animation, one way; 2 if not given. It goes there and back without end."""
    out: NewPath = Path("morph.png")
    """`FILE.png`, `FILE.gif`, or `FILE.mp4` where there is ffmpeg."""
    overwrite: bool = False
    """Write over what somebody else made, or another call."""

    @model_validator(mode="before")
    @classmethod
    def _one_row_of_latents(cls, values: Any) -> Any:
        """What is found of images is one row, where nobody says how many there are."""
        if isinstance(values, dict) and values.get("latents") is not None:
            return {"rows": 1} | values
        return values

    @property
    def animated(self) -> bool:
        """Whether the steps are frames rather than columns."""
        return self.out.suffix.lower() != ".png"

    @property
    def steps(self) -> int:
        """Columns or frames."""
        given, default = (self.frames, 30) if self.animated else (self.columns, 10)
        return default if given is None else given

    @property
    def steps_option(self) -> str:
        """The option that says how many steps there are."""
        return "--frames" if self.animated else "--columns"

    @property
    def length(self) -> float:
        """Seconds of an animation, one way."""
        return 2.0 if self.seconds is None else self.seconds

    @property
    def frame_seconds(self) -> float:
        """How long each frame is shown."""
        return self.length / (self.steps - 1)

    @model_validator(mode="after")
    def _fits_together(self) -> "MorphRequest":
        self._refuse_beside_latents()
        suffix = self.out.suffix.lower()
        if suffix not in {".png", ".gif", ".mp4"}:
            raise UserError(f"--out {self.out}: a morph is a FILE.png, FILE.gif or FILE.mp4")
        self._refuse_idle_options()
        if not 0 < self.frame_seconds <= 60:
            raise UserError(f"--seconds is {self.seconds}; it must be above 0, and at most 60 a frame")
        if suffix == ".gif" and self.frame_seconds < SHORTEST_GIF_FRAME - 1e-9:
            raise UserError(
                f"--frames {self.steps} are too many for {self.length:g} seconds of GIF, which holds "
                f"{int(self.length / SHORTEST_GIF_FRAME + 1e-9) + 1}; give fewer, or more --seconds"
            )
        for option, values in (("--seed", self.seed), ("--truncation", self.truncation)):
            if values == ():
                raise UserError(f"{option} is given without a number; give one, or leave it out")
        for seed in self.seed:
            check_seed(seed, self.rows)
        stops = max(len(self.seed), len(self.truncation or ()))
        if self.steps < stops:
            raise UserError(f"{self.steps_option} {self.steps} is too few to pass through {stops} values")
        return self

    def _refuse_beside_latents(self) -> None:
        if self.latents is None:
            return
        if self.square or self.rows > 1:
            raise UserError("--latents has the latents of one row; leave --square and --rows out")
        if self.truncation is not None or self.seed != (0,):
            raise UserError("--latents takes the place of --seed and --truncation; leave them out")

    def _refuse_idle_options(self) -> None:
        """Refuse options that would do nothing."""
        if self.animated and self.columns is not None:
            raise UserError("--columns is for a picture; the steps of an animation are --frames")
        if not self.animated and (self.frames is not None or self.seconds is not None):
            raise UserError(
                "--frames and --seconds are for .gif and .mp4; the steps of a picture are --columns"
            )
        if not self.square:
            return
        if self.animated:
            raise UserError("--square is a picture; to animate, walk around it: --classes A B D C A")
        if self.rows < 2:
            raise UserError(f"--rows is {self.rows}; a square has at least 2")
        if len(self.seed) > 1 or len(self.truncation or ()) > 1:
            raise UserError("--square goes from class to class alone; give one --seed and one --truncation")
