"""Rejection by the discriminator: of a pool of seeds, keep those whose images it finds most real.

The best share by logit is kept. Discriminator rejection sampling (Azadi et al. 2019, arXiv 1810.06758) keeps
an image with probability proportional to exp f instead, which needs a logit that is a log-ratio, and hinge
leaves none. Keeping the best needs only an order, and buys fidelity with variety.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from projgan.generation.sampling import sample
from projgan.lanes import logits_of
from projgan.networks.resnet import Discriminator, Generator


def most_real(
    generator: Generator,
    discriminator: Discriminator,
    seeds: Sequence[int],
    count: int,
    condition: Tensor | None,
    truncation: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[int]:
    """Return the `count` seeds whose images have the largest logits, in the order they were given.

    It is a function of the seeds and the condition: batches do not matter, and of equals the first is kept.
    Images are not held; who wants them generates them again.

    Args:
        generator: in evaluation mode.
        discriminator: of the same run, in evaluation mode.
        seeds: the pool, at least `count` of them.
        count: seeds to keep.
        condition: of them all, one label [] or float [num_classes]; None for an unconditional generator.
        truncation: bound of the latents' entries, or None.
        progress: told of each lane's number of images.
    """
    repeated = None if condition is None else condition.expand(len(seeds), *condition.shape)
    logits = []
    for images in sample(generator, seeds, repeated, truncation):
        logits.append(logits_of(discriminator, images, None if repeated is None else repeated[: len(images)]))
        if progress:
            progress(len(images))
    best = torch.cat(logits).argsort(descending=True, stable=True)[:count]
    return [seeds[place] for place in sorted(best.tolist())]
