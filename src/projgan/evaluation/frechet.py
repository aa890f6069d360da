"""Frechet distances between Gaussians fitted to features, exact in float64.

d² = |m1 - m2|² + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2) (Dowson & Landau 1982; Heusel et al. 2017, equation 6).
Here every covariance is held as a factor F with C = F^T F, for then

    tr (C1 C2)^(1/2) = the sum of the singular values of F1 F2^T,

since C1 C2 = F1^T (F1 F2^T) F2 has the eigenvalues of (F1 F2^T)(F1 F2^T)^T. Of n <= D images the centred
features over sqrt(n - 1) are such a factor, at no cost: the problem has the size of the number of images
and no D x D matrix is ever formed. Of more images it is the Cholesky factor of the covariance.

Of n <= D images the covariance is singular. The distance is then still exact for those images, but as an
estimate of the distance between the distributions it is biased upwards, the more so the fewer the images
(above D too, though less). Only distances of equal counts compare.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from projgan.data.tensors import as_torch
from projgan.errors import UserError
from projgan.evaluation.checks import check_widths, checked_pair, checked_rows

ROWS_AT_ONCE = 4096
"""Features widened to float64 at once where all are not needed so."""


@dataclass(frozen=True)
class FeatureStatistics:
    """What the Frechet distance needs of a set of features; parts of a set merge exactly."""

    count: int
    """Images, N >= 0."""
    mean: Tensor
    """float64 [D]."""
    scatter: Tensor
    """float64 [D, D], the sum of (x - mean)(x - mean)^T: unlike a covariance it exists for one image."""

    @property
    def covariance(self) -> Tensor:
        """float64 [D, D], unbiased (over N - 1).

        Raises:
            UserError: fewer than 2 images.
        """
        if self.count < 2:
            raise UserError(f"{self.count} image(s) have no covariance; at least 2 are needed: add images")
        return self.scatter / (self.count - 1)


def statistics_of(features: Tensor) -> FeatureStatistics:
    """Sum up features, float [N, D] with N >= 0; merge the sums of batches or ranks with `merge`.

    Two passes (the mean first): the squares of a large mean would drown the variance.

    Raises:
        UserError: not finite floats [N, D].
    """
    features = checked_rows(features, "features", at_least=0)
    width = features.shape[1]
    mean = torch.zeros(width, dtype=torch.float64, device=features.device)
    scatter = torch.zeros(width, width, dtype=torch.float64, device=features.device)
    for rows in features.split(ROWS_AT_ONCE):
        mean += rows.double().sum(dim=0) / max(1, len(features))
    for rows in features.split(ROWS_AT_ONCE):
        centred = rows.double() - mean
        scatter.addmm_(centred.T, centred)
    return FeatureStatistics(len(features), mean, scatter)


def merge(parts: Iterable[FeatureStatistics]) -> FeatureStatistics:
    """Return the statistics of all images from those of disjoint parts, in any grouping.

    The pairwise update of Chan, Golub & LeVeque 1983: exact but for rounding.

    Raises:
        UserError: no part, or parts of several widths.
    """
    merged: FeatureStatistics | None = None
    for part in parts:
        merged = part if merged is None else _merge_two(merged, part)
    if merged is None:
        raise UserError("there are no statistics to merge; give those of one part at least")
    return merged


def _merge_two(first: FeatureStatistics, second: FeatureStatistics) -> FeatureStatistics:
    if first.mean.shape != second.mean.shape:
        raise UserError(
            f"statistics of {len(first.mean)} and of {len(second.mean)} features do not merge; "
            "take them from one network"
        )
    count = first.count + second.count
    if count == 0:
        return first
    step = second.mean - first.mean
    mean = first.mean + step * (second.count / count)
    between = torch.outer(step, step) * (first.count * second.count / count)
    return FeatureStatistics(count, mean, first.scatter + second.scatter + between)


@dataclass(frozen=True)
class CovarianceFactor:
    """A Gaussian ready for distances: keep the reference's where many sets meet one reference."""

    mean: Tensor
    """float64 [D]."""
    rows: Tensor
    """float64 [R, D] with rows^T rows the covariance; R is the number of images where that is at most D."""
    regular: bool
    """Whether the rows are a well-conditioned triangle [D, D]."""


def factor_of_features(features: Tensor) -> CovarianceFactor:
    """Factor the covariance of features, float [N, D] with N >= 2: themselves up to D images, else Cholesky.

    Raises:
        UserError: not finite floats [N, D] of at least 2 images.
    """
    features = checked_rows(features, "features")
    if len(features) <= features.shape[1]:
        return _centred_rows(features)
    statistics = statistics_of(features)
    return factor_of_covariance(statistics.mean, statistics.covariance)


