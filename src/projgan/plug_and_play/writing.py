"""A request for images of classes by plug-and-play to a grid, a folder of class folders, or a GIF."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from projgan.classification.training import class_logits
from projgan.data.class_folders import folder_names
from projgan.errors import UserError, reading
from projgan.generation.sampling import class_labels
from projgan.outputs import claim_folder, refuse_foreign
from projgan.pictures.animation import write_gif
from projgan.pictures.grids import grid, write_png
from projgan.pictures.pillow import to_pil
from projgan.plug_and_play.chains import PlugAndPlay, Samples, load_plug_and_play, sample_classes, step_scale
from projgan.plug_and_play.run import InverterRun
from projgan.plug_and_play.sampler import CLASS_SCORES, STEP_RULES, ChainSettings, log_probability
from projgan.storage.network_file import weights_sha256

Progress = Callable[[int, int], None]
LARGEST_GRID = 10_000
LARGEST_ANIMATION = 400
"""Images side by side in a GIF."""
LARGEST_COUNT = 1_000_000
AT_ONCE = 250
"""Images read again at once."""
FRAMES, FRAME_SECONDS, STILL_FRAMES = 40, 0.1, 15
"""Of a GIF: at most about so many, how long each, and how often the last is repeated at the end."""


@dataclass(frozen=True)
class PlugAndPlayRequest:
    """What a person asks for; see `projgan plug-and-play --help`."""

    run: Path
    classifier: Path | None = None
    classes: list[str] | None = None
    count: int = 10
    seed: int = 0
    steps: int = 200
    prior: float = 1e-5
    condition: float = 1.0
    noise: float = 1e-17
    step_size: float | None = None
    """None is a thirtieth of the clip's upper bound under the rule `normalized`, and 1 under another."""
    step_rule: str = "normalized"
    class_gradient: str = "own-logit"
    clip: float | None = None
    """Upper bound of a feature; None is the largest of real images."""
    out: Path = Path("plug-and-play.png")
    overwrite: bool = False
    """Whether what somebody else made may be written over."""
    device: str = "cpu"


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


@dataclass(frozen=True)
class _Plan:
    """A request with what it leaves open filled in: a chain for each label and seed, class by class."""

    names: tuple[str, ...]
    labels: list[int]
    seeds: list[int]
    settings: ChainSettings
    steps: int
    class_gradient: str
    out: Path
    overwrite: bool

    @property
    def count(self) -> int:
        return len(self.labels) // len(self.names)

    def described(self) -> dict[str, Any]:
        return dataclasses.asdict(self.settings) | {
            "steps": self.steps,
            "class_gradient": self.class_gradient,
        }


