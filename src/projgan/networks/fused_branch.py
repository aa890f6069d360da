"""Where a block of the discriminator parts, in one pass over the maps each way (see `branch_kernels`)."""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from projgan.networks.fused import blocks_of, channels_last_rows, over


def _kernels() -> ModuleType:
    from projgan.networks import branch_kernels  # Triton is not everywhere

    return branch_kernels


class _Branch(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, images: Tensor, halves: bool) -> tuple[Tensor, Tensor]:
        maps = channels_last_rows(images)
        rectified, beside = torch.empty_like(maps), images
        if halves:
            count, channels, height, width = maps.shape
            size, as_maps = (count, channels, height // 2, width // 2), torch.channels_last
            beside = torch.empty(size, dtype=maps.dtype, device=maps.device, memory_format=as_maps)
        _launch("branch", (maps, rectified, beside), beside, halves)
        context.save_for_backward(rectified)
        context.halves = halves
        return rectified, beside

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor, beside: Tensor) -> tuple[Tensor, None]:
        (rectified,) = context.saved_tensors
        gradient, beside = channels_last_rows(gradient), channels_last_rows(beside)
        result = torch.empty_like(rectified)
        _launch("branch_backward", (rectified, gradient, beside, result), beside, context.halves)
        return result, None


def _launch(name: str, maps: tuple[Tensor, ...], smallest: Tensor, halves: bool) -> None:
    channels, width = smallest.shape[1], smallest.shape[3]
    rows, blocks = smallest.numel() // channels, blocks_of(channels, 2048 if halves else 4096)
    programs = over(rows, blocks["BLOCK_R"]), over(channels, blocks["BLOCK_C"])
    getattr(_kernels(), name)[programs](*maps, rows, channels, width, HALVES=halves, **blocks)


def branch(images: Tensor, *, halves: bool) -> tuple[Tensor, Tensor]:
    """max(0, images), and the images or, where `halves`, the means of 2x2 pixels; differentiable once.

    Args:
        images: [N, C, H, W]; height and width are even where `halves`.
        halves: see above.
    """
    result: tuple[Tensor, Tensor] = _Branch.apply(images, halves)
    return result
