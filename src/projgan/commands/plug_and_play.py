"""`projgan plug-and-play`."""

import dataclasses

from projgan.commands.options import Asked, Device
from projgan.commands.paths import RunPath
from projgan.commands.printing import Json, dumps, show, show_files
from projgan.commands.progress import Say, counted
from projgan.plug_and_play.request import PlugAndPlayRequest


def plug_and_play(
    run: RunPath,
    *,
    request: Asked[PlugAndPlayRequest] = PlugAndPlayRequest(),
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Generate images of a class by steps to it in a classifier's features (Nguyen et al. 2017, PPGN).

    h <- h + PRIOR (E(G(h)) - h) + CONDITION d/dh log p(class | G(h)) + N(0, NOISE^2), a chain a seed.
    Defaults are those of the authors' code, step size and clip in the units of the features. The same command
    again finishes a folder that is half there.

    Parameters
    ----------
    run
        Folder of `projgan inverter`: the generator G and the classifier E whose features h it inverts.
    device
        auto takes a GPU where there is one.
    json
        Print what was written as JSON.
    """
    from projgan.plug_and_play.writing import write_samples
    from projgan.process.ranks import choose_device

    device_name = str(choose_device(device))
    written = write_samples(run, request, device_name, counted("walking", " steps"), Say.line)
    if json:
        show(dumps(dataclasses.asdict(written)))
    else:
        show_files(request.out, written.files)
