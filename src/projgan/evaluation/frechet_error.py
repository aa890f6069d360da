"""Frechet distances with their standard error over the draw of generated images, the reference held fixed.

By the grouped jackknife (Efron & Tibshirani 1993, chapter 11): the distance is taken again without each of
g disjoint groups of images, and their spread, scaled, is the error. The groups are every g-th image, so that
images in the order of their classes stay in proportion. With g groups the error itself is known to some
1 / sqrt(2 (g - 1)) of its size: a quarter with 10. The bias of few images is no part of it.

Where no more images are kept than there are features, all g + 1 distances share one product with the
reference, whose columns are left out group by group; beyond, the statistics of the groups are merged without
each one in turn.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation.checks import check_widths, checked_rows
from projgan.evaluation.estimates import Estimate
from projgan.evaluation.frechet import (
    CovarianceFactor,
    distance_between_factors,
    factor_of_covariance,
    factor_of_features,
    merge,
    statistics_of,
)
from projgan.listening import Count, told


def frechet_distance_with_error(
    reference: Tensor | CovarianceFactor,
    generated: Tensor,
    groups: int = 10,
    progress: Count | None = None,
) -> Estimate:
    """Return the squared Frechet distance of generated images from a reference, and its standard error.

    The value is that of `frechet_distance_from_features` up to rounding. Many generated images (N > D) cost
    up to g + 1 times as much as without the error, fewer ones less.

    Args:
        reference: float [M, D], M >= 2, or its factor, which serves many sets.
        generated: float [N, D], N >= groups and N >= 4.
        groups: at least 2.
        progress: is told distances done and in all.

    Raises:
        UserError: bad features, two widths, or fewer images than groups.
    """
    generated = checked_rows(generated, "generated features", at_least=4)
    if not 2 <= groups <= len(generated):
        raise UserError(
            f"groups is {groups}; the error needs at least 2 and at most the number of generated images, "
            f"{len(generated)}"
        )
    if not isinstance(reference, CovarianceFactor):
        reference = factor_of_features(checked_rows(reference, "real features"))
    check_widths(len(reference.mean), generated.shape[1])
    group_size = len(generated) // groups
    distances = _of_few if len(generated) - group_size <= generated.shape[1] else _of_many
    whole, *without = told(distances(reference, generated, groups), groups + 1, progress)
    return Estimate(whole, _jackknife_error(without, len(generated), group_size))


def _of_few(reference: CovarianceFactor, generated: Tensor, groups: int) -> Iterator[float]:
    """The distance of all images, about D at most, and those without each group."""
    rows = generated.double()
    centre = rows.mean(dim=0)
    rows = rows - centre  # small sums of squares, whatever the mean
    product = reference.rows @ rows.T
    shift = centre - reference.mean
    trace = reference.rows.square().sum()

    def distance(kept: Tensor) -> float:
        mean = rows[kept].mean(dim=0)
        columns = product[:, kept]
        columns = (columns - columns.mean(dim=1, keepdim=True)) / (len(columns.T) - 1) ** 0.5
        variances = (rows[kept] - mean).square().sum() / (len(columns.T) - 1)
        root = torch.linalg.svdvals(columns).sum()
        return max(0.0, ((shift + mean).square().sum() + trace + variances - 2 * root).item())

    group = _group_of(len(rows), groups).to(rows.device)
    yield distance(torch.ones_like(group, dtype=torch.bool))
    for left_out in range(groups):
        yield distance(group != left_out)


def _of_many(reference: CovarianceFactor, generated: Tensor, groups: int) -> Iterator[float]:
    """The same of more images, from the statistics of the groups and of the images in none."""
    group = _group_of(len(generated), groups).to(generated.device)
    parts = [statistics_of(generated[group == index]) for index in range(-1, groups)]

    def distance(kept: list[int]) -> float:
        statistics = merge(parts[index] for index in kept)
        return distance_between_factors(
            reference, factor_of_covariance(statistics.mean, statistics.covariance)
        )

    everything = list(range(len(parts)))
    yield distance(everything)
    for left_out in everything[1:]:
        yield distance([index for index in everything if index != left_out])


def _group_of(count: int, groups: int) -> Tensor:
    """The group of each image, int64 [N], all of one size, for the bias depends on it; -1 stays."""
    places = torch.arange(count)
    return torch.where(places < count // groups * groups, places % groups, -1)


def _jackknife_error(without: list[float], count: int, group_size: int) -> float:
    """Scale the spread of distances without each group to the error of the distance of all images.

    For the mean of N numbers it is s / sqrt(N) on average, also where N is no multiple of the group's size.
    """
    values = torch.tensor(without, dtype=torch.float64)
    kept = count - group_size
    return (values.var(correction=1) * kept**2 / (group_size * count)).sqrt().item()
