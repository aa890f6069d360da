"""`projgan nearest`."""

import dataclasses
from typing import TYPE_CHECKING

from projgan.commands.options import Asked, Device
from projgan.commands.paths import DataSource, RunOrModel
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, counted
from projgan.errors import UserError, visible
from projgan.measuring.nearest_request import NearestRequest

if TYPE_CHECKING:
    from projgan.measuring.nearest import WrittenNearest


def nearest(
    run: RunOrModel,
    data: DataSource | None = None,
    *,
    request: Asked[NearestRequest] = NearestRequest(),
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Show the training images nearest to generated ones: has the generator learned them by heart?

    Draws the generated images that lie nearest to a real one, each beside its neighbours, and says how many
    lie nearer to a real one than half of the real ones lie to each other: about 50% would be as real images
    do, and much more says that images are copied.

    Parameters
    ----------
    run
        A run directory, a `generator.safetensors`, a checkpoint that a run has kept, or a model (of `projgan
        models`, or `hf:USER/NAME`).
    data
        Labelled images to look among, as for `projgan train`; those that the run was trained on if not given.
    device
        auto takes a GPU where there is one.
    json
        Print what was found as JSON.
    """
    from projgan.measuring.nearest import write_nearest
    from projgan.process.ranks import choose_device

    if data is None and request.split is not None and not run.is_dir():
        raise UserError("--split is of the data; give images too: nearest RUN DATA --split SPLIT")
    written = write_nearest(
        run,
        data,
        request,
        choose_device(device),
        counted("decoding", " images"),
        counted("generating", " images"),
        counted("fetching", " bytes"),
        counted("looking at", " images"),
        Say.line,
    )
    show(dumps(dataclasses.asdict(written)) if json else _text(written))


def _text(written: "WrittenNearest") -> str:
    share, error = f"{written.nearer_than_real:.1%}", f"{written.standard_error:.1%}"
    pairs = [
        f"  {visible(pair.row)}, seed {pair.seed}: {pair.distance:.3g} from {visible(pair.image)}, "
        f"whose nearest other is {pair.real_distance:.3g} away"
        for pair in written.pairs
    ]
    return "\n".join(
        [
            f"{written.generated_images:,} generated images and {written.real_images:,} real ones of "
            f"{written.data}, in the features of {written.features}",
            f"{share} ± {error} of the generated ones lie nearer to a real one than half of these to another "
            f"({written.real_distance:.3g}); most like copies:",
            *pairs,
            written.file,
        ]
    )
