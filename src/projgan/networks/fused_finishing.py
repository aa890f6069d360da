"""What follows a convolution on a GPU, as `finishing` has it as written (see `finishing_kernels`)."""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from projgan.networks.fused import blocks_of, channels_last_rows, chunks_of, over, summed


def _kernels() -> ModuleType:
    from projgan.networks import finishing_kernels  # Triton is not everywhere

    return finishing_kernels


class _AddRectify(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, images: Tensor, bias: Tensor) -> Tensor:
        kernels, images = _kernels(), channels_last_rows(images)
        result, channels = torch.empty_like(images), images.shape[1]
        rows, blocks = images.numel() // channels, blocks_of(channels, 4096)
        programs = over(rows, blocks["BLOCK_R"]), over(channels, blocks["BLOCK_C"])
        kernels.add_rectify[programs](images, bias, result, rows, channels, **blocks)
        context.save_for_backward(result)
        context.dtype = bias.dtype
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        (rectified,) = context.saved_tensors
        kernels, gradient = _kernels(), channels_last_rows(gradient)
        for_images, channels = torch.empty_like(rectified), rectified.shape[1]
        rows, blocks = rectified.numel() // channels, blocks_of(channels, 2048, 64)
        chunks, count = chunks_of(rows)
        partial = gradient.new_empty((chunks, channels), dtype=torch.float32)
        kernels.add_rectify_backward[(over(channels, blocks["BLOCK_C"]), chunks)](
            rectified, gradient, for_images, partial, rows, channels, count, **blocks
        )
        (for_bias,) = summed(partial, context.dtype)
        return for_images, for_bias


def add_rectify(images: Tensor, bias: Tensor) -> Tensor:
    """max(0, images + bias) of maps [N, C, H, W] and a bias [C]; differentiable once."""
    result: Tensor = _AddRectify.apply(images, bias)
    return result


class _AddShortcut(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, images: Tensor, shortcut: Tensor, bias: Tensor, other: Tensor | None, doubled: bool
    ) -> Tensor:
        kernels, images, shortcut = _kernels(), channels_last_rows(images), channels_last_rows(shortcut)
        result, (_, channels, height, width) = torch.empty_like(images), images.shape
        rows, blocks = images.numel() // channels, blocks_of(channels, 4096)
        programs = over(rows, blocks["BLOCK_R"]), over(channels, blocks["BLOCK_C"])
        kernels.add_shortcut[programs](
            images, shortcut, bias, bias if other is None else other, result, rows, channels, height, width,
            DOUBLED=doubled, TWO=other is not None, **blocks,
        )  # fmt: skip
        context.doubled, context.like = doubled, shortcut.dtype
        context.dtypes = bias.dtype, None if other is None else other.dtype
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        kernels, gradient = _kernels(), channels_last_rows(gradient)
        number, channels, height, width = gradient.shape
        for_shortcut = gradient
        if context.doubled:
            height, width = height // 2, width // 2
            size, as_maps = (number, channels, height, width), torch.channels_last
            for_shortcut = torch.empty(
                size, dtype=context.like, device=gradient.device, memory_format=as_maps
            )
        rows, blocks = number * height * width, blocks_of(channels, 2048, 64)
        chunks, count = chunks_of(rows)
        partial = gradient.new_empty((chunks, channels), dtype=torch.float32)
        kernels.add_shortcut_backward[(over(channels, blocks["BLOCK_C"]), chunks)](
            gradient, for_shortcut, partial, rows, channels, count, height, width,
            DOUBLED=context.doubled, **blocks,
        )  # fmt: skip
        dtype, other = context.dtypes
        for_bias, second = summed(partial, dtype, copies=2)
        for_other = None if other is None else second.to(other)
        return gradient, for_shortcut.to(context.like), for_bias, for_other, None


def add_shortcut(
    images: Tensor, shortcut: Tensor, bias: Tensor, other: Tensor | None = None, *, doubled: bool = False
) -> Tensor:
    """images + shortcut + bias + other; differentiable once.

    Args:
        images: [N, C, H, W].
        shortcut: likewise; where `doubled` [N, C, H/2, W/2], each of its pixels repeated in both directions.
        bias: [C].
        other: [C] or None.
        doubled: see `shortcut`.
    """
    result: Tensor = _AddShortcut.apply(images, shortcut, bias, other, doubled)
    return result


class _Downsample(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        return _halve(channels_last_rows(images), height // 2, width // 2, up=False)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _halve(channels_last_rows(gradient), *gradient.shape[2:], up=True)


def _halve(images: Tensor, height: int, width: int, *, up: bool) -> Tensor:
    """Between maps of `height` and `width` and those twice as large."""
    kernels, (count, channels) = _kernels(), images.shape[:2]
    size = (count, channels, 2 * height, 2 * width) if up else (count, channels, height, width)
    as_maps = torch.channels_last
    result = torch.empty(size, dtype=images.dtype, device=images.device, memory_format=as_maps)
    rows, blocks = count * height * width, blocks_of(channels, 2048)
    programs = over(rows, blocks["BLOCK_R"]), over(channels, blocks["BLOCK_C"])
    kernels.halve[programs](images, result, rows, channels, width, UP=up, **blocks)
    return result


def downsample(images: Tensor) -> Tensor:
    """Halve height and width, which are even, by averaging 2x2 pixels; differentiable once."""
    result: Tensor = _Downsample.apply(images)
    return result
