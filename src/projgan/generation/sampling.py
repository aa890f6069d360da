"""Seeds and conditions to images.

One seed is one latent vector, so one seed and one class are one image, whatever is sampled beside it.
Images are generated in lanes (`projgan.lanes`), so that none depends on its neighbours.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from projgan.lanes import in_lanes, lane_size
from projgan.networks.resnet import Generator
from projgan.pictures.pixels import to_uint8


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
        condition: labels [N] or float [N, num_classes]; None for an unconditional generator.
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
    lane = lane_size(generator)
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
    if condition is None:
        condition = torch.zeros(len(latents), dtype=torch.int64)
    for images, count in in_lanes(
        lambda latents, condition: generator(latents.to(device), condition.to(device)),
        lane_size(generator),
        latents,
        condition,
    ):
        yield to_uint8(images[:count]).cpu()
