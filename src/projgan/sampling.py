"""Seeds and conditions to images.

One seed is one latent vector, so one seed and one class are one image, whatever is sampled beside it.
The generator runs on lanes of a fixed number of images, the last one padded: convolutions round
differently for different batch sizes, and an image must not depend on its neighbours.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from projgan.errors import UserError, nearest_name
from projgan.images import to_uint8
from projgan.networks.resnet import Generator

LANES = {"cpu": 8, "cuda": 64}
"""Images the generator sees at once, by device type."""


def latents_of(seeds: Sequence[int], latent_size: int, truncation: float | None = None) -> Tensor:
    """Return the latent vectors of some seeds, float32 [N, latent_size], truncated if a bound is given."""
    latents = torch.stack(
        [torch.randn(latent_size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )
    return latents if truncation is None else truncate(latents, truncation)


def truncate(latents: Tensor, truncation: float) -> Tensor:
    """Move each entry to the same quantile of the normal distribution cut off at +-truncation.

    A seed's image changes smoothly with the bound (Brock et al. 2019 draw again instead; the distribution
    is the same). Float32 of any shape -> the same.
    """
    lower = torch.special.ndtr(torch.tensor(-truncation, dtype=torch.float64))
    quantiles = lower + torch.special.ndtr(latents.double()) * (1 - 2 * lower)
    return torch.special.ndtri(quantiles).float()


def sample(
    generator: Generator,
    seeds: Sequence[int],
    condition: Tensor | None,
    truncation: float | None = None,
    batch_size: int | None = None,
) -> Iterator[Tensor]:
    """Generate one image per seed, batch by batch.

    Args:
        generator: in evaluation mode, on any device.
        seeds: N seeds, each in [0, 2**63).
        condition: labels [N] or mixing weights [N, num_classes]; None for an unconditional generator.
        truncation: bound of the latents' entries, or None.
        batch_size: images per batch handed over, which changes nothing in them; None is one lane.

    Yields:
        uint8 [batch_size, channels, R, R] on the CPU in the order of the seeds, the last one perhaps short.
    """
    if batch_size is None:
        yield from _lanes(generator, seeds, condition, truncation)
        return
    waiting = torch.empty(0, dtype=torch.uint8)
    for lane in _lanes(generator, seeds, condition, truncation):
        waiting = torch.cat([waiting, lane]) if len(waiting) else lane
        while len(waiting) >= batch_size:
            yield waiting[:batch_size]
            waiting = waiting[batch_size:]
    if len(waiting):
        yield waiting


def _lanes(
    generator: Generator, seeds: Sequence[int], condition: Tensor | None, truncation: float | None
) -> Iterator[Tensor]:
    lane = _lane_size(generator)
    for start in range(0, len(seeds), lane):
        part = slice(start, start + lane)
        latents = latents_of(seeds[part], generator.latent_size, truncation)
        yield from sample_latents(generator, latents, None if condition is None else condition[part])


def sample_latents(generator: Generator, latents: Tensor, condition: Tensor | None) -> Iterator[Tensor]:
    """Generate one image per latent vector, lane by lane.

    Args:
        generator: in evaluation mode, on any device.
        latents: float32 [N, latent_size].
        condition: labels [N] or mixing weights [N, num_classes]; None for an unconditional generator.

    Yields:
        uint8 [lane, channels, R, R] on the CPU in the order of the latents, the last one perhaps short.
    """
    device = next(generator.parameters()).device
    lane = _lane_size(generator)
    if condition is None:
        condition = torch.zeros(len(latents), dtype=torch.int64)
    for start in range(0, len(latents), lane):
        some, part = latents[start : start + lane], condition[start : start + lane]
        missing = lane - len(some)
        some = torch.cat([some, some[:1].expand(missing, -1)])
        part = torch.cat([part, part[:1].expand(missing, *part.shape[1:])])
        with torch.inference_mode():
            images = generator(some.to(device), part.to(device))
        yield to_uint8(images[: lane - missing]).cpu()


def _lane_size(generator: Generator) -> int:
    return LANES.get(next(generator.parameters()).device.type, LANES["cpu"])


def class_label(name: str, class_names: Sequence[str]) -> int:
    """Return the label of a class given by name, or by number where no class has that name.

    Raises:
        UserError: naming the nearest class.
    """
    if name in class_names:
        return list(class_names).index(name)
    if name.isascii() and name.isdigit() and int(name) < len(class_names):
        return int(name)
    raise UserError(f"unknown class {name!r}{nearest_name(name, class_names)}")


def class_labels(names: Sequence[str], class_names: Sequence[str]) -> list[int]:
    """Return the labels of several classes; `all` is every class, unless one is called so."""
    if list(names) == ["all"] and "all" not in class_names:
        return list(range(len(class_names)))
    return [class_label(name, class_names) for name in names]


def mixing_weights(text: str, class_names: Sequence[str]) -> Tensor:
    """Turn `cat=0.3,dog=0.7` into weights over all classes, float32 [num_classes].

    Raises:
        UserError: not of that form, an unknown class, or weights that do not sum to 1.
    """
    weights = torch.zeros(len(class_names))
    for part in text.split(","):
        name, equals, number = part.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not equals or not math.isfinite(weight):
            raise UserError(f"--mix {text}: {part!r} is not of the form class=weight, as in cat=0.3,dog=0.7")
        weights[class_label(name.strip(), class_names)] += weight
    if abs(weights.sum().item() - 1) > 1e-4:
        raise UserError(f"--mix {text}: the weights sum to {weights.sum().item():g}; they must sum to 1")
    return weights
