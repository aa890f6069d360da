"""`projgan explore`."""

import shutil
import sys
from typing import Annotated

from cyclopts import Parameter

from projgan.commands.options import Device
from projgan.commands.paths import GivenPath, RunOrModel
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say
from projgan.errors import UserError


def explore(
    *runs: RunOrModel,
    latents: Annotated[tuple[GivenPath, ...], Parameter(consume_multiple=True, negative=())] = (),
    port: int = 7860,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Look at generators in the browser: sample, mix, morph, ask the discriminator, follow a training.

    The page is on this machine's loopback address alone, and asks no other machine for anything. What is
    printed says what to open, and the ssh line for a remote machine. Ctrl-C ends it.

    Parameters
    ----------
    runs
        Run directories, generators' files, or models that `projgan models` lists; several stand side by side.
    latents
        Files or folders of `projgan invert`: their images are shown, and morphed from and to.
    port
        Where the page is served; 0 takes any that is free.
    device
        auto takes a GPU where there is one.
    json
        Print the address and the ssh line as JSON.
    """
    if not runs:
        raise UserError("no run given; name a run or a model, such as: projgan explore digits")
    from projgan.explore.serving import address_of, bound_socket, refuse_missing, serve, ssh_line

    refuse_missing()
    with bound_socket(port) as bound:
        from projgan.explore.subjects import open_subjects
        from projgan.process.ranks import choose_device

        subjects = open_subjects(runs, choose_device(device), latents)
        Say.line("preparing the page ...")
        from projgan.explore.page import application

        app = application(subjects, shutil.which("ffmpeg"))
        if json:
            show(dumps({"address": address_of(bound), "ssh": ssh_line(bound)}))
        else:
            show(f"open {address_of(bound)}\nfrom another machine, run there first: {ssh_line(bound)}")
        sys.stdout.flush()
        serve(app, bound)
