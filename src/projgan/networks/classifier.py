"""A small residual classifier of any resolution, to recognise what a generator made."""

import itertools

import torch.nn.functional as F
from torch import Tensor, nn


class ClassifierBlock(nn.Module):
    """3x3, batch norm, ReLU, twice, around an identity; then 2x2 max pooling (He et al. 2016, small)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)

    def forward(self, images: Tensor) -> Tensor:
        """[N, in, H, W] -> [N, out, H/2, W/2]."""
        hidden = F.relu(self.norm1(self.conv1(images)))
        hidden = hidden + F.relu(self.norm2(self.conv2(hidden)))
        return F.max_pool2d(hidden, 2)


class Classifier(nn.Module):
    """Images float [N, channels, H, W] in [-1, 1] to class logits [N, num_classes].

    Args:
        channels: 1 for grey images, 3 for RGB.
        num_classes: length of the logits.
        widths: channels of each block; each halves height and width.
    """

    def __init__(self, channels: int, num_classes: int, widths: tuple[int, ...] = (32, 64)) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(ClassifierBlock(before, after) for before, after in itertools.pairwise((channels, *widths)))
        )
        self.linear = nn.Linear(widths[-1], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images in [-1, 1] -> logits [N, num_classes]."""
        logits: Tensor = self.linear(self.blocks(images).mean(dim=(2, 3)))
        return logits