def write_samples(
    request: PlugAndPlayRequest,
    progress: Progress | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> Written:
    """Sample what is asked for, and write it.

    A folder that was left half written by the same request is gone on with.

    Args:
        request: what to sample.
        progress: told of (steps done, all).
        said: told which classes are left out of all, if any are.

    Raises:
        UserError: an unknown class, a number out of range, files that do not belong together.
    """
    _check(request)
    networks = load_plug_and_play(InverterRun(request.run), request.classifier, request.device)
    plan = _plan(request, networks)
    if request.classes in (None, ["all"]) and networks.words.words_on_empty:
        said(networks.words.words_on_empty)
    if request.out.suffix.lower() in {".png", ".gif"}:
        refuse_foreign([request.out], request.overwrite)
    write = {".png": _write_grid, ".gif": _write_animation}.get(request.out.suffix.lower(), _write_folder)
    files, images = write(networks, plan, progress)
    logits = torch.cat([class_logits(networks.classifier, batch) for batch in images])
    own = log_probability(logits, torch.tensor(plan.labels)).exp()
    means = own.unflatten(0, (len(plan.names), plan.count)).mean(dim=1).tolist()
    return Written(
        run=request.run,
        classifier=request.classifier or InverterRun(request.run).encoder,
        classes=plan.names,
        first_seed=plan.seeds[0],
        last_seed=plan.seeds[-1],
        settings=plan.described(),
        probability=dict(zip(plan.names, means, strict=True)),
        files=files,
    )


def _check(request: PlugAndPlayRequest) -> None:
    if not 1 <= request.count <= LARGEST_COUNT:
        raise UserError(f"--count is {request.count}; it must be from 1 to {LARGEST_COUNT:,}")
    if not 1 <= request.steps <= LARGEST_COUNT:
        raise UserError(f"--steps is {request.steps}; it must be from 1 to {LARGEST_COUNT:,}")
    if not 0 <= request.seed < 2**63 - request.count:
        raise UserError(f"--seed is {request.seed}; it must be from 0 to 2**63")
    for name in ("prior", "condition", "noise"):
        value = getattr(request, name)
        if not (math.isfinite(value) and value >= 0):
            raise UserError(f"--{name} is {value}; it must be 0 or more")
    if request.step_size is not None and not (math.isfinite(request.step_size) and request.step_size > 0):
        raise UserError(f"--step-size is {request.step_size}; it must be above 0")
    if request.clip is not None and not request.clip > 0:
        raise UserError(f"--clip is {request.clip}; it must be above 0, or inf")
    if request.out.suffix.lower() in {".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".mp4"}:
        raise UserError(f"--out {request.out}: give FILE.png, FILE.gif or a folder")
    if request.classes == []:
        raise UserError("--class is given without a name; name a class, or leave it out for every class")


def _plan(request: PlugAndPlayRequest, networks: PlugAndPlay) -> _Plan:
    words = networks.words
    chosen = words.present_classes
    if request.classes is not None:
        chosen = class_labels(request.classes, words.class_names, words.empty_classes)
    labels = list(dict.fromkeys(chosen))
    total = len(labels) * request.count
    largest = {".png": LARGEST_GRID, ".gif": LARGEST_ANIMATION}.get(request.out.suffix.lower(), LARGEST_COUNT)
    if total > largest:
        raise UserError(f"--out {request.out}: {total:,} images are more than {largest:,}; ask for fewer")
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
    assert request.step_rule in STEP_RULES
    assert request.class_gradient in CLASS_SCORES
    return _Plan(
        names=tuple(networks.words.class_names[label] for label in labels),
        labels=[label for label in labels for _ in range(request.count)],
        seeds=[request.seed + number for _ in labels for number in range(request.count)],
        settings=settings,
        steps=request.steps,
        class_gradient=request.class_gradient,
        out=request.out,
        overwrite=request.overwrite,
    )


def _lanes(
    networks: PlugAndPlay, plan: _Plan, keep_every: int | None, progress: Progress | None
) -> Iterator[Samples]:
    return sample_classes(
        networks,
        plan.labels,
        plan.seeds,
        plan.settings,
        steps=plan.steps,
        class_score=plan.class_gradient,
        keep_every=keep_every,
        progress=progress,
    )


def _write_grid(
    networks: PlugAndPlay, plan: _Plan, progress: Progress | None
) -> tuple[list[Path], Iterable[Tensor]]:
    images = torch.cat([lane.images for lane in _lanes(networks, plan, None, progress)])
    write_png(_grid(images, plan), plan.out)
    return [plan.out], [images]


def _grid(images: Tensor, plan: _Plan) -> Image.Image:
    return grid(images, plan.count, plan.names)


def _write_animation(
    networks: PlugAndPlay, plan: _Plan, progress: Progress | None
) -> tuple[list[Path], Iterable[Tensor]]:
    made = list(_lanes(networks, plan, -(-plan.steps // FRAMES), progress))
    images = torch.cat([lane.images for lane in made])
    frames = [*torch.cat([lane.frames for lane in made], dim=1), *[images] * STILL_FRAMES]
    write_gif([_grid(frame, plan) for frame in frames], plan.out, FRAME_SECONDS)
    return [plan.out], [images]


def _write_folder(
    networks: PlugAndPlay, plan: _Plan, progress: Progress | None
) -> tuple[list[Path], Iterable[Tensor]]:
    """A PNG a chain, in a folder a class, as `projgan evaluate` reads them."""
    folders = folder_names(networks.words.class_names)
    chains = [
        (label, seed, plan.out / folders[label] / f"seed{seed:06d}.png")
        for label, seed in zip(plan.labels, plan.seeds, strict=True)
    ]
    _claim(networks, plan, (path for _, _, path in chains))
    missing = [chain for chain in chains if not chain[2].exists()]
    files = iter(path for _, _, path in missing)
    for lane in sample_classes(
        networks,
        [label for label, _, _ in missing],
        [seed for _, seed, _ in missing],
        plan.settings,
        steps=plan.steps,
        class_score=plan.class_gradient,
        progress=progress,
    ):
        # The images first: zip would take a file too many.
        for image, path in zip(lane.images, files, strict=False):
            write_png(to_pil(image), path)
    written = [path for _, _, path in chains]
    parts = [written[start : start + AT_ONCE] for start in range(0, len(written), AT_ONCE)]
    return written, (torch.stack([_read(path, networks) for path in part]) for part in parts)


def _claim(networks: PlugAndPlay, plan: _Plan, files: Iterable[Path]) -> None:
    """Note in the folder how its images are made; refuse one with images made otherwise, or of others."""
    refuse_foreign(files, plan.overwrite)
    networks_of = {
        "inverter": weights_sha256(networks.inverter),
        "classifier": weights_sha256(networks.classifier),
    }
    claim_folder(plan.out, plan.described() | networks_of, plan.overwrite)


def _read(path: Path, networks: PlugAndPlay) -> Tensor:
    size = networks.inverter.resolution
    with reading(path, "an image", "remove it"), Image.open(path) as picture:
        if picture.size != (size, size):
            raise UserError(f"{path}: not an image of this run; remove it")
        array = np.asarray(picture.convert("L" if networks.inverter.channels == 1 else "RGB"))
    return torch.from_numpy(array.copy()).reshape(size, size, -1).permute(2, 0, 1)
