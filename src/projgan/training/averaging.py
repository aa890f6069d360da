"""An exponential moving average of the generator."""

import copy

import torch
from torch import Tensor

from projgan.networks.resnet import Generator


class GeneratorAverage:
    """Keeps average <- decay x average + (1 - decay) x generator; batch-norm statistics are copied.

    Early on the decay is min(decay, (1 + updates) / (10 + updates)), so that the start is soon forgotten.
    """

    def __init__(self, generator: Generator, decay: float) -> None:
        self.generator = copy.deepcopy(generator).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, generator: Generator, updates: int) -> None:
        """Take in the generator after its `updates`-th update, counted from 1."""
        decay = min(self.decay, (1 + updates) / (10 + updates))
        ours: list[Tensor] = list(self.generator.parameters())
        torch._foreach_lerp_(ours, list(generator.parameters()), 1 - decay)
        statistics: list[Tensor] = list(self.generator.buffers())
        if statistics:  # instance norms keep none
            torch._foreach_copy_(statistics, list(generator.buffers()))
