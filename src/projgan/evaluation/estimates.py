"""A number and how far it can be trusted."""

from dataclasses import dataclass

import torch
from torch import Tensor

from projgan.errors import UserError

RESAMPLED_AT_ONCE = 2**22
"""Values the bootstrap holds at once: 32 MiB of float64."""


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error, in the same unit."""

    value: float
    standard_error: float


@dataclass(frozen=True)
class Interval:
    """A value and the interval that holds it with the asked confidence."""

    value: float
    lower: float
    upper: float


def mean_of(values: Tensor) -> Estimate:
    """Return the mean of independent values [N], N >= 2, and its standard error, s / sqrt(N)."""
    values = values.double()
    return Estimate(values.mean().item(), (values.std(correction=1) / len(values) ** 0.5).item())


def share_of(values: Tensor) -> Estimate:
    """Return the mean of independent values [N], where 0 is none and 1 is all, and its standard error.

    Where all N are alike, or nearly, another draw may still not be: the error is at least that of the values
    with two 0 and two 1 among them (Agresti & Coull 1998).
    """
    plain = mean_of(values)
    more = torch.cat([values.double(), torch.tensor([0, 0, 1, 1], device=values.device)])
    at_least = (more.std(correction=0) / len(more) ** 0.5).item()
    return Estimate(plain.value, max(plain.standard_error, at_least))


def evenly(rows: Tensor, at_most: int) -> Tensor:
    """Return at most so many rows, evenly over all of them: [N, ...] -> [n, ...]."""
    return rows[torch.linspace(0, len(rows) - 1, min(len(rows), at_most)).long()]


def bootstrap_interval(
    values: Tensor, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Return the mean of independent values and its percentile bootstrap interval (Efron 1979).

    It serves any score that is a mean over images, and means over runs. It is too narrow below some ten.

    Args:
        values: float or bool [N], N >= 2, one per image or run.
        confidence: in (0, 1).
        resamples: sets of N values drawn with replacement; 2000 fix the bounds to some 3 % of the width.
        seed: the same seed draws the same sets.

    Raises:
        UserError: values not [N], fewer than 2 or not finite; a confidence outside (0, 1); no resamples.
    """
    if values.dim() != 1 or len(values) < 2 or not values.isfinite().all():
        raise UserError(f"values must be at least 2 finite numbers [N]; their shape is {list(values.shape)}")
    if not 0 < confidence < 1:
        raise UserError(f"confidence is {confidence:g}; it must lie between 0 and 1, as in 0.95")
    if resamples < 1:
        raise UserError(f"resamples is {resamples}; it must be at least 1")
    values = values.detach().double().cpu()
    generator = torch.Generator().manual_seed(seed)
    at_once = max(1, RESAMPLED_AT_ONCE // len(values))
    means = torch.cat(
        [
            values[
                torch.randint(
                    len(values), (min(at_once, resamples - start), len(values)), generator=generator
                )
            ].mean(dim=1)
            for start in range(0, resamples, at_once)
        ]
    )
    tail = (1 - confidence) / 2
    bounds = means.quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64))
    return Interval(values.mean().item(), bounds[0].item(), bounds[1].item())
