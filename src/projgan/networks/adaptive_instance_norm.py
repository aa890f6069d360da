"""Adaptive instance norm (Huang & Belongie 2017): normalise each image alone, gain and bias by the condition.

No statistic crosses images or processes and none is kept, so training and evaluation compute the same. The
map from the condition to gain and bias is that of the conditional batch norms, a row a class or affine in a
vector: the two ways differ in their statistics and in nothing else.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.layers import select

EPSILON = 1e-5
"""Added to the variance, as Huang & Belongie do."""


def normalize_instances(images: Tensor) -> Tensor:
    """Give every channel of every image [N, C, H, W] mean 0 and variance 1 over its H x W pixels.

    A map of one pixel would come out as zeros: the smallest of `networks/resnet.py` has 2 x 2.
    """
    # One group a channel is an instance; unlike F.instance_norm, it leaves channels last in memory.
    return F.group_norm(images, images.shape[1], eps=EPSILON)


class UnconditionalInstanceNorm2d(nn.Module):
    """Instance norm with one gain and one bias per channel; a condition is accepted and has no effect."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))

    def forward(self, images: Tensor, condition: Tensor | None = None) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]."""
        return F.group_norm(images, images.shape[1], self.gain, self.bias, EPSILON)


class AdaptiveInstanceNorm2d(nn.Module):
    """Instance norm whose gain and bias are rows of tables, one a class, as of `ConditionalBatchNorm2d`."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(num_classes, num_features))
        self.bias = nn.Parameter(torch.zeros(num_classes, num_features))

    def forward(self, images: Tensor, condition: Tensor | None) -> Tensor:
        """Images [N, C, H, W], labels [N] or mixing weights [N, num_classes] -> [N, C, H, W]."""
        gain = select(self.gain, condition)[:, :, None, None]
        bias = select(self.bias, condition)[:, :, None, None]
        return torch.addcmul(bias, normalize_instances(images), gain)


class AffineAdaptiveInstanceNorm2d(nn.Module):
    """Instance norm whose gain and bias are affine in a vector or several classes.

    gain = g + W'y and bias = b + B'y, started as those of `AffineConditionalBatchNorm2d`.
    """

    def __init__(self, num_features: int, num_columns: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.gain_slope = nn.Parameter(torch.zeros(num_columns, num_features))
        self.bias_slope = nn.Parameter(torch.zeros(num_columns, num_features))

    def forward(self, images: Tensor, condition: Tensor | None) -> Tensor:
        """Images [N, C, H, W] and a condition float [N, num_columns], or one column each, int64 [N]."""
        gain = self.gain + select(self.gain_slope, condition)
        bias = self.bias + select(self.bias_slope, condition)
        return torch.addcmul(bias[:, :, None, None], normalize_instances(images), gain[:, :, None, None])