def factor_of_covariance(mean: Tensor, covariance: Tensor) -> CovarianceFactor:
    """Factor a covariance [D, D] whose images are gone, with its mean [D]: Cholesky, or eigh where singular.

    Published statistics (the `mu` and `sigma` of other tools) enter here.

    Raises:
        UserError: shapes that do not fit, numbers that are not finite, an asymmetric or negative covariance.
    """
    mean, covariance = _checked_gaussian(mean, covariance)
    variance = covariance.diagonal().max()
    triangle, failed = torch.linalg.cholesky_ex(covariance)
    # A singular matrix may pass with pivots made of rounding alone; they would count as directions.
    noise = len(mean) * torch.finfo(torch.float64).eps * variance
    if not failed and triangle.diagonal().square().min() > noise:
        return CovarianceFactor(mean, triangle.T, regular=True)
    values, vectors = torch.linalg.eigh(covariance)
    if values[0] < -1e-6 * variance:
        raise UserError(
            f"the covariance has the negative eigenvalue {values[0].item():g}; give one made from features"
        )
    kept = values > len(mean) * torch.finfo(torch.float64).eps * values[-1]
    return CovarianceFactor(mean, (vectors[:, kept] * values[kept].sqrt()).T, regular=False)


def frechet_distance_from_features(real: Tensor, generated: Tensor) -> float:
    """Return the squared Frechet distance between two sets of features (FID's number, given FID's features).

    By the cheapest exact route. With n the smaller number of images, m the larger and D the features: the
    singular values of the n x m matrix of inner products where m <= D, or where its product and reduction,
    2 m n (n + D) operations, cost less than the covariance of the m images, 2 m D² (so n < 0.62 D); else of
    F1 F2^T, a set of more than D images entering by the Cholesky factor of its covariance.

    Up to D images the value is exact for them, yet biased upwards as an estimate (see the module's head).

    Args:
        real: float [N, D], N >= 2; computed in float64 whatever its type.
        generated: float [M, D], M >= 2.

    Returns:
        The distance, >= 0, in squared units of the features.

    Raises:
        UserError: not finite floats [N, D], fewer than 2 images, or two widths.
    """
    real, generated = checked_pair(real, generated)
    factor_of = (
        _centred_rows if _gram_is_cheaper(len(real), len(generated), real.shape[1]) else factor_of_features
    )
    return distance_between_factors(factor_of(real), factor_of(generated))


def frechet_distance_from_statistics(real: FeatureStatistics, generated: FeatureStatistics) -> float:
    """Return the squared Frechet distance between two sets of images from their statistics.

    Equal to `frechet_distance_from_features` up to rounding, and slower up to D images.

    Raises:
        UserError: fewer than 2 images, or statistics of two widths.
    """
    check_widths(len(real.mean), len(generated.mean))
    return distance_between_factors(
        factor_of_covariance(real.mean, real.covariance),
        factor_of_covariance(generated.mean, generated.covariance),
    )


def distance_between_factors(first: CovarianceFactor, second: CovarianceFactor) -> float:
    """Return the squared Frechet distance between two factored Gaussians; symmetric.

    Raises:
        UserError: factors of two widths.
    """
    check_widths(len(first.mean), len(second.mean))
    shift = (first.mean - second.mean).square().sum()
    traces = first.rows.square().sum() + second.rows.square().sum()
    distance = shift + traces - 2 * _sum_of_singular_values(first, second)
    return max(0.0, distance.item())  # rounding may leave -1e-13 of two equal sets


def remark_on_counts(images: int, num_features: int) -> str | None:
    """Return what a person should know of a Frechet distance of so many images, or None.

    Args:
        images: the smaller of the numbers of real and generated images.
        num_features: D.
    """
    if images > num_features:
        return None
    return (
        f"{images} images for {num_features} features: their covariance is singular, and the distance "
        "is exact for these images but overstates that of the distributions; compare it with numbers of as "
        f"many images only, or take more than {num_features}"
    )


def _sum_of_singular_values(first: CovarianceFactor, second: CovarianceFactor) -> Tensor:
    product = first.rows @ second.rows.T
    if first.regular and second.regular:
        # Three times faster, but squaring halves the digits of small singular values: not where some are 0.
        return torch.linalg.eigvalsh(product @ product.T).clamp(min=0).sqrt().sum()
    return torch.linalg.svdvals(product).sum()


def _gram_is_cheaper(real: int, generated: int, width: int) -> bool:
    smaller, larger = sorted((real, generated))
    return larger <= width or smaller * (smaller + width) < width**2


def _centred_rows(features: Tensor) -> CovarianceFactor:
    features = features.double()
    mean = features.mean(dim=0)
    return CovarianceFactor(mean, (features - mean) / (len(features) - 1) ** 0.5, regular=False)


def _checked_gaussian(mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    mean, covariance = as_torch(mean), as_torch(covariance)
    if mean.dim() != 1 or covariance.shape != (len(mean), len(mean)):
        raise UserError(
            f"a mean [D] and a covariance [D, D] are needed; their shapes are "
            f"{list(mean.shape)} and {list(covariance.shape)}"
        )
    if not (mean.isfinite().all() and covariance.isfinite().all()):
        raise UserError("the mean or covariance holds NaN or infinity; give those of finite features")
    mean, covariance = mean.detach().double(), covariance.detach().double()
    if not torch.allclose(covariance, covariance.T, rtol=0, atol=1e-6 * covariance.abs().max().item()):
        raise UserError("the covariance is not symmetric; give one made from features")
    return mean, covariance
