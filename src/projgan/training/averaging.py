"""An exponential moving average of the generator."""

import copy
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from projgan.networks.batch_norm import measure_statistics
from projgan.networks.resnet import Generator

Batches = Iterable[tuple[Tensor, Tensor]]
"""Latents and their conditions."""


class GeneratorAverage:
    """Keeps average <- decay x average + (1 - decay) x generator.

    Early on the decay is min(decay, (1 + updates) / (10 + updates)), so that the start is soon forgotten.

    Batch norm's running statistics belong to the weights they were measured with. Those of the trained
    generator do not fit the average of its weights: with a constant learning rate its samples can come out
    dark and blurred while the training is well. So they are measured anew, once it is asked for.
    """

    def __init__(self, generator: Generator, decay: float) -> None:
        self.generator = copy.deepcopy(generator).eval().requires_grad_(False)
        self.decay = decay
        self.has_moved = False
        """Since its statistics were measured."""

    @torch.no_grad()
    def update(self, generator: Generator, updates: int) -> None:
        """Take in the generator after its `updates`-th update, counted from 1."""
        decay = min(self.decay, (1 + updates) / (10 + updates))
        ours: list[Tensor] = list(self.generator.parameters())
        torch._foreach_lerp_(ours, list(generator.parameters()), 1 - decay)
        self.has_moved = True

    def ready(self, batches: Callable[[], Batches]) -> Generator:
        """Return the averaged generator, fit to make samples.

        Args:
            batches: what the statistics of its batch norms are measured over, where it has moved.
        """
        if self.has_moved:
            measure_statistics(self.generator, batches())
            self.has_moved = False
        return self.generator
