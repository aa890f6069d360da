"""Measure super-resolution on images whose truth is known, beside ways of enlarging that learn nothing."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from projgan.config import DataConfig, Fit, load_config
from projgan.data import PackedImages, load_images
from projgan.data.configured import fit_of
from projgan.data.decoding import OnUnreadable
from projgan.data.tensors import as_tensor
from projgan.errors import UserError
from projgan.evaluation.diversity import number_of_scales
from projgan.evaluation.extractors import ClassifierNetwork
from projgan.evaluation.super_resolution import Fidelity, fidelity
from projgan.files import chosen_cache, make_folder, write_atomically
from projgan.networks.super_resolution import FACTOR, SuperResolutionGenerator
from projgan.outputs import SIGN, refuse_foreign
from projgan.pictures.grids import write_png
from projgan.pictures.pixels import downscale, enlarge
from projgan.randomness import generator_at
from projgan.storage.network_file import generator_path, load_super_resolution_generator
from projgan.storage.run_directory import RunDirectory
from projgan.super_resolution.enlarging import BASELINES, comparison, super_resolve
from projgan.super_resolution.files import COMPARED, DRAWS_COMPARED, checked_seeds

Progress = Callable[[int, int], None]
MOST_MEASURED = 50_000


@dataclass(frozen=True)
class SuperResolutionEvaluation:
    """What a person asks for; see `projgan super-resolve --help`."""

    run: Path
    out: Path
    data: str | None = None
    """Labelled images, each the truth of the small one made of it; None for those of the run's training."""
    split: str | None = None
    count: int = 1000
    """Images measured, or all there are where these are fewer."""
    draws: int = 1
    seed: int = 0
    classifier: Path | None = None
    cache: Path | None = None
    device: torch.device | str = "cpu"
    on_unreadable: OnUnreadable | None = None
    """What to do about images that cannot be decoded; None for what the run says, or an error."""
    overwrite: bool = False
    """Whether files that somebody else made may be written over."""


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
    classifier: str | None
    ways: dict[str, Fidelity]
    """By name: the baselines, `projgan`, and `truth` where there is a classifier to look at it."""


def evaluate_super_resolution(
    request: SuperResolutionEvaluation,
    decoded: Progress | None = None,
    enlarged: Progress | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> MeasuredSuperResolution:
    """Make images small, enlarge them again and compare; writes `evaluation.json` and `comparison.png`.

    Args:
        request: which generator and which images.
        decoded: told of (images decoded, all).
        enlarged: told of (images enlarged, all), over all draws.
        said: told how many images were left out, if any were.

    Raises:
        UserError: no generator of super-resolution, no images, or a classifier of others.
    """
    seeds = checked_seeds(request.draws, request.seed)
    if not 2 <= request.count <= MOST_MEASURED:
        raise UserError(f"--count is {request.count}; it must be from 2 to {MOST_MEASURED:,}")
    refuse_foreign([request.out / "evaluation.json", request.out / "comparison.png"], request.overwrite)
    path = generator_path(request.run)
    generator, description = load_super_resolution_generator(path, request.device)
    images = _load(request, generator, fit_of(description.provenance.settings), decoded)
    for words in images.loading_words:
        said(words)
    classifier = _open_classifier(request, images)
    chosen = _choose(len(images), request.count, request.seed)
    truth, labels = as_tensor(images.images)[chosen], as_tensor(images.labels)[chosen]
    small = downscale(truth, FACTOR)
    draws = []
    for output in super_resolve(generator, small, seeds):
        draws.append(output)
        if enlarged is not None:
            enlarged(len(draws) * len(small), len(seeds) * len(small))
    outputs = {name: enlarge(small, FACTOR, way)[None] for name, way in BASELINES.items()}
    outputs["projgan"] = torch.stack(draws)
    if classifier is not None:
        outputs["truth"] = truth[None]
    there = torch.device(request.device)
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


def _choose(available: int, count: int, seed: int) -> Tensor:
    """Which images are measured, in random order, so that the first ones are of all classes."""
    order = torch.randperm(available, generator=generator_at(seed, "super-resolution-images", 0))
    return order[:count]


def _load(
    request: SuperResolutionEvaluation,
    generator: SuperResolutionGenerator,
    fit: Fit,
    decoded: Progress | None,
) -> PackedImages:
    data = DataConfig(source=request.data) if request.data else _data_of_run(request.run)
    if data.source is None:
        raise UserError(f"{request.run}: its settings name no images; give some with --data")
    images = load_images(
        data.source,
        split=request.split or data.split,
        resolution=generator.resolution,
        channels=generator.channels,
        fit=fit,
        cache=chosen_cache(request.cache or data.cache),
        progress=decoded,
        on_unreadable=request.on_unreadable or data.on_unreadable,
    )
    if len(images) < 2:
        raise UserError(f"{images.name}: {len(images)} image; at least 2 are needed for an error")
    return images


def _data_of_run(run: Path) -> DataConfig:
    config = RunDirectory(run).config
    if not config.is_file():
        raise UserError(f"{run} does not say which images it was trained on; give some with --data")
    return load_config(str(config)).data


def _open_classifier(request: SuperResolutionEvaluation, images: PackedImages) -> ClassifierNetwork | None:
    if request.classifier is None:
        return None
    classifier = ClassifierNetwork(request.classifier, request.device)
    if classifier.class_names != images.class_names:
        raise UserError(
            f"{request.classifier} knows other classes than {images.name}; train one on its training part"
        )
    if classifier.resolution != images.resolution:
        raise UserError(
            f"{request.classifier} looks at {classifier.resolution} pixels, and outputs have "
            f"{images.resolution}; train one of that size"
        )
    return classifier
