"""`projgan invert`."""

import dataclasses
from typing import TYPE_CHECKING

from projgan.commands.options import Asked, Device
from projgan.commands.paths import GivenPath, RunOrModel
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, counted
from projgan.inversion.request import InversionRequest

if TYPE_CHECKING:
    from projgan.inversion.writing import FoundImage


def invert(
    run: RunOrModel,
    /,
    *images: GivenPath,
    request: Asked[InversionRequest] = InversionRequest(),
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Find the latent and the class from which a generator makes an image that is given.

    Writes `comparison.png`, each image beside what was found, and `latents.safetensors`, which
    `projgan morph` and `projgan explore` take as `--latents`. The same command again goes on where it was
    stopped.

    Parameters
    ----------
    run
        A run directory, a `generator.safetensors`, or a model that `projgan models` lists.
    images
        Images of any size.
    device
        auto takes a GPU where there is one.
    json
        Print what was found as JSON.
    """
    from projgan.inversion.writing import write_inversion
    from projgan.process.ranks import choose_device

    written = write_inversion(
        run, images, request, choose_device(device), counted("searching", " steps"), Say.line
    )
    if json:
        show(dumps(dataclasses.asdict(written)))
    else:
        show("\n".join([*map(_line, written.found), written.latents, written.picture]))


def _line(found: "FoundImage") -> str:
    of = "" if found.class_name is None else f" {found.class_name},"
    if found.weights is not None and len(found.weights) > 1:
        of = " " + ", ".join(f"{name} {weight:.2f}" for name, weight in list(found.weights.items())[:3]) + ","
    same = "every pixel the same" if found.psnr is None else f"{found.psnr:.1f} dB"
    return f"{found.image}:{of} {same}"
