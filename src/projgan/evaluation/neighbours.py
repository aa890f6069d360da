"""Fidelity and coverage from nearest neighbours: how many images of one set lie in the balls of the other.

A set's balls reach from each of its images to the k-th nearest other image of that set. Distances are
Euclidean, in float64, held a block at a time. All of it depends on the numbers of images: only numbers of
equal counts compare.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation.checks import checked_pair
from projgan.evaluation.estimates import Estimate, share_of

DISTANCES_AT_ONCE = 2**24
"""Distances held at once: 128 MiB of float64."""


@dataclass(frozen=True)
class PrecisionRecall:
    """Shares of images within the other set's balls, in [0, 1].

    The standard errors are over the images counted, the balls held fixed.
    """

    precision: Estimate
    """Of generated images, within the balls of the real ones."""
    recall: Estimate
    """Of real images, within the balls of the generated ones."""


@dataclass(frozen=True)
class DensityCoverage:
    """How full the balls of the real images are.

    The standard errors are over the images counted, the others held fixed.
    """

    density: Estimate
    """Real balls around a generated image, over k: about 1 for equal distributions, more in dense regions."""
    coverage: Estimate
    """Share of real balls with a generated image inside, in [0, 1]."""


def precision_recall(real: Tensor, generated: Tensor, k: int = 3) -> PrecisionRecall:
    """Return improved precision and recall (Kynkäänniemi et al. 2019, equations 1 and 2).

    Args:
        real: float [N, D], N > k.
        generated: float [M, D], M > k; they publish 50,000 of each.
        k: the neighbour that sets the radius, at least 1; 3 as published.

    Raises:
        UserError: bad features, k below 1, or no more than k images.
    """
    real, generated = _checked(real, generated, k)
    real_balls, _ = _hits(real, _squared_radii(real, k), generated, on_the_sphere=True)
    generated_balls, _ = _hits(generated, _squared_radii(generated, k), real, on_the_sphere=True)
    return PrecisionRecall(precision=share_of(real_balls > 0), recall=share_of(generated_balls > 0))


def density_coverage(real: Tensor, generated: Tensor, k: int = 5) -> DensityCoverage:
    """Return density and coverage (Naeem et al. 2020, section 3).

    The balls are open, as in their code: copies of the real images have density 1.

    Args:
        real: float [N, D], N > k.
        generated: float [M, D], M > k.
        k: the neighbour that sets the radius, at least 1; 5 as published.

    Raises:
        UserError: bad features, k below 1, or no more than k images.
    """
    real, generated = _checked(real, generated, k)
    balls, inside = _hits(real, _squared_radii(real, k), generated, on_the_sphere=False)
    return DensityCoverage(density=share_of(balls.double() / k), coverage=share_of(inside > 0))


def _checked(real: Tensor, generated: Tensor, k: int) -> tuple[Tensor, Tensor]:
    if k < 1:
        raise UserError(f"k is {k}; it must be at least 1")
    real, generated = checked_pair(real, generated, at_least=k + 1)
    return real.double(), generated.double()


def squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """Between all rows [N, D] and [M, D] of float64: [N, M]."""
    squares = first.square().sum(dim=1)[:, None] + second.square().sum(dim=1)
    return squares.addmm_(first, second.T, alpha=-2).clamp_(min=0)


def rows_at_once(columns: int) -> int:
    """Rows of distances to so many others that are held at once."""
    return max(1, DISTANCES_AT_ONCE // columns)


def _squared_radii(features: Tensor, k: int) -> Tensor:
    """Squared distance [N] of each row to the k-th nearest other row."""
    radii = []
    for start in range(0, len(features), rows_at_once(len(features))):
        rows = features[start : start + rows_at_once(len(features))]
        distances = squared_distances(rows, features)
        distances.diagonal(offset=start).fill_(torch.inf)  # itself is no neighbour, a duplicate is one
        radii.append(distances.kthvalue(k, dim=1).values)
    return torch.cat(radii)


def _hits(
    centres: Tensor, squared_radii: Tensor, points: Tensor, on_the_sphere: bool
) -> tuple[Tensor, Tensor]:
    """Balls around each point [M] and points in each ball [N], with or without those on the sphere."""
    balls = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    inside = []
    at_once = rows_at_once(len(points))
    for rows, limits in zip(centres.split(at_once), squared_radii.split(at_once), strict=True):
        distances = squared_distances(rows, points)
        hits = distances <= limits[:, None] if on_the_sphere else distances < limits[:, None]
        balls += hits.sum(dim=0)
        inside.append(hits.sum(dim=1))
    return balls, torch.cat(inside)
