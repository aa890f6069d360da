"""Random changes that real and generated images alike go through before the discriminator sees them.

Differentiable augmentation (Zhao et al., NeurIPS 2020; mit-han-lab/data-efficient-gans): the generator's
gradient passes through, and as the law is the same for both, changed images are not what it learns to make.
Every change takes its randomness as uniform numbers in [0, 1): whoever draws them decides what follows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from projgan.networks.condition_method import DiscriminatorOutput
from projgan.networks.resnet import Discriminator

BRIGHTNESS = 0.5
"""Half the width of the change, where white is 1 and black -1."""
LARGEST_SHIFT = 1 / 8
"""Of the side."""
CUTOUT_SIDE = 1 / 2
"""Of the side."""


def change_colour(images: Tensor, uniform: Tensor, strength: float) -> Tensor:
    """Change brightness, then saturation, then contrast: images [N, C, H, W], uniform [N, 3]."""
    brightness, saturation, contrast = (2 * uniform[:, :, None, None, None] - 1).unbind(dim=1)
    images = images + strength * BRIGHTNESS * brightness
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (1 + strength * saturation)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * (1 + strength * contrast / 2)


def translate(images: Tensor, uniform: Tensor, strength: float) -> Tensor:
    """Shift by whole pixels, up to an eighth of the side, over grey: images [N, C, H, W], uniform [N, 2]."""
    largest = round(strength * LARGEST_SHIFT * images.shape[2])
    shifts = (uniform * (2 * largest + 1)).long() - largest
    return _shift(_shift(images, shifts[:, 0], dim=2), shifts[:, 1], dim=3)


def _shift(images: Tensor, shifts: Tensor, dim: int) -> Tensor:
    size = images.shape[dim]
    places = torch.arange(size, device=images.device) - shifts[:, None]
    shape = [len(images), 1, 1, 1]
    shape[dim] = size
    inside = ((places >= 0) & (places < size)).view(shape)
    return torch.take_along_dim(images, places.clamp(0, size - 1).view(shape), dim) * inside


def cut_out(images: Tensor, uniform: Tensor, strength: float) -> Tensor:
    """Grey out a square of half the side, centred anywhere: images [N, C, H, W], uniform [N, 2]."""
    height, width = images.shape[2:]
    side = round(strength * CUTOUT_SIDE * height)
    rows, columns = (
        _within(centres, size, side) for centres, size in zip(uniform.unbind(1), (height, width), strict=True)
    )
    return images * ~(rows[:, None, :, None] & columns[:, None, None, :])


def _within(uniform: Tensor, size: int, side: int) -> Tensor:
    """bool [N, size]: which places lie in a stretch of length `side` that `uniform` [N] places."""
    first = (uniform * (size + 1 - side % 2)).long() - side // 2
    places = torch.arange(size, device=uniform.device) - first[:, None]
    return (places >= 0) & (places < side)


@dataclass(frozen=True)
class Change:
    """A random change of images."""

    apply: Callable[[Tensor, Tensor, float], Tensor]
    """Images [N, C, H, W], uniform numbers [N, draws], strength -> images."""
    draws: int
    """Uniform numbers it takes an image."""


CHANGES: dict[str, Change] = {
    "colour": Change(change_colour, 3),
    "translation": Change(translate, 2),
    "cutout": Change(cut_out, 2),
}
"""Every change by its name in configurations; at strength 0 each leaves images as they are."""


class AugmentedDiscriminator(nn.Module):
    """A discriminator that sees changed images.

    Args:
        discriminator: sees them.
        names: keys of `CHANGES`, applied in this order.
        strength: 1 is that of Zhao et al.
    """

    def __init__(self, discriminator: Discriminator, names: Sequence[str], strength: float = 1.0) -> None:
        super().__init__()
        self.discriminator, self.strength = discriminator, strength
        self.changes = [CHANGES[name] for name in names]
        self.draws = sum(change.draws for change in self.changes)
        self.uniform = torch.empty(0)

    def change_by(self, uniform: Tensor) -> None:
        """Give the randomness of the images to come, in [0, 1): [N, draws]."""
        self.uniform = uniform

    def augment(self, images: Tensor) -> Tensor:
        """Change images [N, C, H, W] by the randomness given."""
        parts = self.uniform.split([change.draws for change in self.changes], dim=1)
        for change, part in zip(self.changes, parts, strict=True):
            images = change.apply(images, part, self.strength)
        return images

    def forward(self, images: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Images [N, C, R, R] in [-1, 1], real or generated, and their condition."""
        output: DiscriminatorOutput = self.discriminator(self.augment(images), condition)
        return output
