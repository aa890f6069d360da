"""Spectral normalisation on a GPU in a few launches: what `normalizing_together` has as written."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, product
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
Shapes = tuple[tuple[int, int], ...]


def _kernels() -> ModuleType:
    from projgan.networks import spectral_kernels  # Triton is not everywhere

    return spectral_kernels


def _power(number: int) -> int:
    return 1 << (number - 1).bit_length()


@dataclass(frozen=True)
class Layout:
    """Where weights of some shapes lie one after another, and which program works at which part."""

    places: Tensor
    """int32 [count, 6], as `spectral_kernels` says."""
    columns: Tensor
    """int32 [programs, 3]: weight, block and nothing; of 64 columns."""
    rows: Tensor
    """The same; of 4 rows."""
    tiles: Tensor
    """Weight, block of 32 rows and block of 128 columns."""
    chunks: Tensor
    """Weight, chunk and nothing."""
    most_rows: int
    most_chunks: int

    @property
    def sums(self) -> int:
        """Sums of chunks of all weights."""
        return len(self.chunks)


COLUMNS, ROWS, TILE = 64, 4, (32, 128)
"""Of a weight: columns and rows that one program takes, and the tile of one that divides."""


@cache
def layout(shapes: Shapes, device: torch.device) -> Layout:
    """Lay out weights [rows, columns]; made once, for a GPU waits for it."""

    def table(rows: Sequence[Sequence[int]]) -> Tensor:
        with torch.inference_mode(False):
            return torch.tensor(rows, dtype=torch.int32).to(device)

    counts = [over(rows * columns, CHUNK) for rows, columns in shapes]
    numbers = [rows * columns for rows, columns in shapes]
    starts = [
        [0, *accumulate(sizes[:-1])]
        for sizes in (numbers, [rows for rows, _ in shapes], [columns for _, columns in shapes], counts)
    ]
    blocks = [(over(rows, TILE[0]), over(columns, TILE[1])) for rows, columns in shapes]
    each = list(enumerate(shapes))
    return Layout(
        table([(*place, *shape) for place, shape in zip(zip(*starts, strict=True), shapes, strict=True)]),
        table([(which, block, 0) for which, (_, columns) in each for block in range(over(columns, COLUMNS))]),
        table([(which, block, 0) for which, (rows, _) in each for block in range(over(rows, ROWS))]),
        table([(which, *pair) for which, sizes in enumerate(blocks) for pair in product(*map(range, sizes))]),
        table([(which, chunk, 0) for which, count in enumerate(counts) for chunk in range(count)]),
        max(rows for rows, _ in shapes),
        max(counts),
    )


class NormalizeWeights(torch.autograd.Function):
    """W / sigma of weights [R, C] of any shapes after one power iteration each.

    Takes `u` of all weights in one tensor, which it moves, and the weights; returns as many. `u`, `v` and
    sigma are constants of the graph but for W in sigma = u'Wv.
    """

    @staticmethod
    def forward(context: Any, u: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        kernels, shapes = _kernels(), tuple((len(weight), weight.shape[1]) for weight in weights)
        lies = layout(shapes, u.device)
        flat = _flat(weights)
        left, v = (flat.new_empty(sum(columns for _, columns in shapes)) for _ in range(2))
        along, sigma, normalized = torch.empty_like(u), flat.new_empty(len(shapes)), torch.empty_like(flat)
        kernels.times_left[(len(lies.columns),)](
            flat, u, left, lies.places, lies.columns, BLOCK_R=64, BLOCK_C=COLUMNS
        )
        kernels.times_right[(len(lies.rows),)](
            flat, left, v, along, lies.places, lies.rows, EPSILON, BLOCK_R=ROWS, BLOCK_C=512
        )
        kernels.divide[(len(lies.tiles),)](
            flat, along, u, sigma, normalized, lies.places, lies.tiles,
            BLOCK_ALL=_power(lies.most_rows), BLOCK_R=TILE[0], BLOCK_C=TILE[1],
        )  # fmt: skip
        context.save_for_backward(normalized, u, v, sigma)
        context.shapes = shapes
        return _apart(normalized, shapes)

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """(G - <G, W / sigma> u v') / sigma."""
        normalized, u, v, sigma = context.saved_tensors
        kernels, lies = _kernels(), layout(context.shapes, u.device)
        gradient, result = _flat(gradients), torch.empty_like(normalized)
        partial = normalized.new_empty(lies.sums)
        kernels.inner_products[(lies.sums,)](
            gradient, normalized, partial, lies.places, lies.chunks, CHUNK=CHUNK, BLOCK=1024
        )
        kernels.divide_backward[(len(lies.tiles),)](
            gradient, partial, u, v, sigma, result, lies.places, lies.tiles,
            CHUNK=CHUNK, BLOCK_ALL=_power(lies.most_chunks), BLOCK_R=TILE[0], BLOCK_C=TILE[1],
        )  # fmt: skip
        return None, *_apart(result, context.shapes)


def _flat(weights: Sequence[Tensor]) -> Tensor:
    """All numbers in one row; those of a single weight are not copied."""
    rows = [weight.reshape(-1) for weight in weights]
    return rows[0] if len(rows) == 1 else torch.cat(rows)


def _apart(numbers: Tensor, shapes: Shapes) -> tuple[Tensor, ...]:
    parts = numbers.split([rows * columns for rows, columns in shapes])
    return tuple(part.view(shape) for part, shape in zip(parts, shapes, strict=True))
