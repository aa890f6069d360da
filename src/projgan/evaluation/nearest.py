"""The real images nearest to generated ones, and whether these lie nearer than real ones lie to each other.

A generator that has learned its training images by heart draws images nearer to them than they are to each
other. Meehan et al. 2020 compare with images held out; here each real image is compared with the others.
A real image that is there twice is one: its nearest other is the nearest that differs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation.checks import checked_pair
from projgan.evaluation.estimates import Estimate, share_of
from projgan.evaluation.neighbours import rows_at_once, squared_distances

MOST_COMPARED = 2000
"""Real images whose own neighbours are looked for; they are spread evenly over all."""
ROUNDING = 1e-12
"""Of the largest squared length of features: two real images nearer than that are one."""


@dataclass(frozen=True)
class Nearest:
    """The neighbours of M generated images among N real ones, on the CPU."""

    indices: Tensor
    """int64 [M, k], of real images, the nearest first."""
    distances: Tensor
    """float64 [M, k], to them."""
    of_real: Tensor
    """float64 [M], from the nearest real image to the other real one nearest to that."""
    real_distance: float
    """Half of the real images lie nearer than this to another real one."""

    @property
    def order(self) -> Tensor:
        """int64 [M]: first those that lie nearest to a real image for how alone that lies."""
        return (self.distances[:, 0] / self.of_real.clamp(min=1e-300)).argsort(stable=True)

    @property
    def nearer_than_real(self) -> Estimate:
        """Share of generated images that lie nearer than `real_distance` to a real one.

        One half where they lie as real ones do, near 1 where they are copies, near 0 where they lie apart.
        """
        return share_of(self.distances[:, 0] < self.real_distance)


def nearest(real: Tensor, generated: Tensor, k: int, labels: Tensor | None = None) -> Nearest:
    """Find the k nearest real images of each generated one, by Euclidean distance of features.

    Args:
        real: float [N, D], N > k.
        generated: float [M, D], M >= 2.
        k: at least 1.
        labels: int64 [N], of the real images, where as many were generated of each class: the real ones with
            a label of 0 or more then have half of each class, however many it has, below `real_distance`.

    Raises:
        UserError: bad features, k below 1, or no more than k real images.
    """
    if k < 1:
        raise UserError(f"k is {k}; it must be at least 1")
    if len(real) <= k:
        raise UserError(f"{k} neighbours of {len(real)} real images; give more images, or ask for fewer")
    real, generated = (features.double() for features in checked_pair(real, generated, at_least=2))
    middle = real.mean(dim=0)  # numbers far from zero would leave little of a small difference
    real, generated = real - middle, generated - middle
    found = [
        squared_distances(rows, real).topk(k, dim=1, largest=False)
        for rows in generated.split(rows_at_once(len(real)))
    ]
    indices = torch.cat([part.indices for part in found])
    chosen, weights = _compared(labels if labels is not None else torch.zeros(len(real), dtype=torch.int64))
    return Nearest(
        indices=indices.cpu(),
        distances=torch.cat([part.values for part in found]).sqrt().cpu(),
        of_real=_to_nearest_other(real, indices[:, 0]).cpu(),
        real_distance=_median(_to_nearest_other(real, chosen.to(real.device)).cpu(), weights),
    )


def _compared(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Positions of real images spread evenly over those with a label, and weights that sum to 1 a class."""
    positions = labels.argsort(stable=True)[(labels < 0).sum() :]
    count = min(len(positions), MOST_COMPARED)
    chosen = positions[torch.arange(count) * len(positions) // count]
    counts = labels[chosen].bincount()
    return chosen, 1 / counts[labels[chosen]].double()


def _median(values: Tensor, weights: Tensor) -> float:
    """Return the smallest value below or at which half of the weight lies."""
    order = values.argsort()
    below = weights[order].cumsum(dim=0)
    return values[order][(below >= below[-1] / 2 * (1 - 1e-12)).nonzero()[0]].item()


def _to_nearest_other(real: Tensor, chosen: Tensor) -> Tensor:
    """Distance of each chosen real image to the nearest other one that differs; 0 where there is none."""
    same = ROUNDING * real.square().sum(dim=1).max()
    distances = []
    for rows in chosen.split(rows_at_once(len(real))):
        to_all = squared_distances(real[rows], real)
        to_all.masked_fill_(to_all <= same, torch.inf)
        nearest_other = to_all.min(dim=1).values
        distances.append(nearest_other.masked_fill(nearest_other.isinf(), 0))
    return torch.cat(distances).sqrt()
