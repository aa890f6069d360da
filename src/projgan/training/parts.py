"""Everything a run has in memory, as it is built: see `building`."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from projgan.data.stream import ImageStream
from projgan.losses import Objective
from projgan.networks.augmentation import AugmentedDiscriminator
from projgan.networks.resnet import Discriminator, Generator
from projgan.process.ranks import Ranks
from projgan.randomness import generator_at
from projgan.training.averaging import GeneratorAverage
from projgan.training.lecam import Anchors


@dataclass(frozen=True)
class Schedule:
    """How long, and how much at a time."""

    steps: int
    batch_size: int
    """Real images of one discriminator update, over all processes."""
    generator_batch_size: int
    """Generated images of one generator update, over all processes."""
    discriminator_updates: int
    """Of one step."""
    rates: Callable[[int], tuple[float, float]]
    """Learning rates of generator and discriminator at a step."""


@dataclass(frozen=True)
class Fakes:
    """What generated images are made of: each draw is a function of the seed, its stream and its position."""

    seed: int
    latent_size: int
    conditions: Callable[[int, torch.Generator], Tensor]
    """Draws so many conditions."""
    changes: int
    """Random numbers that the augmentation of one image takes."""
    ranks: Ranks

    def draw(self, stream: str, position: int, count: int) -> tuple[Tensor, Tensor]:
        """Return this process's share of `count` latents [n, latent_size] and their conditions."""
        share = self.ranks.share(count)
        latents, conditions = self.draw_whole(stream, position, count)
        return latents[share], conditions[share]

    def draw_whole(self, stream: str, position: int, count: int) -> tuple[Tensor, Tensor]:
        """Return the shares of all processes."""
        device = self.ranks.device
        generator = generator_at(self.seed, stream, position, device)
        latents = torch.randn(count, self.latent_size, generator=generator, device=device)
        return latents, self.conditions(count, generator)

    def draw_changes(self, stream: str, position: int, counts: list[int]) -> Tensor:
        """Draw how the images of one update are changed, of each batch of so many over all processes."""
        device = self.ranks.device
        if not self.changes:
            return torch.empty(0, device=device)
        generator = generator_at(self.seed, f"{stream}-augmentation", position, device)
        parts = [torch.rand(count, self.changes, generator=generator, device=device) for count in counts]
        return torch.cat([part[self.ranks.share(len(part))] for part in parts])


@dataclass(frozen=True)
class Parts:
    """The parts of a run; the steps change what is in them, never which they are."""

    generator: Generator
    discriminator: Discriminator
    average: GeneratorAverage | None
    """Of the generator, for samples."""
    optimizers: tuple[torch.optim.Adam, torch.optim.Adam]
    """Of the generator and of the discriminator."""
    augmented: AugmentedDiscriminator | None
    """The discriminator behind what changes its images."""
    judge: nn.Module
    """What the discriminator's update asks: the discriminator, or `augmented`."""
    guided_judge: nn.Module
    """What the generator's update asks: the same, or with a classifier beside it."""
    objective: Objective
    anchors: Anchors | None
    """Of LeCam."""
    images: ImageStream
    fakes: Fakes
    schedule: Schedule
    acceleration: str
    """A name in `ACCELERATIONS`."""
