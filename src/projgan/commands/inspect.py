"""`projgan inspect`."""

import dataclasses
from typing import TYPE_CHECKING

from projgan.commands.options import Asked, Device
from projgan.commands.paths import DataSource, RunOrModel
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, counted
from projgan.errors import UserError
from projgan.inspection.request import InspectionRequest

if TYPE_CHECKING:
    from projgan.inspection.writing import WrittenInspection


def inspect(
    run: RunOrModel,
    data: DataSource | None = None,
    *,
    request: Asked[InspectionRequest] = InspectionRequest(),
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Say what the discriminator thinks of images: how real each is, and whether its label fits.

    Writes `inspection.csv`, a row an image with r(x), r(y|x) of every class and the posterior that they
    imply; and pictures of the extremes.

    Parameters
    ----------
    run
        A run directory, a `discriminator.safetensors`, or a model on the hub, `hf:USER/NAME`.
    data
        Labelled images, as for `projgan train`; those that the run was trained on if not given.
    device
        auto takes a GPU where there is one.
    json
        Print what was found as JSON.
    """
    from projgan.inspection.writing import write_inspection
    from projgan.process.ranks import choose_device

    if data is None and request.split is not None and not run.is_dir():
        raise UserError("--split is of the data; give images too: inspect RUN DATA --split SPLIT")
    written = write_inspection(
        run,
        data,
        request,
        choose_device(device),
        counted("decoding", " images"),
        counted("inspecting", " images"),
        counted("generating", " images"),
        counted("writing", " rows"),
        Say.line,
    )
    show(dumps(dataclasses.asdict(written)) if json else _text(written))


def _text(written: "WrittenInspection") -> str:
    lines = [
        f"{written.images:,} images of {written.data}: mean r(x) {written.mean_marginal:.4g}, "
        f"mean logit with their labels {written.mean_logit:.4g}"
    ]
    if written.disputed is None:
        lines.append(
            "this discriminator tells no labels apart, so there is no posterior and nothing disputed"
        )
    else:
        share = written.disputed / written.images
        lines.append(f"posterior: {written.posterior}")
        lines.append(f"another label is likelier for {written.disputed:,} ({share:.1%}); the most disputed:")
    lines += [
        f"  {suspect.image}: {suspect.label}, rather {suspect.suggested} ({suspect.dispute:+.3g})"
        for suspect in written.suspects
    ]
    return "\n".join([*lines, *written.files])
