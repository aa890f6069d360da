"""`projgan super-resolve`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from projgan.commands.devices import Device
from projgan.commands.paths import GivenPath, NewPath, RunOrModel
from projgan.commands.printing import Json, Overwrite, dumps, show
from projgan.commands.progress import Say, counted
from projgan.errors import UserError

if TYPE_CHECKING:
    from projgan.super_resolution.evaluation import MeasuredSuperResolution


def super_resolve(
    run: RunOrModel,
    images: str | None = None,
    *,
    out: NewPath,
    overwrite: Overwrite = False,
    draws: int = 1,
    seed: int = 0,
    evaluate: Annotated[bool, Parameter(negative=())] = False,
    split: str | None = None,
    count: int = 1000,
    classifier: GivenPath | None = None,
    cache: NewPath | None = None,
    on_unreadable: Literal["error", "skip"] | None = None,
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
    out
        Folder to write to.
    overwrite
        Write over what somebody else made, or another call.
    draws
        Outputs of each image: what is not in it is drawn anew.
    seed
        Seed of the first draw; the next ones follow. One image and one seed give one output.
    evaluate
        Measure instead: MS-SSIM, PSNR, consistency with the input, and the accuracy of a classifier.
    split
        Part of the data to measure on, such as `validation`.
    count
        Images to measure on, drawn by the seed; all where there are fewer.
    classifier
        File of `projgan classifier`, to say how many outputs are recognised, singly and by the mean of the
        logits over the draws.
    cache
        Folder of decoded images; `~/.cache/projgan` if not given.
    on_unreadable
        What to do about images that cannot be read or, where they are enlarged, are too large: `skip` names
        them and leaves them out. With --evaluate as the run was trained, else `error`, if not given.
    device
        auto takes a GPU where there is one.
    json
        Print what was written or measured as JSON.
    """
    from projgan.process.ranks import choose_device
    from projgan.super_resolution.evaluation import SuperResolutionEvaluation, evaluate_super_resolution
    from projgan.super_resolution.files import SuperResolutionRequest, enlarge_images

    torch_device = choose_device(device)
    if evaluate:
        asked = SuperResolutionEvaluation(
            run,
            out,
            images,
            split,
            count,
            draws,
            seed,
            classifier,
            cache,
            torch_device,
            on_unreadable,
            overwrite,
        )
        found = evaluate_super_resolution(
            asked, counted("decoding", " images"), counted("enlarging", " images"), Say.line
        )
        show(dumps(dataclasses.asdict(found)) if json else _text(found, out))
        return
    if not images:
        raise UserError("there are no images to enlarge; give a folder, or --evaluate to measure the run")
    if split is not None or classifier is not None:
        raise UserError("--split and --classifier belong to --evaluate; add it, or leave them out")
    request = SuperResolutionRequest(
        run, Path(images), out, draws, seed, on_unreadable or "error", torch_device, overwrite
    )
    written = enlarge_images(request, counted("enlarging", " images"))
    for line in written.skipped:
        Say.line(f"left out: {line}")
    if json:
        show(dumps(dataclasses.asdict(written)))
    else:
        show(f"{out}: {len(written.files)} images")
        show(f"{written.comparison}: {written.compared} of the {len(written.files) // draws} enlarged")


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
