"""Generated images for the discriminator, those of several updates in one forward where that is fast.

The generator does not move between the updates of a step. A GPU launches as much for one small batch as for
five; a CPU gains nothing.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor]
MOST_PIXELS = 2**19
"""Of the images made at once, 512 of 32 by 32: more keep a GPU busy by themselves, and take its memory."""


def updates_at_once(device: torch.device, acceleration: str, updates: int, pixels: int) -> int:
    """Return for how many updates of a step images are made at once, a divisor of them.

    Args:
        device: of the run.
        acceleration: a name in `ACCELERATIONS`.
        updates: of the discriminator in a step.
        pixels: of this process's generated images of one update.
    """
    if device.type == "cpu" or acceleration == "none":
        return 1
    return max(
        count
        for count in range(1, updates + 1)
        if updates % count == 0 and (count == 1 or count * pixels <= MOST_PIXELS)
    )


def fake_batches(
    make: Callable[[Tensor, Tensor], Tensor], draws: Sequence[Batch], at_once: int
) -> Iterator[Batch]:
    """Yield images and their conditions for each (latents, condition), made for so many of them at once."""
    for start in range(0, len(draws), at_once):
        group = draws[start : start + at_once]
        latents, condition = (torch.cat(parts) for parts in zip(*group, strict=True))
        images = make(latents, condition)
        yield from zip(images.chunk(len(group)), condition.chunk(len(group)), strict=True)
