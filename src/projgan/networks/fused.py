"""What stands between convolutions on a GPU, each in one or two passes over the maps (see `kernels`).

These compute what `rectified_norm` and the blocks of `resnet` have as written, within rounding. They are for
float32 and shorter types, and where Triton is, which torch brings along for NVIDIA cards on Linux.
"""

import importlib.util
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

DEVICES = {"cuda"}
"""Kinds of device that the kernels run on."""
TYPES = {torch.float32, torch.bfloat16, torch.float16}
MOST_CHUNKS = 256
"""Of the rows of a map that are summed apart from each other."""


def suits(images: Tensor) -> bool:
    """Whether maps can be treated here: where they lie, and their type."""
    # Tensors that only pretend to be on a GPU are of a type of their own.
    if type(images) is not Tensor or images.device.type not in DEVICES or images.dtype not in TYPES:
        return False
    # Triton launches on the current GPU, wherever the maps lie.
    if images.device.type == "cuda" and images.device.index != torch.cuda.current_device():
        return False
    is_traced = torch.jit.is_tracing()  # type: ignore[attr-defined]
    return not is_traced and refusal(images.device.type) is None


@cache
def refusal(kind: str) -> str | None:
    """Why the kernels cannot run on a kind of device, or None: one is compiled and run to see."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    try:
        _summed(torch.ones(1, 1, device=kind), torch.float32)
    except Exception as error:  # of a compiler, a driver or a disk: whatever it is, there is another way
        return (str(error).splitlines() or [type(error).__name__])[0][:120]
    return None


def _kernels() -> ModuleType:
    from projgan.networks import kernels  # Triton is not everywhere

    return kernels


def channels_last_rows(images: Tensor) -> Tensor:
    """Maps as kernels take them: channels last in memory; copied where they are not."""
    return images.contiguous(memory_format=torch.channels_last)


def blocks_of(channels: int, numbers: int, widest: int = 128) -> dict[str, int]:
    """Rows and channels of a program that holds so many numbers at a time."""
    block = min(widest, 1 << (channels - 1).bit_length())
    return {"BLOCK_R": max(1, numbers // block), "BLOCK_C": block}


def over(count: int, block: int) -> int:
    """How many blocks hold so many."""
    return -(-count // block)


def _chunks(rows: int, parts: int = 1) -> tuple[int, int]:
    """In how many chunks rows are summed, and the rows of a chunk."""
    chunks = max(1, min(MOST_CHUNKS // min(parts, 4), rows // 64))
    count = max(1, over(rows, chunks))
    return over(rows, count), count


def _summed(partial: Tensor, dtype: torch.dtype) -> Tensor:
    """[chunks, C] -> [C]."""
    chunks, channels = partial.shape
    result, block = partial.new_empty(channels, dtype=dtype), 16
    power = 1 << (chunks - 1).bit_length()
    programs = (over(channels, block),)
    _kernels().column_sums[programs](partial, result, chunks, channels, BLOCK_K=power, BLOCK_C=block)
    return result


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
    chunks, count = _chunks(rows, parts)
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
    programs = len(images), over(pixels, blocks["BLOCK_R"]), over(channels, blocks["BLOCK_C"])
    kernels.normalize_rectify[programs](
        images, result, *_alike(gain, bias), mean, variance, epsilon,
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
        programs = count, over(pixels, blocks["BLOCK_R"]), over(channels, blocks["BLOCK_C"])
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
        chunks, count = _chunks(rows)
        partial = gradient.new_empty((chunks, channels), dtype=torch.float32)
        kernels.add_rectify_backward[(over(channels, blocks["BLOCK_C"]), chunks)](
            rectified, gradient, for_images, partial, rows, channels, count, **blocks
        )
        return for_images, _summed(partial, context.dtype)


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
        chunks, count = _chunks(rows)
        partial = gradient.new_empty((chunks, channels), dtype=torch.float32)
        kernels.add_shortcut_backward[(over(channels, blocks["BLOCK_C"]), chunks)](
            gradient, for_shortcut, partial, rows, channels, count, height, width,
            DOUBLED=context.doubled, **blocks,
        )  # fmt: skip
        dtype, other = context.dtypes
        for_bias = _summed(partial, dtype)
        for_other = None if other is None else for_bias.to(other, copy=True)
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
