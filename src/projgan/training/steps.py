"""The algorithm: one update of each network (pfnet-research/sngan_projection, source/updater.py).

One step of a run is `generator_step` once, then `discriminator_step` as often as the configuration says.
Real and generated images go through the discriminator in one forward, so that spectral normalisation
iterates once an update; the official code runs them apart, with an iteration each. `discriminator` is a
`Discriminator` or what wraps one: images augmented before it, a classifier beside it.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from projgan.losses import Objective
from projgan.networks.batch_norm import statistics_of_parts
from projgan.networks.resnet import Generator

AverageGradients = Callable[[Iterable[nn.Parameter]], None]


def generator_step(
    generator: Generator,
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    latents: Tensor,
    condition: Tensor,
    average_gradients: AverageGradients,
) -> Tensor:
    """Update the generator on its own images; returns the loss, detached, a scalar.

    The discriminator's parameters get no gradient, but its power iteration moves on: this is a training
    forward of it too, as in the paper's code.
    """
    discriminator.requires_grad_(False)
    fake_output = discriminator(generator(latents, condition), condition)
    value = objective.generator(fake_output, condition).mean()
    optimizer.zero_grad()
    value.backward()
    average_gradients(generator.parameters())
    optimizer.step()
    discriminator.requires_grad_(True)
    return value.detach()


@torch.no_grad()
def fake_images(generator: Generator, latents: Tensor, condition: Tensor, updates: int) -> Tensor:
    """Make the images of so many updates of the discriminator, one after another: [N, C, H, W].

    It is a training forward: batch norm takes the statistics of each update's images, as the official code
    does, which makes them update by update.
    """
    with statistics_of_parts(generator, updates):
        images: Tensor = generator(latents, condition)
    return images


def discriminator_step(
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    real: tuple[Tensor, Tensor],
    fake: tuple[Tensor, Tensor],
    average_gradients: AverageGradients,
) -> Tensor:
    """Update the discriminator on real (images, condition) and fake ones, see `fake_images`.

    Returns the loss, detached, a scalar: the mean over real images plus the mean over generated ones.
    """
    (real_images, real_condition), (_, fake_condition) = real, fake
    output = discriminator(*(torch.cat(pair) for pair in zip(real, fake, strict=True)))
    real_output, fake_output = output.split(len(real_images))
    real_loss = objective.real(real_output, real_condition).mean()
    value = real_loss + objective.fake(fake_output, fake_condition).mean()
    optimizer.zero_grad()
    value.backward()
    average_gradients(discriminator.parameters())
    optimizer.step()
    return value.detach()
