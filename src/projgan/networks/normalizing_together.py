"""Spectral normalisation of many weights at once: a GPU launches as much for one as for all of a shape.

On a CPU it gains nothing, for there every number is one more to compute.
"""

from collections.abc import Hashable, Iterator, Sequence
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
    """In here `normalized_weight` of each layer is what it is outside, found once for all of one shape.

    Each layer must be used once, as in a forward of its network.
    """
    groups: dict[Hashable, list[SpectralNorm]] = {}
    for layer in layers:
        if layer.grouped:
            alike = layer.weight.shape, layer.weight.stride(), layer.training
            groups.setdefault(alike, []).append(layer)
    try:
        for group in groups.values():
            if len(group) > 1:
                _normalize(group)
        yield
    finally:
        for layer in layers:
            layer.given = None


def _normalize(group: Sequence[SpectralNorm]) -> None:
    """Give every layer of one shape its normalised weight, and in training its new `u`."""
    first, training = group[0].weight, group[0].training
    with torch.autocast(first.device.type, enabled=False):
        matrices = torch.stack([as_matrix(layer.weight) for layer in group])
        u = torch.stack([layer.u for layer in group])
        if group[0].suits_kernels():
            normalized = NormalizeWeights.apply(matrices, u)
        else:
            with torch.no_grad():
                u, v, sigma = _iterate(matrices, u, training)
            normalized = _Quotients.apply(matrices, u, v, sigma)
        if training:
            with torch.no_grad():
                torch._foreach_copy_([layer.u for layer in group], list(u.unbind()))
        for layer, matrix in zip(group, normalized.unbind(), strict=True):
            layer.given = as_weight(matrix, layer.weight)


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
