"""Spectral normalisation of many weights at once: a GPU launches as much for one as for all.

Kernels of our own take weights of any shapes, torch's operations those of one shape.

On a CPU it gains nothing, for there every number is one more to compute.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from projgan.networks.fused_weights import NormalizeWeights
from projgan.networks.spectral_norm import SpectralNorm, as_matrix, as_weight


@contextmanager
def normalized_together(layers: Sequence[SpectralNorm]) -> Iterator[None]:
    """In here `normalized_weight` of each layer is what it is outside, found once for many of them.

    Each layer must be used once, as in a forward of its network. Layers that are so normalised already, in a
    context around this one, are left alone.
    """
    # A hook may change the weight before it is used.
    layers = [
        layer for layer in layers if layer.grouped and layer.given is None and not layer._forward_pre_hooks
    ]
    by_kernels = [layer for layer in layers if layer.suits_kernels()]
    try:
        if by_kernels:
            _give(by_kernels, _by_kernels)
        for group in _alike([layer for layer in layers if layer.given is None]):
            if len(group) > 1:
                _give(group, _as_written)
        yield
    finally:
        for layer in layers:
            layer.given = None


def _alike(layers: Sequence[SpectralNorm]) -> list[list[SpectralNorm]]:
    """Layers of one shape that do the same."""
    groups: dict[Hashable, list[SpectralNorm]] = {}
    for layer in layers:
        alike = layer.weight.shape, layer.weight.stride(), layer.training
        groups.setdefault(alike, []).append(layer)
    return list(groups.values())


Normalize = Callable[[Sequence[SpectralNorm]], tuple[Sequence[Tensor], Sequence[Tensor]]]
"""Layers to their normalised matrices and new `u`."""


def _give(group: Sequence[SpectralNorm], normalize: Normalize) -> None:
    """Give every layer its normalised weight, and in training its new `u`."""
    with torch.autocast(group[0].weight.device.type, enabled=False):
        matrices, moved = normalize(group)
        if group[0].training:
            with torch.no_grad():
                torch._foreach_copy_([layer.u for layer in group], list(moved))
        for layer, matrix in zip(group, matrices, strict=True):
            layer.given = as_weight(matrix, layer.weight)


def _by_kernels(group: Sequence[SpectralNorm]) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    u = torch.cat([layer.u for layer in group])
    matrices = NormalizeWeights.apply(u, *(as_matrix(layer.weight) for layer in group))
    return matrices, u.split([len(layer.u) for layer in group])


def _as_written(group: Sequence[SpectralNorm]) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """Of one shape."""
    matrices = torch.stack([as_matrix(layer.weight) for layer in group])
    with torch.no_grad():
        u, v, sigma = _iterate(matrices, torch.stack([layer.u for layer in group]), group[0].training)
    normalized: Tensor = _Quotients.apply(matrices, u, v, sigma)
    return normalized.unbind(), u.unbind()


def _iterate(matrices: Tensor, u: Tensor, training: bool) -> tuple[Tensor, Tensor, Tensor]:
    """`power_iteration` or `half_iteration` of matrices [n, R, C] and u [n, R].

    By sums of products: a product of matrices would be rounded where `tf32` rounds those.
    """
    product = (matrices * u[:, :, None]).sum(dim=1)
    if not training:
        sigma = torch.linalg.vector_norm(product, dim=1)
        return u, product / sigma[:, None], sigma
    v = F.normalize(product, dim=1, eps=1e-12)
    product = (matrices * v[:, None, :]).sum(dim=2)
    sigma = torch.linalg.vector_norm(product, dim=1)
    return product / sigma[:, None], v, sigma


class _Quotients(torch.autograd.Function):
    """matrices / sigma, as `_Quotient` of one."""

    @staticmethod
    def forward(context: Any, matrices: Tensor, u: Tensor, v: Tensor, sigma: Tensor) -> Tensor:
        normalized = matrices / sigma[:, None, None]
        context.save_for_backward(normalized, u, v, sigma)
        return normalized

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        normalized, u, v, sigma = context.saved_tensors
        inner = (gradient * normalized).sum(dim=(1, 2))
        rows = (u * inner[:, None])[:, :, None]
        slope = torch.addcmul(gradient, rows, v[:, None, :], value=-1).div_(sigma[:, None, None])
        return slope, None, None, None
