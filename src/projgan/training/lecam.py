"""LeCam regularisation (Tseng et al., CVPR 2021): keeps the discriminator from growing ever surer of itself.

A real image's logit is held back where it is above an anchor, the moving average of generated images' logits,
and a generated one's where it is below that of real ones. Their equation has squares on both sides of an
anchor; their code (google/lecam-gan, biggan_cifar/losses.py) and this one have them on the far side only.
"""

import dataclasses
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.losses import Judgement, Objective


class Anchors(nn.Module):
    """Moving averages of the mean logits of real and of generated images.

    Args:
        decay: of the averages.
        average_over_ranks: the mean of a tensor over all processes.
    """

    real: Tensor
    fake: Tensor
    seen_real: Tensor

    def __init__(self, decay: float, average_over_ranks: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.decay, self.average_over_ranks = decay, average_over_ranks
        self.register_buffer("real", torch.zeros(()))
        self.register_buffer("fake", torch.zeros(()))
        self.register_buffer("seen_real", torch.zeros(()), persistent=False)

    @torch.no_grad()
    def see_real(self, logits: Tensor) -> None:
        """Note the logits of one update's real images."""
        self.seen_real.copy_(logits.mean())

    @torch.no_grad()
    def move(self, fake_logits: Tensor) -> None:
        """Move both, by the real images noted and these generated ones, which end an update."""
        seen = torch.stack([self.seen_real, fake_logits.mean().float()])
        real, fake = self.average_over_ranks(seen)
        self.real.lerp_(real, 1 - self.decay)
        self.fake.lerp_(fake, 1 - self.decay)


def lecam_objective(objective: Objective, weight: float, anchors: Anchors) -> Objective:
    """The same, and the discriminator also minimises weight x the squared distance beyond an anchor.

    An update calls `real` once, then `fake` once, and both meet the anchors of the updates before.
    """

    def real(output: Judgement, condition: Tensor) -> Tensor:
        anchors.see_real(output.logits)
        return objective.real(output, condition) + weight * F.relu(output.logits - anchors.fake) ** 2

    def fake(output: Judgement, condition: Tensor) -> Tensor:
        beyond = F.relu(anchors.real - output.logits)
        anchors.move(output.logits)
        return objective.fake(output, condition) + weight * beyond**2

    return dataclasses.replace(objective, real=real, fake=fake)
