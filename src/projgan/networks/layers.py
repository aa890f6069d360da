"""Layers both networks are made of: convolutions, conditional batch norm, pooling, initialisation."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.convolutions import Convolution, conv2d, upsample_conv2d


def select(table: Tensor, condition: Tensor | None) -> Tensor:
    """Meet a condition with a table of one row per class.

    Args:
        table: [num_classes, features].
        condition: int64 labels [N], which look up rows; or float weights [N, num_classes], which mix them.

    Returns:
        [N, features]. A one-hot weight gives exactly the row that its label gives.

    Raises:
        ValueError: there is no condition, but the network was built to meet one.
    """
    if condition is None:
        raise ValueError("this network meets a condition: give labels or weights")
    if condition.is_floating_point():
        return condition.to(table.dtype) @ table
    return F.embedding(condition, table)


class Convolving(nn.Module):
    """Mixed into a convolution: `convolve` computes it, and is a key of `PLAIN` unless made plain."""

    convolve: Convolution


class Conv3x3(Convolving, nn.Conv2d):
    """A 3x3 convolution that keeps height and width."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        nn.Conv2d.__init__(self, in_channels, out_channels, 3, padding=1)
        self.convolve = conv2d

    def forward(self, images: Tensor) -> Tensor:
        """[N, in, H, W] -> [N, out, H, W]."""
        return self.convolve(images, self.weight, self.bias)


class UpsampleConv2d(Conv3x3):
    """Doubles height and width by repeating pixels, then a 3x3 convolution: [N, out, 2H, 2W]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        self.convolve = upsample_conv2d


def global_sum_pool(images: Tensor) -> Tensor:
    """Sum over height and width, never the mean: [N, C, H, W] -> [N, C]."""
    return images.sum(dim=(2, 3))


class BatchNorm2d(nn.Module):
    """Normalise each channel over batch, height and width; running statistics serve evaluation.

    Momentum 0.1 and epsilon 2e-5 are those of the paper's code. `average_over_ranks`, where the trainer
    sets it, averages a tensor over all processes with gradient, so that they share their statistics.
    """

    running_mean: Tensor
    running_var: Tensor
    momentum = 0.1
    epsilon = 2e-5

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.average_over_ranks: Callable[[Tensor], Tensor] | None = None
        self.num_ranks = 1

    def normalize(self, images: Tensor) -> Tensor:
        """[N, C, H, W] with any statistics -> the same with mean 0 and variance 1 in every channel."""
        if self.training and self.average_over_ranks is not None:
            return self._normalize_over_ranks(images, self.average_over_ranks)
        return F.batch_norm(
            images,
            self.running_mean,
            self.running_var,
            None,
            None,
            self.training,
            self.momentum,
            self.epsilon,
        )

    def _normalize_over_ranks(self, images: Tensor, average: Callable[[Tensor], Tensor]) -> Tensor:
        # The mean first, then the variance about it: two messages, but no cancellation.
        mean = average(images.mean(dim=(0, 2, 3)))
        centred = images - mean[:, None, None]
        variance = average(centred.square().mean(dim=(0, 2, 3)))
        count = self.num_ranks * images.numel() / images.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        return centred * (variance + self.epsilon).rsqrt()[:, None, None]


class UnconditionalBatchNorm2d(BatchNorm2d):
    """Batch norm with one gain and one bias per channel; a condition is accepted and has no effect."""

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        self.gain = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))

    def forward(self, images: Tensor, condition: Tensor | None = None) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]."""
        if self.training and self.average_over_ranks is not None:
            return torch.addcmul(self.bias[:, None, None], self.normalize(images), self.gain[:, None, None])
        return F.batch_norm(
            images,
            self.running_mean,
            self.running_var,
            self.gain,
            self.bias,
            self.training,
            self.momentum,
            self.epsilon,
        )


class ConditionalBatchNorm2d(BatchNorm2d):
    """Batch norm whose gain and bias come from the condition; all classes share the statistics.

    `gain` and `bias` are plain tables [num_classes, C] starting at 1 and 0
    (pfnet-research/sngan_projection, source/links/categorical_conditional_batch_normalization.py).
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(num_features)
        self.gain = nn.Parameter(torch.ones(num_classes, num_features))
        self.bias = nn.Parameter(torch.zeros(num_classes, num_features))

    def forward(self, images: Tensor, condition: Tensor | None) -> Tensor:
        """Images [N, C, H, W], labels [N] or mixing weights [N, num_classes] -> [N, C, H, W]."""
        gain = select(self.gain, condition)[:, :, None, None]
        bias = select(self.bias, condition)[:, :, None, None]
        return torch.addcmul(bias, self.normalize(images), gain)


class AffineConditionalBatchNorm2d(UnconditionalBatchNorm2d):
    """Batch norm whose gain and bias are affine in the condition: for several classes at once and vectors.

    gain = g + W'y and bias = b + B'y with g = 1, b = 0, W = B = 0 at the start: no sum over classes moves the
    gain away from 1, as mixing the rows of `ConditionalBatchNorm2d` would.
    """

    def __init__(self, num_features: int, num_columns: int) -> None:
        super().__init__(num_features)
        self.gain_slope = nn.Parameter(torch.zeros(num_columns, num_features))
        self.bias_slope = nn.Parameter(torch.zeros(num_columns, num_features))

    def forward(self, images: Tensor, condition: Tensor | None = None) -> Tensor:
        """Images [N, C, H, W] and a condition float [N, num_columns], or one column each, int64 [N]."""
        gain = self.gain + select(self.gain_slope, condition)
        bias = self.bias + select(self.bias_slope, condition)
        return torch.addcmul(bias[:, :, None, None], self.normalize(images), gain[:, :, None, None])


CONDITIONAL_BATCH_NORMS: dict[str, Callable[[int, int], nn.Module]] = {
    "class": ConditionalBatchNorm2d,
    "multi-hot": AffineConditionalBatchNorm2d,
    "vector": AffineConditionalBatchNorm2d,
}
"""How a generator meets each kind of condition; called with the channels and the classes or columns."""


def initialize(layer: nn.Module, gain: float = 1.0) -> None:
    """Glorot-uniform weight and zero bias, as the paper's code starts every layer."""
    nn.init.xavier_uniform_(layer.weight, gain)  # type: ignore[arg-type]
    if getattr(layer, "bias", None) is not None:
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


RESIDUAL_GAIN = math.sqrt(2)
"""The Glorot gain of the 3x3 convolutions in residual blocks; everything else has gain 1."""
