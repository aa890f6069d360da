"""Spectral normalisation (Miyato et al., ICLR 2018), for every kind of weight a discriminator has.

The weight used is W / sigma(W), sigma being the largest singular value of W seen as a matrix
[rows, everything else]. It is found by power iteration on one vector `u` kept between forwards: one
iteration per training forward. In evaluation `u` stays as it is kept, and `v` is taken from it anew: half an
iteration, since only `u` is kept. `u` and `v` are constants of the graph; the gradient flows through W in
sigma = u'Wv as well (pfnet-research/sngan_projection, source/functions/max_sv.py).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from projgan.networks import fused
from projgan.networks.convolutions import conv2d, conv2d_1x1, conv2d_downsample
from projgan.networks.fused_weights import NormalizeWeights
from projgan.networks.layers import Convolving, select

MOST_ROWS = 16_384
"""Of a weight that kernels normalise: each of their programs holds a number of every row."""


def power_iteration(matrix: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One iteration towards the leading singular pair.

    Args:
        matrix: [R, C].
        u: [R].

    Returns:
        New `u` [R], `v` [C], and u' matrix v, which is the length of matrix v.
    """
    v = F.normalize(torch.mv(matrix.t(), u), dim=0, eps=1e-12)
    product = torch.mv(matrix, v)
    sigma = torch.linalg.vector_norm(product)
    return product / sigma, v, sigma


def half_iteration(matrix: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same with `u` as it is kept."""
    product = torch.mv(matrix.t(), u)
    sigma = torch.linalg.vector_norm(product)
    return u.clone(), product / sigma, sigma


def as_matrix(weight: Tensor) -> Tensor:
    """[rows, ...] -> [rows, everything else] in the order of memory: a view also where channels come last.

    Singular values do not depend on the order of columns.
    """
    return weight.permute(_order(weight)).flatten(1)


def as_weight(matrix: Tensor, like: Tensor) -> Tensor:
    """[rows, everything else] -> what `as_matrix` would make it of: in shape and memory as another weight."""
    order = _order(like)
    back = [order.index(dim) for dim in range(len(order))]
    return matrix.view([like.shape[dim] for dim in order]).permute(back)


def _order(weight: Tensor) -> tuple[int, ...]:
    # Of dimensions of one stride those of one entry come last, as where channels come last.
    dims = sorted(
        range(1, weight.dim()), key=lambda dim: (weight.stride(dim), weight.shape[dim]), reverse=True
    )
    return (0, *dims)


class _Quotient(torch.autograd.Function):
    """weight / sigma with sigma = u' weight v: what autograd would find, in a third of the operations."""

    @staticmethod
    def forward(context: Any, weight: Tensor, u: Tensor, v: Tensor, sigma: Tensor) -> Tensor:
        normalized = weight / sigma
        context.save_for_backward(normalized, u, v, sigma)
        return normalized

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        normalized, u, v, sigma = context.saved_tensors
        rows = gradient.permute(_order(normalized)).flatten(1)
        inner = torch.dot(rows.flatten(), as_matrix(normalized).flatten())
        slope = torch.addr(rows, u * inner, v, alpha=-1).div_(sigma)
        return as_weight(slope, normalized), None, None, None


class SpectralNorm(nn.Module):
    """Mixed into a layer that has `weight`: keeps `u` and gives the weight divided by its sigma.

    `u` is a buffer, so checkpoints hold it. A layer must use `normalized_weight()` wherever it would
    have used `weight`, and ask for it once per forward: each call in training is one power iteration. Where
    `grouped`, layers can be normalised together, and a GPU takes few launches for one.
    """

    weight: Tensor
    u: Tensor
    grouped = False
    given: Tensor | None = None

    def start_power_iteration(self) -> None:
        """Create `u`, a random unit vector with one entry per row of the weight."""
        self.register_buffer("u", F.normalize(torch.randn(self.weight.shape[0]), dim=0))

    def suits_kernels(self) -> bool:
        """Whether kernels of a GPU do it: they are for a power iteration in float32, of not too many rows."""
        is_theirs = self.weight.dtype == torch.float32 and len(self.weight) <= MOST_ROWS
        return self.training and is_theirs and fused.suits(self.weight.data)

    def normalized_weight(self) -> Tensor:
        """Return weight / sigma, in the shape and precision of the weight."""
        if self.given is not None:
            return self.given
        with torch.autocast(self.weight.device.type, enabled=False):
            if self.grouped and self.suits_kernels():
                moved = self.u.clone()
                (alone,) = NormalizeWeights.apply(moved, as_matrix(self.weight))
                self.u.copy_(moved)
                return as_weight(alone, self.weight)
            iterate = power_iteration if self.training else half_iteration
            with torch.no_grad():
                u, v, sigma = iterate(as_matrix(self.weight), self.u)
                if self.training:
                    self.u.copy_(u)
            normalized: Tensor = _Quotient.apply(self.weight, u, v, sigma)
            return normalized


KERNELS = {1: conv2d_1x1, 3: conv2d}
"""How to convolve with kernels of each size, in pixels."""


class SpectralNormConv2d(SpectralNorm, Convolving, nn.Conv2d):
    """A 1x1 or 3x3 convolution whose kernel, as a matrix [out, in·k·k], has largest singular value 1.

    Raises:
        ValueError: a kernel of another size.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        if kernel_size not in KERNELS:
            sizes = " and ".join(map(str, KERNELS))
            raise ValueError(f"kernel_size is {kernel_size}; there are kernels of {sizes} pixels")
        nn.Conv2d.__init__(self, in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        self.convolve = KERNELS[kernel_size]
        self.start_power_iteration()

    def kernel(self) -> Tensor:
        """The normalised weight: each call is one power iteration."""
        return self.normalized_weight()


class SpectralNormConv2dDownsample(SpectralNormConv2d):
    """A 3x3 convolution, then 2x2 averaging: [N, out, H/2, W/2]; it is the 3x3 kernel that is normalised."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3)
        self.convolve = conv2d_downsample


class SpectralNormLinear(SpectralNorm, nn.Linear):
    """A linear map whose matrix has largest singular value 1."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        nn.Linear.__init__(self, in_features, out_features, bias=bias)
        self.start_power_iteration()

    def forward(self, features: Tensor) -> Tensor:
        """[N, in] -> [N, out]."""
        return F.linear(features, self.normalized_weight(), self.bias)


class SpectralNormEmbedding(SpectralNorm, nn.Embedding):
    """A table [classes, features] normalised as one matrix; rows are looked up or mixed (see `select`)."""

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        nn.Embedding.__init__(self, num_embeddings, embedding_dim)
        self.start_power_iteration()

    def forward(self, condition: Tensor | None) -> Tensor:
        """Labels [N] or weights [N, classes] -> rows [N, features] of the normalised table."""
        return select(self.normalized_weight(), condition)
