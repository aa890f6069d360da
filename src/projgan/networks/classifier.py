"""A residual classifier of any resolution, to recognise what a generator made and to compare its features."""

import itertools
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.shapes import MAX_RESOLUTION, MIN_RESOLUTION

NARROWEST_STAGE = 16
WHITENING_FLOOR = 5e-4
"""Added to the variances the stem divides by, so that what is nearly constant is not blown up to noise."""


def stage_widths(resolution: int, width: int) -> tuple[int, ...]:
    """Channels of each stage, which double up to `width` while the map halves to 4 to 7 pixels.

    8 and 16 pixels have two stages like 16 and 31, 32 have three, 64 four; every stage costs about the same.
    """
    stages = max(2, resolution.bit_length() - 3)
    return tuple(max(width >> (stages - 1 - stage), min(width, NARROWEST_STAGE)) for stage in range(stages))


class ClassifierStage(nn.Module):
    """Convolution, 2x2 max pooling, batch norm, ReLU; then convolution, batch norm, ReLU around an identity.

    Pooling before the norm makes all but the first convolution four times cheaper (Jordan 2024).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)

    def forward(self, images: Tensor) -> Tensor:
        """[N, in, H, W] -> non-negative [N, out, H/2, W/2]."""
        hidden = F.relu(self.norm1(F.max_pool2d(self.conv1(images), 2)))
        return hidden + F.relu(self.norm2(self.conv2(hidden)))


class Classifier(nn.Module):
    """Images float [N, channels, resolution, resolution] in [-1, 1] to class logits [N, num_classes].

    A stem whose filters are the whitening of 2x2 patches and its negative (`whiten`), stages that double the
    width and halve the map, global max pooling, one linear layer. After He et al. 2016, Page 2018 and
    Jordan 2024 ("94% on CIFAR-10 in 3.29 seconds").

    Args:
        resolution: height and width, 8 to 512.
        channels: 1 for grey images, 3 for RGB.
        num_classes: length of the logits.
        width: channels of the last stage, the length of the features.

    Raises:
        ValueError: the resolution is outside its range.
    """

    def __init__(self, resolution: int, channels: int, num_classes: int, width: int = 64) -> None:
        super().__init__()
        if not MIN_RESOLUTION <= resolution <= MAX_RESOLUTION:
            raise ValueError(f"resolution {resolution} is outside {MIN_RESOLUTION}..{MAX_RESOLUTION}")
        self.resolution, self.channels = resolution, channels
        self.num_classes, self.num_features = num_classes, width
        patch = channels * 4
        self.stem = nn.Conv2d(channels, 2 * patch, 2)
        self.stem.weight.requires_grad_(False)
        widths = (2 * patch, *stage_widths(resolution, width))
        self.stages = nn.Sequential(*(ClassifierStage(*pair) for pair in itertools.pairwise(widths)))
        self.linear = nn.Linear(width, num_classes)

    @torch.no_grad()
    def whiten(self, images: Tensor) -> None:
        """Let the stem turn 2x2 patches of images in [-1, 1] into uncorrelated numbers of variance 1.

        The filters are the eigenvectors of the patches' covariance over the roots of their eigenvalues.
        """
        patches = images.double().unfold(2, 2, 1).unfold(3, 2, 1).movedim(1, 3).flatten(0, 2).flatten(1)
        variances, vectors = torch.linalg.eigh(patches.T.cov(correction=0))
        filters = (vectors / (variances.clamp(min=0) + WHITENING_FLOOR).sqrt()).T
        filters = filters.unflatten(1, (self.channels, 2, 2)).to(self.stem.weight)
        self.stem.weight.copy_(torch.cat([filters, -filters]))
        nn.init.zeros_(cast(Tensor, self.stem.bias))

    def maps(self, images: Tensor) -> Tensor:
        """Images in [-1, 1] -> non-negative maps of the last stage [N, num_features, S, S], S in 2..7."""
        # One more column and row keep the map's size even.
        # In pieces: on a GPU the gradient of padding adds up in another order each time.
        wider = torch.cat([images, images[..., -1:]], dim=3)
        padded = torch.cat([wider, wider[..., -1:, :]], dim=2)
        hidden = F.relu(self.stem(padded.contiguous(memory_format=torch.channels_last)))
        maps: Tensor = self.stages(hidden)
        return maps

    def features(self, images: Tensor) -> Tensor:
        """Images in [-1, 1] -> non-negative float32 features [N, num_features], those of the linear layer."""
        return pool_maps(self.maps(images))

    def forward(self, images: Tensor) -> Tensor:
        """Images in [-1, 1] -> logits [N, num_classes]."""
        logits: Tensor = self.linear(self.features(images))
        return logits


def pool_maps(maps: Tensor) -> Tensor:
    """The largest entry of every map, float32: [N, C, S, S] -> [N, C]."""
    return maps.amax(dim=(2, 3)).float()
