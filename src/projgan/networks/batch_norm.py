"""Batch norm, and the conditional batch norms: all classes share the statistics, gain and bias are theirs."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.arithmetic import in_float32
from projgan.networks import fused
from projgan.networks.layers import Convolving, is_hooked, is_separable
from projgan.networks.normalization import ClassAffine, LinearAffine, Norm2d, UnconditionalAffine
from projgan.networks.rectified_norm import normalize_scale_rectify

STATISTICS_IMAGES = 1024
"""So many are generated to measure the statistics of weights that have none of their own."""
STATISTICS_BATCH = 64
"""At once, whatever the training's batches and number of processes, in the memory that sampling needs."""


class BatchNorm2d(Norm2d):
    """Normalise each channel over batch, height and width; running statistics serve evaluation.

    Momentum 0.1 and epsilon 2e-5 are those of the paper's code. `average_over_ranks`, where the trainer
    sets it, averages a tensor over all processes with gradient, so that they share their statistics.
    """

    running_mean: Tensor
    running_var: Tensor
    momentum = 0.1
    epsilon = 2e-5

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.average_over_ranks: Callable[[Tensor], Tensor] | None = None
        self.num_ranks = 1
        self.parts = 1

    def normalize(self, images: Tensor) -> Tensor:
        """[N, C, H, W] with any statistics -> the same with mean 0 and variance 1 in every channel."""
        if self.parts > 1:
            return torch.cat([self._normalize_part(part) for part in images.chunk(self.parts)])
        return self._normalize_part(images)

    def _normalize_part(self, images: Tensor) -> Tensor:
        if self.training and self.average_over_ranks is not None:
            return self._normalize_over_ranks(images, self.average_over_ranks)
        return F.batch_norm(
            images,
            self.running_mean,
            self.running_var,
            None,
            None,
            self.training,
            self.momentum,
            self.epsilon,
        )

    def rectified(self, images: Tensor, condition: Tensor | None = None) -> Tensor:
        """ReLU of the norm: [N, C, H, W] -> [N, C, H, W]."""
        if not self.fused or self.average_over_ranks is not None or is_hooked(self):
            return super().rectified(images, condition)
        return self._rectified(images, condition, None)

    def rectified_after(
        self, convolution: Convolving, images: Tensor, condition: Tensor | None = None
    ) -> Tensor:
        """The same of what a convolution makes of images; the mean of a batch takes its bias away again."""
        by_batch = self.training and self.fused and self.average_over_ranks is None
        if not by_batch or not fused.suits(images) or not is_separable(convolution) or is_hooked(self):
            return super().rectified_after(convolution, images, condition)
        hidden, shift = convolution.apart(images)
        return self._rectified(hidden, condition, shift)

    def _rectified(self, images: Tensor, condition: Tensor | None, shift: Tensor | None) -> Tensor:
        gain, bias = self.gain_and_bias(condition)
        statistics = self.running_mean, self.running_var
        momentum = self.momentum if self.training else None
        return normalize_scale_rectify(
            images, gain, bias, *statistics, momentum, self.epsilon, self.parts, shift
        )

    def _normalize_over_ranks(self, images: Tensor, average: Callable[[Tensor], Tensor]) -> Tensor:
        # The mean first, then the variance about it: two messages, but no cancellation.
        maps = images.to(self.running_mean.dtype)
        mean = average(maps.mean(dim=(0, 2, 3)))
        centred = maps - mean[:, None, None]
        variance = average(centred.square().mean(dim=(0, 2, 3)))
        count = self.num_ranks * images.numel() / images.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        return (centred * (variance + self.epsilon).rsqrt()[:, None, None]).to(images.dtype)


@contextmanager
def statistics_of_parts(network: nn.Module, parts: int) -> Iterator[None]:
    """In here, batch norm treats equal parts of a batch as if each went through the network alone."""
    norms = [module for module in network.modules() if isinstance(module, BatchNorm2d)]
    for norm in norms:
        norm.parts = parts
    try:
        yield
    finally:
        for norm in norms:
            norm.parts = 1


@torch.no_grad()
def measure_statistics(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Replace the running statistics by their mean over these batches ("standing", Brock et al. 2019).

    Weights that were never trained on, as those of an average, have none of their own before.

    Args:
        network: with batch norms or without; is left in evaluation mode.
        batches: what it is called with.
    """
    norms = [module for module in network.modules() if isinstance(module, BatchNorm2d)]
    if not norms:
        return
    network.train()
    try:
        with in_float32():
            for count, batch in enumerate(batches, start=1):
                for norm in norms:
                    norm.momentum = 1 / count  # the mean so far, exactly
                network(*batch)
    finally:
        network.eval()
        for norm in norms:
            norm.momentum = BatchNorm2d.momentum


class UnconditionalBatchNorm2d(UnconditionalAffine, BatchNorm2d):
    """Batch norm with one gain and one bias per channel; a condition is accepted and has no effect."""


class ConditionalBatchNorm2d(ClassAffine, BatchNorm2d):
    """Batch norm with a gain and a bias of every class, as in the paper."""


class AffineConditionalBatchNorm2d(LinearAffine, BatchNorm2d):
    """Batch norm with gain and bias affine in several classes at once or in a vector."""


CONDITIONAL_BATCH_NORMS: dict[str, Callable[[int, int], Norm2d]] = {
    "class": ConditionalBatchNorm2d,
    "multi-hot": AffineConditionalBatchNorm2d,
    "vector": AffineConditionalBatchNorm2d,
}
"""How a generator meets each kind of condition; called with the channels and the classes or columns."""
