"""`projgan inspect`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from projgan.commands.devices import Device
from projgan.commands.paths import DataSource, NewPath, RunOrModel
from projgan.commands.printing import Json, Overwrite, dumps, show
from projgan.commands.progress import Say, counted
from projgan.errors import UserError

if TYPE_CHECKING:
    from projgan.inspection.request import WrittenInspection


def inspect(
    run: RunOrModel,
    data: DataSource | None = None,
    *,
    split: str | None = None,
    out: NewPath = Path("inspection"),
    overwrite: Overwrite = False,
    top: int = 10,
    generated_per_class: int = 200,
    cache: NewPath | None = None,
    on_unreadable: Literal["error", "skip"] | None = None,
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
    split
        Part of the data, such as `test`; the training part if not given.
    out
        Folder for the table, `most-real.png` and `least-real.png` (a class a row), and `disputed.png` (the
        image's own label above, the suggested one below).
    overwrite
        Write over what somebody else made, or another call.
    top
        Images of each class, and suspects, that are shown.
    generated_per_class
        Generated images of each class from which p(y|x) is learned, without which r(y|x) gives no posterior;
        0 takes it as flat. Methods that classify, or that concatenate the label, do without.
    cache
        Folder of decoded images; `~/.cache/projgan` if not given.
    on_unreadable
        What to do about images that cannot be decoded; as the run was trained, else `error`, if not given.
    device
        auto takes a GPU where there is one.
    json
        Print what was found as JSON.
    """
    from projgan.inspection.request import InspectionRequest, write_inspection
    from projgan.process.ranks import choose_device

    if data is None and split is not None and not run.is_dir():
        raise UserError("--split is of the data; give images too: inspect RUN DATA --split SPLIT")
    request = InspectionRequest(
        run=run,
        data=data,
        split=split,
        out=out,
        overwrite=overwrite,
        top=top,
        generated_per_class=generated_per_class,
        cache=cache,
        on_unreadable=on_unreadable,
        device=choose_device(device),
    )
    written = write_inspection(
        request,
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
