"""`projgan morph`."""

import dataclasses
import shutil

from projgan.commands.options import Asked, Device
from projgan.commands.paths import RunOrModel
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, counted
from projgan.generation.request import MorphRequest


def morph(
    run: RunOrModel,
    *,
    request: Asked[MorphRequest] = MorphRequest(),
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
        A run directory, a `generator.safetensors`, a model that `projgan models` lists, or `hf:USER/NAME`.
    device
        auto takes a GPU where there is one.
    json
        Print what was written as JSON.
    """
    from projgan.generation.morph_writing import write_morph
    from projgan.process.ranks import choose_device

    told = counted("morphing", " images"), counted("writing", " frames"), Say.line
    written = write_morph(run, request, choose_device(device), shutil.which("ffmpeg"), *told)
    show(dumps(dataclasses.asdict(written)) if json else written.out)
