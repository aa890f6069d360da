"""Losses: pure functions from what the discriminator says of N images to one loss per image [N].

Hinge: Miyato & Koyama 2018, equation 8. Standard: their equation 1 with A the sigmoid and the generator's
loss in its non-saturating form; it is the loss that the derivation of the projection starts from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

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


class Judgement(Protocol):
    """What a loss may see of a discriminator's output."""

    @property
    def logits(self) -> Tensor:
        """[N]: positive means real."""

    @property
    def class_logits(self) -> Tensor | None:
        """[N, num_classes] where the method classifies."""


JudgementLoss = Callable[[Judgement, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """What the two networks minimise: functions of an output and its condition, one value per image."""

    real: JudgementLoss
    """The discriminator's, on real images."""
    fake: JudgementLoss
    """The discriminator's, on generated images."""
    generator: JudgementLoss
    """The generator's, on generated images."""


def adversarial_objective(loss: AdversarialLoss, class_weight: float) -> Objective:
    """The adversarial loss alone: the condition has entered the logits."""
    return Objective(
        real=lambda output, condition: loss.real(output.logits),
        fake=lambda output, condition: loss.fake(output.logits),
        generator=lambda output, condition: loss.generator(output.logits),
    )


def auxiliary_classifier_objective(loss: AdversarialLoss, class_weight: float) -> Objective:
    """AC-GAN (Odena et al. 2017): both networks also minimise the classification error.

    The discriminator on real and generated images (their L_S + L_C), the generator on generated ones
    (L_C - L_S). Odena et al. weigh both alike, `class_weight` 1; the projection paper does not say its own.
    """

    def classify(output: Judgement, condition: Tensor) -> Tensor:
        assert output.class_logits is not None
        return class_weight * F.cross_entropy(output.class_logits, condition, reduction="none")

    return Objective(
        real=lambda output, condition: loss.real(output.logits) + classify(output, condition),
        fake=lambda output, condition: loss.fake(output.logits) + classify(output, condition),
        generator=lambda output, condition: loss.generator(output.logits) + classify(output, condition),
    )


OBJECTIVES: dict[str, Callable[[AdversarialLoss, float], Objective]] = {
    "projection": adversarial_objective,
    "input-concat": adversarial_objective,
    "hidden-concat": adversarial_objective,
    "output-concat": adversarial_objective,
    "ac-gan": auxiliary_classifier_objective,
    "unconditional": adversarial_objective,
}
"""The objective that belongs to each way in which the discriminator meets the condition."""
