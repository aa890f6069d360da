"""How a generator meets its condition: its norms, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from projgan.networks.adaptive_instance_norm import (
    AdaptiveInstanceNorm2d,
    AffineAdaptiveInstanceNorm2d,
    UnconditionalInstanceNorm2d,
)
from projgan.networks.batch_norm import CONDITIONAL_BATCH_NORMS, UnconditionalBatchNorm2d
from projgan.networks.normalization import Norm2d


@dataclass(frozen=True)
class GeneratorNorms:
    """The norms of one way to meet a condition."""

    of_blocks: Mapping[str, Callable[[int, int], Norm2d]]
    """By the kind of the condition; called with the channels and the classes or columns."""
    unconditional: Callable[[int], Norm2d]
    """The one before the last convolution, in the paper's networks too; called with the channels."""


GENERATOR_NORMS: dict[str, GeneratorNorms] = {
    "conditional-batch-norm": GeneratorNorms(CONDITIONAL_BATCH_NORMS, UnconditionalBatchNorm2d),
    "adain": GeneratorNorms(
        {
            "class": AdaptiveInstanceNorm2d,
            "multi-hot": AffineAdaptiveInstanceNorm2d,
            "vector": AffineAdaptiveInstanceNorm2d,
        },
        UnconditionalInstanceNorm2d,
    ),
}
"""Every way, by the name used in configurations."""
