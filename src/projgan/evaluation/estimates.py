"""A number and how far it can be trusted."""

from dataclasses import dataclass

import torch
from torch import Tensor


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
