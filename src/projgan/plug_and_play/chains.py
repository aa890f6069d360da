"""Seeds and classes to images, by the sampler.

One seed and one class are one image, whatever is sampled beside it: chains run in lanes of a fixed number, as
in `projgan.generation.sampling`, and the noise of a chain follows from its seed and the step.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from projgan.arithmetic import in_float32
from projgan.data.gathering import send
from projgan.errors import UserError
from projgan.generation.sampling import latents_of
from projgan.lanes import fill_lane, rows_apart
from projgan.listening import Count
from projgan.networks.classifier import Classifier
from projgan.networks.inverting_generator import InvertingGenerator
from projgan.pictures.pixels import to_uint8
from projgan.plug_and_play.run import InverterRun
from projgan.plug_and_play.sampler import CLASS_SCORES, ChainSettings, sample_chain
from projgan.randomness import generator_at
from projgan.storage.classifiers import check_classifier
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import load_classifier, load_inverting_generator, weights_sha256

CHAINS = {"cpu": 32, "cuda": 256}
"""Chains walked at once, by device type."""
STEPS_DRAWN = 16
"""Steps whose noise is drawn at once: a generator for each chain and step takes longer than a GPU's step."""
CLIP_IN_STEPS = 30
"""The authors' code clips features at 30 and takes steps of 1."""


@dataclass(frozen=True)
class PlugAndPlay:
    """What the sampler needs: G, the E it inverts, and a classifier that says where to go.

    Attributes:
        inverter, encoder, classifier: in evaluation mode, without gradients, on one device.
        largest_feature: of images, the scale of steps and clipping.
        description: the inverter's.
        words: the classifier's description, which names the classes.
    """

    inverter: InvertingGenerator
    encoder: Classifier
    classifier: Classifier
    largest_feature: float
    description: NetworkDescription
    words: NetworkDescription

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.encoder.linear.weight.device


@dataclass(frozen=True)
class Samples:
    """What a lane of n chains has come to."""

    images: Tensor
    """uint8 [n, C, R, R], the generator's after the last step."""
    frames: Tensor
    """uint8 [T, n, C, R, R], on the way: the first from the start, the rest as asked for."""


def load_plug_and_play(
    run: InverterRun, classifier: Path | None = None, device: torch.device | str = "cpu"
) -> PlugAndPlay:
    """Read a run of `train_inverter` and the classifier to steer by, its own encoder if None.

    Raises:
        UserError: no such run, or a classifier of other images.
    """
    if not run.inverter.is_file():
        raise UserError(f"{run.path}: no {run.inverter.name} there; `projgan inverter` makes one")
    inverter, description = load_inverting_generator(run.inverter, device)
    encoder, words = load_classifier(run.encoder, device)
    assert description.inversion is not None
    if weights_sha256(encoder) != description.inversion.encoder_sha256:
        raise UserError(f"{run.encoder}: not the classifier that {run.inverter.name} inverts; damaged")
    steering = encoder
    if classifier is not None:
        steering, words = load_classifier(classifier, device)
        check_classifier(
            classifier, words, str(run.path), resolution=inverter.resolution, channels=inverter.channels
        )
    for network in (inverter, encoder, steering):
        network.requires_grad_(False)
    largest = description.inversion.largest_feature
    return PlugAndPlay(inverter, encoder, steering, largest, description, words)


def step_scale(largest_feature: float) -> tuple[float, tuple[float, float]]:
    """Return step size and clip for features of this size: the authors' 1 and [0, 30], scaled to it."""
    return largest_feature / CLIP_IN_STEPS, (0.0, largest_feature)


def seeded_noise(
    seeds: Sequence[int], num_features: int, device: torch.device | str = "cpu"
) -> Callable[[int], Tensor]:
    """Return a function of the step that draws N(0, 1) for the chain of each seed, float32 [N, D]."""
    held: dict[int, Tensor] = {}

    def draw(step: int) -> Tensor:
        block, place = divmod(step, STEPS_DRAWN)
        if block not in held:
            generators = [generator_at(seed, "plug-and-play", block) for seed in seeds]
            drawn = [torch.randn(STEPS_DRAWN, num_features, generator=source) for source in generators]
            held.clear()
            held[block] = send(torch.stack(drawn), torch.device(device))
        return held[block][:, place]

    return draw


def sample_classes(
    networks: PlugAndPlay,
    labels: Sequence[int],
    seeds: Sequence[int],
    settings: ChainSettings,
    *,
    steps: int = 200,
    class_score: str = "own-logit",
    keep_every: int | None = None,
    progress: Count | None = None,
) -> Iterator[Samples]:
    """Walk a chain from N(0, I) for every pair of a label and a seed, lane by lane.

    Args:
        networks: of `load_plug_and_play`.
        labels: of the steering classifier, N.
        seeds: N, each in [0, 2**63).
        settings: of the sampler.
        steps: of each chain.
        class_score: a name in `CLASS_SCORES`.
        keep_every: steps between two frames on the way, or None.
        progress: told of (steps done, all), over all lanes.
    """
    lane = CHAINS.get(networks.device.type, CHAINS["cpu"])
    lanes = -(-len(labels) // lane)
    for number, start in enumerate(range(0, len(labels), lane)):
        part = slice(start, start + lane)

        def tell(done: int, total: int, before: int = number * steps) -> None:
            if progress is not None:
                progress(before + done, lanes * steps)

        yield _walk_lane(
            networks, labels[part], seeds[part], lane, settings, steps, class_score, keep_every, tell
        )


def _walk_lane(
    networks: PlugAndPlay,
    labels: Sequence[int],
    seeds: Sequence[int],
    lane: int,
    settings: ChainSettings,
    steps: int,
    class_score: str,
    keep_every: int | None,
    progress: Count,
) -> Samples:
    device, count = networks.device, len(labels)
    wanted = fill_lane(torch.tensor(labels), lane).to(device)
    seeds = [*seeds, *[seeds[0]] * (lane - count)]
    size = networks.encoder.num_features
    score = CLASS_SCORES[class_score]
    with in_float32(), rows_apart():
        chain = sample_chain(
            networks.inverter,
            networks.encoder.features,
            lambda images: score(networks.classifier(images), wanted),
            latents_of(seeds, size).to(device),
            settings,
            seeded_noise(seeds, size, device),
            steps=steps,
            keep_every=keep_every,
            progress=progress,
        )
    with torch.no_grad(), in_float32(), rows_apart():
        images = to_uint8(networks.inverter(chain.features)[:count]).cpu()
        frames = torch.stack(
            [to_uint8(networks.inverter(features)[:count]).cpu() for features in chain.trajectory]
        )
    return Samples(images, frames)
