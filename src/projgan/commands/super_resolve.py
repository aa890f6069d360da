"""`projgan super-resolve`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from projgan.commands.options import Asked, Device
from projgan.commands.paths import RunOrModel
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, counted
from projgan.errors import UserError
from projgan.super_resolution.request import SuperResolutionRequest

if TYPE_CHECKING:
    from projgan.super_resolution.evaluation import MeasuredSuperResolution


def super_resolve(
    run: RunOrModel,
    images: str | None = None,
    *,
    evaluate: Annotated[bool, Parameter(negative=())] = False,
    request: Asked[SuperResolutionRequest],
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Enlarge images four times in height and width, or measure how well a run does it.

    Writes a PNG for each image and draw, and `comparison.png`: rows of input, bilinear, bicubic and outputs.
    With --evaluate the images are the truth: each is made small as in training, enlarged and compared with
    itself; writes `evaluation.json`, and `comparison.png` with the truth in its last row.

    Parameters
    ----------
    run
        A run of a preset `super-resolution-...`, its `generator.safetensors`, or `hf:USER/NAME` on the hub.
    images
        Small images: a folder, or one file; any size up to 65,536 pixels. With --evaluate labelled images
        as for `projgan train`; those of the run's training if not given.
    evaluate
        Measure instead: MS-SSIM, PSNR, consistency with the input, and the accuracy of a classifier.
    device
        auto takes a GPU where there is one.
    json
        Print what was written or measured as JSON.
    """
    from projgan.process.ranks import choose_device
    from projgan.super_resolution.evaluation import evaluate_super_resolution
    from projgan.super_resolution.writing import enlarge_images

    there, enlarged = choose_device(device), counted("enlarging", " images")
    if evaluate:
        decoded = counted("decoding", " images")
        found = evaluate_super_resolution(run, images, request, there, decoded, enlarged, Say.line)
        show(dumps(dataclasses.asdict(found)) if json else _text(found, request.out))
        return
    if not images:
        raise UserError("there are no images to enlarge; give a folder, or --evaluate to measure the run")
    if request.split is not None or request.classifier is not None:
        raise UserError("--split and --classifier belong to --evaluate; add it, or leave them out")
    written = enlarge_images(run, Path(images), request, there, enlarged)
    for line in written.skipped:
        Say.line(f"left out: {line}")
    if json:
        show(dumps(dataclasses.asdict(written)))
    else:
        show(f"{request.out}: {len(written.files)} images")
        show(
            f"{written.comparison}: {written.compared} of the {len(written.files) // request.draws} enlarged"
        )


def _text(found: "MeasuredSuperResolution", out: Path) -> str:
    """A line for each way of enlarging."""
    part = found.split or "all"
    lines = [
        f"{found.images:,} images of {found.data} ({part}), {found.resolution} pixels; MS-SSIM of "
        f"{found.scales} scales, consistency in grey levels (0 is equal); ± one standard error"
    ]
    for name, way in found.ways.items():
        numbers = [
            f"ms_ssim {way.ms_ssim.value:.4f} ± {way.ms_ssim.standard_error:.4f}",
            f"psnr {way.psnr.value:.2f} ± {way.psnr.standard_error:.2f}",
            f"consistency {way.consistency.value:.2f} ± {way.consistency.standard_error:.2f}",
        ]
        if way.accuracy is not None:
            numbers.append(f"accuracy {way.accuracy.value:.3f} ± {way.accuracy.standard_error:.3f}")
        if way.accuracy_of_mean_logits is not None:
            numbers.append(
                f"of the mean logits over {len(found.seeds)} draws {way.accuracy_of_mean_logits.value:.3f}"
            )
        lines.append(f"  {name:9} " + ", ".join(numbers))
    return "\n".join([*lines, str(out / "evaluation.json"), str(out / "comparison.png")])
