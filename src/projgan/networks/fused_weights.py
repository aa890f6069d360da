"""Spectral normalisation on a GPU in a few launches: what `normalizing_together` has as written."""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from projgan.networks.fused import over

EPSILON = 1e-12
"""Below which the length of W'u is not believed, as in `power_iteration`."""
CHUNK = 8192
"""Numbers of a weight that one program sums."""


def _kernels() -> ModuleType:
    from projgan.networks import spectral_kernels  # Triton is not everywhere

    return spectral_kernels


def _power(number: int) -> int:
    return 1 << (number - 1).bit_length()


def _tiles(rows: int, columns: int) -> tuple[tuple[int, int], dict[str, int]]:
    """Programs along rows and columns, and the block of each."""
    across = min(128, _power(columns))
    down = min(4096 // across, _power(rows))
    return (over(rows, down), over(columns, across)), {"BLOCK_R": down, "BLOCK_C": across}


class NormalizeWeights(torch.autograd.Function):
    """W / sigma of weights [count, R, C] after one power iteration each, which moves their `u` [count, R].

    `u`, `v` and sigma are constants of the graph but for W in sigma = u'Wv.
    """

    @staticmethod
    def forward(context: Any, weights: Tensor, u: Tensor) -> Tensor:
        """See the class."""
        kernels, (count, rows, columns) = _kernels(), weights.shape
        left, v = (weights.new_empty((count, columns)) for _ in range(2))
        product, moved, sigma = torch.empty_like(u), torch.empty_like(u), weights.new_empty(count)
        normalized = torch.empty_like(weights)
        across = min(64, _power(columns))
        blocks = {"BLOCK_R": min(64, _power(rows)), "BLOCK_C": across}
        kernels.times_left[(count, over(columns, across))](weights, u, left, rows, columns, **blocks)
        down = min(4, _power(rows))
        blocks = {"BLOCK_R": down, "BLOCK_C": min(512, _power(columns))}
        kernels.times_right[(count, over(rows, down))](
            weights, left, v, product, rows, columns, EPSILON, **blocks
        )
        programs, blocks = _tiles(rows, columns)
        kernels.divide[(count, *programs)](
            weights, product, u, moved, sigma, normalized, rows, columns, BLOCK_ALL=_power(rows), **blocks
        )
        # `u` may be that of the layer, which moves on with the next forward.
        context.save_for_backward(normalized, moved, v, sigma)
        return normalized

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """(G - <G, W / sigma> u v') / sigma."""
        normalized, u, v, sigma = context.saved_tensors
        kernels, (count, rows, columns) = _kernels(), normalized.shape
        gradient, result = gradient.contiguous(), torch.empty_like(normalized)
        chunks = over(rows * columns, CHUNK)
        partial = normalized.new_empty((count, chunks))
        kernels.inner_products[(count, chunks)](
            gradient, normalized, partial, rows * columns, CHUNK, BLOCK=1024
        )
        programs, blocks = _tiles(rows, columns)
        kernels.divide_backward[(count, *programs)](
            gradient, partial, u, v, sigma, result, rows, columns, chunks, BLOCK_ALL=_power(chunks), **blocks
        )
        return result, None
