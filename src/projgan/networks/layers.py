"""Layers both networks are made of: convolutions, pooling, initialisation, the table that meets a label."""

import math
from contextlib import AbstractContextManager, nullcontext
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.convolutions import Convolution, conv2d, conv2d_1x1, upsample_conv2d


def select(table: Tensor, condition: Tensor | None) -> Tensor:
    """Meet a condition with a table of one row per class.

    Args:
        table: [num_classes, features].
        condition: labels [N] of any integer type, which look up rows; or float weights [N, num_classes],
            which mix them.

    Returns:
        [N, features]. A one-hot weight gives exactly the row that its label gives.

    Raises:
        ValueError: there is no condition, but the network was built to meet one.
    """
    if condition is None:
        raise ValueError("this network meets a condition: give labels or weights")
    if condition.is_floating_point():
        return F.linear(condition.to(table.dtype), table.t())
    condition = as_int64(condition)
    if condition.device.type == "cuda" and SORTED_LABELS < len(condition) <= MOST_WEIGHTS // len(table):
        with torch.autocast("cuda", enabled=False):
            return F.linear(F.one_hot(condition, len(table)).to(table.dtype), table.t())
    return F.embedding(condition, table)


def as_int64(labels: Tensor) -> Tensor:
    """Labels of any integer type as what torch looks up by."""
    return labels if labels.dtype == torch.int64 else labels.long()


def check_condition(condition: Tensor | None, count: int, num_classes: int) -> None:
    """Look at the shape alone, which costs a GPU nothing; torch would repeat a single label for all images.

    Args:
        condition: labels [N], float weights [N, num_classes], or None, which is nobody's mistake here.
        count: `shape[0]` of what it belongs to: `len` would fix the number of images in a traced network.
        num_classes: classes or columns.

    Raises:
        ValueError: it is not one of `count` images.
    """
    if condition is None:
        return
    expected = (count, num_classes) if condition.is_floating_point() else (count,)
    if condition.shape != expected:
        raise ValueError(
            f"the condition of {count} images is {condition.dtype} {list(condition.shape)}; give integer "
            f"labels [{count}] or float weights [{count}, {num_classes}]"
        )


SORTED_LABELS = 1024
"""Labels above which a GPU adds up the gradients of a table's rows in no fixed order, or reads labels on the
host (ATen/native/cuda/Embedding.cu): a product does neither, and gives the same rows."""
MOST_WEIGHTS = 2**26
"""One-hot weights that are worth it: a quarter of a gigabyte."""


class Convolving(nn.Module):
    """Mixed into a convolution: `convolve` computes it, and is a key of `PLAIN` unless made plain."""

    convolve: Convolution
    weight: Tensor
    bias: Tensor | None
    ready: Tensor | None = None
    """The kernel, folded and cast, where that was done for many at once."""

    def kernel(self) -> Tensor:
        """What images are convolved with: the weight, or what is made of it."""
        return self.weight

    def forward(self, images: Tensor) -> Tensor:
        """[N, in, H, W] -> [N, out, H, W], or twice or half as high and wide."""
        return self.convolve(images, self._ready(), self.bias)

    def apart(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The same without the bias, and the bias [out]."""
        assert self.bias is not None
        return self.convolve(images, self._ready(), None), self.bias

    def _ready(self) -> Tensor:
        ready = self.ready  # of the thread that autocasts; another one may not
        if ready is None or not torch.is_autocast_enabled(ready.device.type):
            return self.kernel()
        return ready


def is_separable(layer: nn.Module) -> TypeGuard[Convolving]:
    """Whether a layer's bias may be added later: it is a convolution, and nothing waits for what it gives."""
    return isinstance(layer, Convolving) and layer.bias is not None and not is_hooked(layer)


def is_hooked(layer: nn.Module) -> bool:
    """Whether someone looks at what a layer takes or gives: then it is called, and what it gave stays."""
    hooks = layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks
    return any(hooks)


class Conv1x1(Convolving, nn.Conv2d):
    """A 1x1 convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        nn.Conv2d.__init__(self, in_channels, out_channels, 1)
        self.convolve = conv2d_1x1


class Conv3x3(Convolving, nn.Conv2d):
    """A 3x3 convolution that keeps height and width."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        nn.Conv2d.__init__(self, in_channels, out_channels, 3, padding=1)
        self.convolve = conv2d


class UpsampleConv2d(Conv3x3):
    """Doubles height and width by repeating pixels, then a 3x3 convolution: [N, out, 2H, 2W]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        self.convolve = upsample_conv2d


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """In here all computes in the types that it has; also on devices that know no autocast."""
    kind = device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


def short_to_float32(numbers: Tensor) -> Tensor:
    """bfloat16 and float16 in float32, other types as they are."""
    return numbers.to(torch.promote_types(numbers.dtype, torch.float32))


def global_sum_pool(images: Tensor) -> Tensor:
    """Sum over height and width, never the mean: [N, C, H, W] -> [N, C], of short types in float32."""
    return images.sum(dim=(2, 3), dtype=torch.promote_types(images.dtype, torch.float32))


def initialize(layer: nn.Module, gain: float = 1.0) -> None:
    """Glorot-uniform weight and zero bias, as the paper's code starts every layer."""
    nn.init.xavier_uniform_(layer.weight, gain)  # type: ignore[arg-type]
    if getattr(layer, "bias", None) is not None:
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


RESIDUAL_GAIN = math.sqrt(2)
"""The Glorot gain of the 3x3 convolutions in residual blocks; everything else has gain 1."""
