"""The real images nearest to generated ones, and whether these lie nearer than real ones lie to each other.

A generator that has learned its training images by heart draws images nearer to them than they are to each
other. Meehan et al. 2020 compare with images held out; here each real image is compared with the others.
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
        """int64 [M]: first those that lie nearest to a real image, measured by how alone that lies."""
        return (self.distances[:, 0] / self.of_real.clamp(min=1e-12)).argsort(stable=True)

    @property
    def nearer_than_real(self) -> Estimate:
        """Share of generated images that lie nearer than `real_distance` to a real one.

        One half where they lie as real ones do, near 1 where they are copies, near 0 where they lie apart.
        """
        return share_of(self.distances[:, 0] < self.real_distance)


def nearest(real: Tensor, generated: Tensor, k: int) -> Nearest:
    """Find the k nearest real images of each generated one, by Euclidean distance of features.

    Args:
        real: float [N, D], N > k.
        generated: float [M, D], M >= 2.
        k: at least 1.

    Raises:
        UserError: bad features, k below 1, or no more than k real images.
    """
    if len(real) > 1 > k:
        raise UserError(f"k is {k}; it must be at least 1")
    if len(real) <= k:
        raise UserError(f"{k} neighbours of {len(real)} real images; give more images, or ask for fewer")
    real, generated = (features.double() for features in checked_pair(real, generated, at_least=2))
    found = [
        squared_distances(rows, real).topk(k, dim=1, largest=False)
        for rows in generated.split(rows_at_once(len(real)))
    ]
    indices = torch.cat([part.indices for part in found])
    count = min(len(real), MOST_COMPARED)
    evenly = torch.arange(count, device=real.device) * len(real) // count
    return Nearest(
        indices=indices.cpu(),
        distances=torch.cat([part.values for part in found]).sqrt().cpu(),
        of_real=_to_nearest_other(real, indices[:, 0]).cpu(),
        real_distance=_to_nearest_other(real, evenly).median().item(),
    )


def _to_nearest_other(real: Tensor, chosen: Tensor) -> Tensor:
    """Distance of each chosen real image to the nearest other one; a duplicate is another one."""
    distances = []
    for rows in chosen.split(rows_at_once(len(real))):
        to_all = squared_distances(real[rows], real)
        to_all[torch.arange(len(rows), device=real.device), rows] = torch.inf  # itself
        distances.append(to_all.min(dim=1).values)
    return torch.cat(distances).sqrt()
