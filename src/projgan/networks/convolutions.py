"""3x3 convolutions, alone and beside a change of resolution: each as written, and as fast as it goes.

The pairs in `PLAIN` compute the same numbers within rounding. Layers use the fast ones; the plain ones are
what the tests hold them to, and what `training.acceleration none` runs.
"""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from projgan.networks import winograd

Convolution = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""Images [N, in, H, W], a weight [out, in, k, k] and a bias [out] or None -> [N, out, ...]."""

Network = TypeVar("Network", bound=nn.Module)


def channels_last(network: Network) -> Network:
    """Let the kernels lie as convolutions are fastest, and return the network; feature maps follow suit."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


WINOGRAD_CHANNELS = 96
"""Channels from which Winograd's algorithm is faster than torch's own on a CPU, measured."""
WINOGRAD_PRODUCTS = 1_000_000_000
"""Multiplications of a thread from which starting the threads is worth it: some 20 ms, measured."""
WINOGRAD_TILES = 64
"""Tiles of a thread from which it is worth it to transform the kernel, measured."""


def upsample(images: Tensor) -> Tensor:
    """Double height and width by repeating pixels: [N, C, H, W] -> [N, C, 2H, 2W]."""
    return F.interpolate(images, scale_factor=2, mode="nearest")


def downsample(images: Tensor) -> Tensor:
    """Halve height and width by averaging 2x2 pixels: [N, C, H, W] -> [N, C, H/2, W/2]."""
    return F.avg_pool2d(images, 2)


def conv2d_1x1(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """[N, in, H, W] -> [N, out, H, W]."""
    return F.conv2d(images, weight, bias)


def plain_conv2d(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A 3x3 convolution of padding 1: [N, in, H, W] -> [N, out, H, W]."""
    return F.conv2d(images, weight, bias, padding=1)


def plain_upsample_conv2d(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`upsample`, then a 3x3 convolution of padding 1: [N, in, H, W] -> [N, out, 2H, 2W]."""
    return plain_conv2d(upsample(images), weight, bias)


def plain_conv2d_downsample(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A 3x3 convolution of padding 1, then `downsample`: [N, in, H, W] -> [N, out, H/2, W/2]."""
    return downsample(plain_conv2d(images, weight, bias))


def conv2d(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`plain_conv2d`, on a CPU by Winograd's algorithm where that is faster."""
    convolve = winograd.conv2d if _suits_winograd(images, weight) else plain_conv2d
    return convolve(images, weight, bias)


def _suits_winograd(images: Tensor, weight: Tensor) -> bool:
    """By shape and threads alone, so that a run that resumes and an image made again take the same path."""
    threads = torch.get_num_threads()
    return (
        images.device.type == "cpu"
        and images.dtype == weight.dtype
        and not torch.is_autocast_enabled("cpu")
        and min(weight.shape[:2]) >= WINOGRAD_CHANNELS
        and images.shape[2] % winograd.TILE == images.shape[3] % winograd.TILE == 0
        and images.numel() * weight.shape[0] * 9 >= WINOGRAD_PRODUCTS * threads
        and images.numel() >= WINOGRAD_TILES * winograd.TILE**2 * images.shape[1] * threads
    )


# Doubling pixels before a 3x3 kernel is a transposed 4x4 convolution of stride 2; averaging 2x2 pixels after
# it is a 4x4 convolution of stride 2. Both are exact, at under half the cost.


def upsample_conv2d(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`plain_upsample_conv2d` as a transposed 4x4 convolution of stride 2; a 4x4 kernel is folded already."""
    kernel = weight if weight.shape[-1] == 4 else fold_upsample(weight)
    return F.conv_transpose2d(images, kernel, bias, stride=2, padding=1)


def fold_upsample(weight: Tensor) -> Tensor:
    """[out, in, 3, 3] -> [in, out, 4, 4] of a transposed convolution."""
    outputs, inputs = weight.shape[:2]
    with torch.autocast(weight.device.type, enabled=False):
        taps = weight.permute(2, 3, 1, 0).reshape(9, -1)
        kernel = (_folding("upsample", weight) @ taps).view(4, 4, inputs, outputs)
        return kernel.permute(2, 3, 0, 1).contiguous(memory_format=torch.channels_last)


def conv2d_downsample(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`plain_conv2d_downsample` as one 4x4 convolution of stride 2; a 4x4 kernel is folded already."""
    kernel = weight if weight.shape[-1] == 4 else fold_downsample(weight)
    return F.conv2d(images, kernel, bias, stride=2, padding=1)


def fold_downsample(weight: Tensor) -> Tensor:
    """[out, in, 3, 3] -> [out, in, 4, 4]."""
    with torch.autocast(weight.device.type, enabled=False):
        matrix = _folding("downsample", weight).expand(len(weight), -1, -1)
        taps = weight.permute(0, 2, 3, 1).flatten(1, 2)  # a view where channels come last
        return torch.bmm(matrix, taps).unflatten(1, (4, 4)).permute(0, 3, 1, 2)


def _folding(change: str, weight: Tensor) -> Tensor:
    """The matrix [16, 9] that folds a kernel: that of all alike, but where tensors have no numbers."""
    make = folding.__wrapped__ if isinstance(weight, FakeTensor) else folding
    return make(change, weight.dtype, weight.device)


@cache
def folding(change: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Rows a, b, c of a kernel -> a, a + b, b + c, c, and columns likewise.

    That is what meets a pair of equal pixels, or is summed over two. Made once, for a GPU waits for it.
    """
    with torch.inference_mode(False):
        rows = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]], dtype=dtype, device="cpu")
        matrix = torch.kron(rows, rows)
        # A transposed convolution turns its kernel round; an average is a quarter of a sum.
        return (matrix.flip(0) if change == "upsample" else matrix / 4).to(device)


PLAIN: dict[Convolution, Convolution] = {
    conv2d_1x1: conv2d_1x1,
    conv2d: plain_conv2d,
    upsample_conv2d: plain_upsample_conv2d,
    conv2d_downsample: plain_conv2d_downsample,
}
"""Every convolution that layers use, and what it computes as written."""

FOLDS: dict[Convolution, Callable[[Tensor], Tensor]] = {
    upsample_conv2d: fold_upsample,
    conv2d_downsample: fold_downsample,
}
"""What is made of a kernel before it is used, where something is."""
