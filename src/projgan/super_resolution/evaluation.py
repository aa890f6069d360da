"""Measure super-resolution on images whose truth is known, beside ways of enlarging that learn nothing."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from projgan.data import PackedImages
from projgan.data.configured import fit_of, load_real
from projgan.data.tensors import as_tensor
from projgan.errors import UserError
from projgan.evaluation.diversity import number_of_scales
from projgan.evaluation.extractors import ClassifierNetwork
from projgan.evaluation.super_resolution import Fidelity, fidelity
from projgan.files import make_folder, write_atomically
from projgan.inspection.trained_images import refuse_other_images
from projgan.listening import Count, told
from projgan.networks.super_resolution import FACTOR
from projgan.overwriting import SIGN, refuse_foreign
from projgan.pictures.grids import write_png
from projgan.pictures.pixels import downscale, enlarge
from projgan.randomness import generator_at
from projgan.storage.classifiers import check_classifier
from projgan.storage.network_file import (
    generator_path,
    load_super_resolution_generator,
    read_description,
)
from projgan.storage.run_images import images_of_run
from projgan.super_resolution.enlarging import BASELINES, comparison, super_resolve
from projgan.super_resolution.request import SuperResolutionRequest
from projgan.super_resolution.writing import COMPARED, DRAWS_COMPARED

MOST_NUMBERS = 2**32
"""Draws times images times their values, a byte each, which are held at once."""


@dataclass(frozen=True)
class MeasuredSuperResolution:
    """What was measured; the fields are those of `--json` and of `evaluation.json`."""

    generator: str
    data: str
    split: str | None
    images: int
    resolution: int
    scales: int
    """Of MS-SSIM, which the resolution sets."""
    seeds: list[int]
    """Of the draws; those beyond what is looked at are left out."""
    classifier: str | None
    ways: dict[str, Fidelity]
    """By name: the baselines, `projgan`, and `truth` where there is a classifier to look at it."""


def evaluate_super_resolution(
    run: Path,
    data: str | None,
    request: SuperResolutionRequest,
    device: torch.device | str = "cpu",
    decoded: Count | None = None,
    enlarged: Count | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> MeasuredSuperResolution:
    """Make images small, enlarge them again and compare; writes `evaluation.json` and `comparison.png`.

    Args:
        run: a run of super-resolution, or its generator's file.
        data: labelled images, each the truth of the small one made of it; None for those of the training.
        request: how many of them, how often, and where to.
        device: where.
        decoded: told of (images decoded, all).
        enlarged: told of (images enlarged, all), over all draws.
        said: told how many images were left out, if any were.

    Raises:
        UserError: no generator of super-resolution, no images or too many, or a classifier of others.
    """
    seeds = request.seeds
    refuse_foreign([request.out / "evaluation.json", request.out / "comparison.png"], request.overwrite)
    path = generator_path(run)
    generator, description = load_super_resolution_generator(path, device)
    remedy = "give some: super-resolve RUN DATA --evaluate"
    settings = images_of_run(run, data, request, remedy=remedy)
    settings = settings.model_copy(update={"fit": fit_of(description.provenance.settings)})
    images = load_real(settings, (generator.resolution, generator.channels), progress=decoded)
    if data is None:
        refuse_other_images(run, settings, images, description, remedy=remedy, said=said)
    if len(images) < 2:
        raise UserError(f"{images.name}: {len(images)} image; at least 2 are needed for an error")
    for words in images.loading_words:
        said(words)
    classifier = _open_classifier(request.classifier, device, images)
    chosen = _choose(len(images), request.count, request.seed)
    truth, labels = as_tensor(images.images)[chosen], as_tensor(images.labels)[chosen]
    if classifier is None:  # which alone looks at all draws; the others are for the picture
        seeds = seeds[:DRAWS_COMPARED]
    _refuse_too_many(truth, len(seeds))
    small = downscale(truth, FACTOR)
    outputs_of = super_resolve(generator, small, seeds)
    draws = list(told(outputs_of, len(seeds) * len(small), enlarged, len))
    outputs = {name: enlarge(small, FACTOR, way)[None] for name, way in BASELINES.items()}
    outputs["projgan"] = torch.stack(draws)
    if classifier is not None:
        outputs["truth"] = truth[None]
    there = torch.device(device)
    found = MeasuredSuperResolution(
        generator=str(path),
        data=images.name,
        split=images.split,
        images=len(truth),
        resolution=images.resolution,
        scales=number_of_scales(*truth.shape[2:]),
        seeds=seeds,
        classifier=None if classifier is None else classifier.name,
        ways={
            name: fidelity(truth.to(there), small.to(there), output.to(there), classifier, labels)
            for name, output in outputs.items()
        },
    )
    make_folder(request.out)
    text = json.dumps({"made_by": SIGN} | dataclasses.asdict(found), indent=2)
    write_atomically(request.out / "evaluation.json", lambda file: file.write(text.encode()))
    shown = [draw[:COMPARED] for draw in draws[:DRAWS_COMPARED]]
    picture = comparison(small[:COMPARED], shown, seeds[:DRAWS_COMPARED], truth[:COMPARED])
    write_png(picture, request.out / "comparison.png")
    return found


def _refuse_too_many(truth: Tensor, draws: int) -> None:
    if truth.numel() * draws > MOST_NUMBERS:
        images, _, height, width = truth.shape
        raise UserError(
            f"{draws:,} draws of {images:,} images of {height}x{width} pixels are too many to measure at "
            "once; choose a smaller --draws or --count"
        )


def _choose(available: int, count: int, seed: int) -> Tensor:
    """Which images are measured, in random order, so that the first ones are of all classes."""
    order = torch.randperm(available, generator=generator_at(seed, "super-resolution-images", 0))
    return order[:count]


def _open_classifier(
    path: Path | None, device: torch.device | str, images: PackedImages
) -> ClassifierNetwork | None:
    if path is None:
        return None
    classifier = ClassifierNetwork(path, device)
    check_classifier(
        path,
        read_description(path),
        images.name,
        resolution=images.resolution,
        channels=images.channels,
        class_names=images.class_names,
    )
    return classifier
