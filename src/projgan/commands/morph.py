"""`projgan morph`."""

import dataclasses
import shutil
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from projgan.commands.devices import Device
from projgan.commands.paths import NewPath, RunOrModel
from projgan.commands.printing import Json, Overwrite, dumps, show
from projgan.commands.progress import Say, counted


def morph(
    run: RunOrModel,
    *,
    classes: Annotated[
        list[str] | None, Parameter(name=("--classes", "--class"), consume_multiple=True)
    ] = None,
    square: Annotated[bool, Parameter(negative=())] = False,
    seed: Annotated[list[int] | None, Parameter(consume_multiple=True)] = None,
    truncation: Annotated[list[float] | None, Parameter(consume_multiple=True)] = None,
    rows: int = 8,
    columns: int | None = None,
    frames: int | None = None,
    seconds: float | None = None,
    out: NewPath = Path("morph.png"),
    overwrite: Overwrite = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Show what lies between classes, between latents, and between truncations.

    Classes, seeds and truncations are paths along the columns, or in time: one value stays, several are
    passed through in equal steps, all at once. Every row has a latent of its own. At a class and a seed, the
    image is that of `projgan sample`.

    Parameters
    ----------
    run
        A run directory, a `generator.safetensors`, or a model that `projgan models` lists.
    classes
        Classes to pass through, by name, `all` of them, or one that stays; between two, gains and biases are
        mixed.
    square
        Take four classes as corners: upper left, upper right, lower left, lower right, all of one seed.
    seed
        Seed of the first row, 0 if not given, or several to pass through on great circles; each row adds
        one to each.
    truncation
        Bound of the latents' entries, none if not given, or several to sweep through, as in `0.25 2`.
    rows
        Latents shown.
    columns
        Steps of a picture; 10 if not given.
    frames
        Steps of an animation, one way; 30 if not given.
    seconds
        Length of an animation, one way; 2 if not given. It goes there and back without end.
    out
        `FILE.png`, `FILE.gif`, or `FILE.mp4` where there is ffmpeg.
    overwrite
        Write over what somebody else made, or another call.
    device
        auto takes a GPU where there is one.
    json
        Print what was written as JSON.
    """
    from projgan.generation.morph_files import MorphRequest, write_morph
    from projgan.process.ranks import choose_device

    request = MorphRequest(
        run=run,
        classes=classes,
        square=square,
        seeds=(0,) if seed is None else tuple(seed),
        truncations=None if truncation is None else tuple(truncation),
        rows=rows,
        columns=columns,
        frames=frames,
        seconds=seconds,
        out=out,
        overwrite=overwrite,
        ffmpeg=shutil.which("ffmpeg"),
        device=choose_device(device),
    )
    written = write_morph(request, counted("morphing", " images"), counted("writing", " frames"), Say.line)
    show(dumps(dataclasses.asdict(written)) if json else written.out)
