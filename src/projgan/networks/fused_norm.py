"""A norm, gain, bias and ReLU on a GPU, as `rectified_norm` has them as written (see `norm_kernels`)."""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from projgan.networks.fused import blocks_of, channels_last_rows, chunks_of, over


def _kernels() -> ModuleType:
    from projgan.networks import norm_kernels  # Triton is not everywhere

    return norm_kernels


def batch_statistics(
    images: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    parts: int,
    shift: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Mean and variance [parts, C] of equal parts of maps [N, C, H, W]; moves the running ones.

    Args:
        images: without the bias `shift`, which only the running mean is told of.
        running_mean: [C].
        running_var: [C].
        momentum: in [0, 1].
        parts: of the images, one after another.
        shift: [C] or None.

    Raises:
        ValueError: images that cannot be shared equally among the parts.
    """
    if len(images) % parts:
        raise ValueError(f"{len(images)} images are not {parts} equal parts")
    kernels, images = _kernels(), channels_last_rows(images)
    channels = images.shape[1]
    rows = images.numel() // channels // parts
    chunks, count = chunks_of(rows, parts)
    blocks = blocks_of(channels, 2048, 64)
    partial = images.new_empty((parts, chunks, 2, channels), dtype=torch.float32)
    mean, variance = (partial.new_empty((parts, channels)) for _ in range(2))
    programs = over(channels, blocks["BLOCK_C"]), chunks, parts
    kernels.moments[programs](images, partial, rows, channels, count, **blocks)
    block = min(16, 1 << (channels - 1).bit_length())
    kernels.statistics[(over(channels, block),)](
        images, partial, mean if shift is None else shift, mean, variance,
        running_mean, running_var, momentum, rows, channels, rows * channels, chunks, parts,
        SHIFTED=shift is not None, BLOCK_K=1 << (chunks - 1).bit_length(), BLOCK_C=block,
    )  # fmt: skip
    return mean, variance


def normalize_rectify(
    images: Tensor, gain: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, epsilon: float
) -> Tensor:
    """max(0, gain (x - mean) / sqrt(variance + epsilon) + bias), without gradient.

    Args:
        images: [N, C, H, W].
        gain: [N, C] or [1, C].
        bias: likewise.
        mean: [parts, C] of equal parts of the images, one after another.
        variance: likewise.
        epsilon: added to the variance.
    """
    kernels, images = _kernels(), channels_last_rows(images)
    channels, pixels = images.shape[1], images.shape[2] * images.shape[3]
    result = torch.empty_like(images)
    blocks = blocks_of(channels, 4096)
    gain, bias = _alike(gain, bias)
    programs = over(pixels, blocks["BLOCK_R"]), len(images), over(channels, blocks["BLOCK_C"])
    kernels.normalize_rectify[programs](
        images, result, gain, bias, mean, variance, epsilon,
        pixels, channels, _stride(gain), len(images) // len(mean), **blocks,
    )  # fmt: skip
    return result


def _alike(gain: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Both of one row, or both of a row for each image."""
    rows = max(len(gain), len(bias))
    return gain.expand(rows, -1).contiguous(), bias.expand(rows, -1).contiguous()


def _stride(gain: Tensor) -> int:
    return gain.shape[1] if len(gain) > 1 else 0


class NormalizeRectify(torch.autograd.Function):
    """`normalize_rectify` by statistics of the images themselves, through which the gradient passes too.

    `shift` [C] or None is a bias that the images lack, and that their mean would take away again.
    """

    @staticmethod
    def forward(
        context: Any, images: Tensor, gain: Tensor, bias: Tensor,
        mean: Tensor, variance: Tensor, epsilon: float, shift: Tensor | None,
    ) -> Tensor:  # fmt: skip
        """See the class."""
        context.save_for_backward(images, gain, bias, mean, variance)
        context.epsilon, context.shift = epsilon, shift
        return normalize_rectify(images, gain, bias, mean, variance, epsilon)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Through the ReLU, gain and bias, and the statistics."""
        images, gain, bias, mean, variance = context.saved_tensors
        epsilon = context.epsilon
        kernels, images, gradient = _kernels(), channels_last_rows(images), channels_last_rows(gradient)
        gain, bias = _alike(gain, bias)
        count, channels, *size = images.shape
        pixels, of_part = size[0] * size[1], count // len(mean)
        for_bias, for_gain = (mean.new_empty((count, channels)) for _ in range(2))
        slope, constant = (torch.empty_like(mean) for _ in range(2))
        sizes = pixels, channels, _stride(gain), of_part
        blocks = blocks_of(channels, 2048, 64)
        across = over(channels, blocks["BLOCK_C"])
        kernels.gradient_sums[(count, across)](
            images, gradient, for_bias, for_gain, gain, bias, mean, variance, epsilon, *sizes, **blocks
        )
        few = blocks_of(channels, 2048, 32)
        kernels.slopes[(len(mean), over(channels, few["BLOCK_C"]))](
            for_bias,
            for_gain,
            gain,
            mean,
            variance,
            slope,
            constant,
            epsilon,
            of_part * pixels,
            *sizes[1:],
            **few,
        )
        for_images = torch.empty_like(images)
        blocks = blocks_of(channels, 4096)
        programs = over(pixels, blocks["BLOCK_R"]), count, over(channels, blocks["BLOCK_C"])
        kernels.normalize_rectify_backward[programs](
            images,
            gradient,
            for_images,
            gain,
            bias,
            mean,
            variance,
            slope,
            constant,
            epsilon,
            *sizes,
            **blocks,
        )
        for_shift = None if context.shift is None else torch.zeros_like(context.shift)
        # Where gain and bias are [1, C], autograd sums these over the images.
        return for_images, for_gain, for_bias, None, None, None, for_shift
