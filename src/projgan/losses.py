"""Adversarial losses: pure functions from the discriminator's logits [N] to one loss per image [N].

Hinge: Miyato & Koyama 2018, equation 8. Standard: their equation 1 with A the sigmoid and the generator's
loss in its non-saturating form; it is the loss that the derivation of the projection starts from.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

LogitLoss = Callable[[Tensor], Tensor]


def hinge_real(logits: Tensor) -> Tensor:
    """max(0, 1 - f) on real images, for the discriminator."""
    return F.relu(1 - logits)


def hinge_fake(logits: Tensor) -> Tensor:
    """max(0, 1 + f) on generated images, for the discriminator."""
    return F.relu(1 + logits)


def hinge_generator(logits: Tensor) -> Tensor:
    """-f on generated images, for the generator."""
    return -logits


def standard_real(logits: Tensor) -> Tensor:
    """-log sigmoid(f) = softplus(-f) on real images, for the discriminator."""
    return F.softplus(-logits)


def standard_fake(logits: Tensor) -> Tensor:
    """-log(1 - sigmoid(f)) = softplus(f) on generated images, for the discriminator."""
    return F.softplus(logits)


def standard_generator(logits: Tensor) -> Tensor:
    """-log sigmoid(f) on generated images, for the generator."""
    return F.softplus(-logits)


@dataclass(frozen=True)
class AdversarialLoss:
    """The three functions of one adversarial game."""

    real: LogitLoss
    """The discriminator's loss on real images."""
    fake: LogitLoss
    """The discriminator's loss on generated images."""
    generator: LogitLoss
    """The generator's loss on generated images."""


ADVERSARIAL_LOSSES: dict[str, AdversarialLoss] = {
    "hinge": AdversarialLoss(hinge_real, hinge_fake, hinge_generator),
    "standard": AdversarialLoss(standard_real, standard_fake, standard_generator),
}
"""Every adversarial loss, by the name used in configurations."""
