"""A request for images of classes by plug-and-play carried out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from projgan.classification.training import class_logits
from projgan.errors import UserError
from projgan.generation.conditions_in_words import class_labels
from projgan.listening import Count
from projgan.overwriting import refuse_foreign
from projgan.plug_and_play.chains import PlugAndPlay, load_plug_and_play, step_scale
from projgan.plug_and_play.files import Plan, write_animation, write_folder, write_grid
from projgan.plug_and_play.request import PlugAndPlayRequest
from projgan.plug_and_play.run import InverterRun
from projgan.plug_and_play.sampler import ChainSettings, log_probability


@dataclass(frozen=True)
class Written:
    """Which files were written, from what, and what the steering classifier says of them."""

    run: Path
    classifier: Path
    classes: tuple[str, ...]
    first_seed: int
    last_seed: int
    settings: dict[str, Any]
    probability: dict[str, float]
    """Mean probability of each class by the classifier that steered, of its images: no measure of quality."""
    files: list[Path] = field(default_factory=list)


def write_samples(
    run: Path,
    request: PlugAndPlayRequest,
    device: str = "cpu",
    progress: Count | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> Written:
    """Sample what is asked for, and write it.

    A folder that was left half written by the same request is gone on with.

    Args:
        run: the folder that `projgan inverter` wrote.
        request: what to sample.
        device: where.
        progress: told of (steps done, all).
        said: told which classes are left out of all, if any are.

    Raises:
        UserError: an unknown class, too many images, files that do not belong together.
    """
    networks = load_plug_and_play(InverterRun(run), request.classifier, device)
    plan = _plan(request, networks)
    if request.classes in (None, ("all",)) and networks.words.words_on_empty:
        said(networks.words.words_on_empty)
    if request.out.suffix.lower() in {".png", ".gif"}:
        refuse_foreign([request.out], request.overwrite)
    write = {".png": write_grid, ".gif": write_animation}.get(request.out.suffix.lower(), write_folder)
    files, images = write(networks, plan, progress)
    logits = torch.cat([class_logits(networks.classifier, batch) for batch in images])
    own = log_probability(logits, torch.tensor(plan.labels)).exp()
    means = own.unflatten(0, (len(plan.names), plan.count)).mean(dim=1).tolist()
    return Written(
        run=run,
        classifier=request.classifier or InverterRun(run).encoder,
        classes=plan.names,
        first_seed=plan.seeds[0],
        last_seed=plan.seeds[-1],
        settings=plan.described(),
        probability=dict(zip(plan.names, means, strict=True)),
        files=files,
    )


def _plan(request: PlugAndPlayRequest, networks: PlugAndPlay) -> Plan:
    words = networks.words
    chosen = words.present_classes
    if request.classes is not None:
        chosen = class_labels(request.classes, words.class_names, words.empty_classes)
    labels = list(dict.fromkeys(chosen))
    total = len(labels) * request.count
    if total > request.largest:
        raise UserError(
            f"--out {request.out}: {total:,} images are more than {request.largest:,}; ask for fewer"
        )
    step_size, clip = step_scale(networks.largest_feature)
    if request.step_rule != "normalized":
        step_size = 1.0
    settings = ChainSettings(
        prior=request.prior,
        condition=request.condition,
        noise=request.noise,
        step_size=step_size if request.step_size is None else request.step_size,
        step_rule=request.step_rule,
        clip=clip if request.clip is None else (0.0, request.clip),
    )
    return Plan(
        names=tuple(networks.words.class_names[label] for label in labels),
        labels=[label for label in labels for _ in range(request.count)],
        seeds=[request.seed + number for _ in labels for number in range(request.count)],
        settings=settings,
        steps=request.steps,
        class_gradient=request.class_gradient,
        out=request.out,
        overwrite=request.overwrite,
    )
