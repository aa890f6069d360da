"""Frechet distances within each class, one class at a time: memory does not grow with their number.

A class has few images, mostly fewer than features: each distance is exact for its images and biased upwards
as an estimate (see `frechet`), so that only numbers of equal counts per class compare.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeVar

import torch
from torch import Tensor

from projgan.data.tensors import as_torch
from projgan.errors import UserError
from projgan.evaluation.checks import checked_labels, checked_pair
from projgan.evaluation.estimates import Estimate
from projgan.evaluation.frechet import CovarianceFactor, frechet_distance_from_features
from projgan.evaluation.frechet_error import frechet_distance_with_error
from projgan.listening import Count, told

_Reference = TypeVar("_Reference")


@dataclass(frozen=True)
class IntraClassDistances:
    """Frechet distances within each class (the intra FID of Miyato & Koyama 2018)."""

    distances: Tensor
    """float64 [num_classes], on the CPU."""
    real_counts: Tensor
    """int64 [num_classes]: images the real Gaussians were fitted to, which set the bias."""
    generated_counts: Tensor
    """int64 [num_classes]."""
    standard_errors: Tensor | None = None
    """float64 [num_classes], on the CPU, over the draw of generated images; None: not asked for."""

    @property
    def mean(self) -> float:
        """The mean over classes, each with equal weight: the published number."""
        return self.distances.mean().item()

    @property
    def standard_error(self) -> float | None:
        """Of the mean over these classes; the draws of the classes are independent."""
        if self.standard_errors is None:
            return None
        return self.standard_errors.norm().item() / len(self.standard_errors)


def intra_class_distances(
    real_features: Tensor,
    real_labels: Tensor,
    generated_features: Tensor,
    generated_labels: Tensor,
    num_classes: int,
    groups: int | None = None,
    progress: Count | None = None,
) -> IntraClassDistances:
    """Return the squared Frechet distance within each class; float64 copies are of one class at a time.

    Args:
        real_features: float [N, D].
        real_labels: integers [N] in [0, num_classes).
        generated_features: float [M, D].
        generated_labels: integers [M] in [0, num_classes), the classes that were asked for.
        num_classes: at least 1.
        groups: of the standard errors, as in `class_estimates`; None leaves the errors out.
        progress: is told classes done and in all.

    Raises:
        UserError: bad features or labels, a class with fewer than 2 real or generated images, or, for its
            error, with fewer than 4 generated images or than groups.
    """
    real_features, generated_features = checked_pair(real_features, generated_features)
    if num_classes < 1:
        raise UserError(f"num_classes is {num_classes}; it must be at least 1")
    real_labels = checked_labels(real_labels, "real labels", len(real_features), num_classes)
    generated_labels = checked_labels(
        generated_labels, "generated labels", len(generated_features), num_classes
    )
    real_counts = torch.bincount(real_labels.cpu(), minlength=num_classes)
    generated_counts = torch.bincount(generated_labels.cpu(), minlength=num_classes)
    for label in range(num_classes):  # before any work is done
        _check_class_counts(label, int(real_counts[label]), int(generated_counts[label]))
    real = _by_class(real_features, real_labels, real_counts)
    generated = _by_class(generated_features, generated_labels, generated_counts)
    generated = told(generated, num_classes, progress)
    if groups is None:
        distances = torch.tensor(list(class_distances(real, generated)), dtype=torch.float64)
        return IntraClassDistances(distances, real_counts, generated_counts)
    estimates = list(class_estimates(real, generated, groups))
    return IntraClassDistances(
        torch.tensor([estimate.value for estimate in estimates], dtype=torch.float64),
        real_counts,
        generated_counts,
        torch.tensor([estimate.standard_error for estimate in estimates], dtype=torch.float64),
    )


def class_distances(real: Iterable[Tensor], generated: Iterable[Tensor]) -> Iterator[float]:
    """Yield the distance within each class from two iterables of the classes' features [N, D], in step.

    One class is drawn at a time, so features that do not fit in memory may come from functions:
    `class_distances(map(load, range(num_classes)), map(generate, range(num_classes)))`.

    Raises:
        UserError: bad features, a class with fewer than 2 images, or unlike numbers of classes.
    """
    for label, of_real, of_generated in _in_step(real, generated):
        of_real, of_generated = as_torch(of_real), as_torch(of_generated)
        if of_real.dim() == of_generated.dim() == 2:
            _check_class_counts(label, len(of_real), len(of_generated))
        yield frechet_distance_from_features(of_real, of_generated)


def class_estimates(
    reference: Iterable[Tensor | CovarianceFactor], generated: Iterable[Tensor], groups: int = 5
) -> Iterator[Estimate]:
    """Yield the distance within each class with its standard error, one class at a time as `class_distances`.

    Few groups do, for the mean over classes has the degrees of freedom of all of them.

    Args:
        reference: of each class, float [N, D] or its factor.
        generated: of each class, float [M, D] with M >= groups and M >= 4, in step.
        groups: at least 2, see `frechet_distance_with_error`.

    Raises:
        UserError: as there, naming the class, or unlike numbers of classes.
    """
    for label, of_real, of_generated in _in_step(reference, generated):
        try:
            yield frechet_distance_with_error(of_real, of_generated, groups)
        except UserError as error:
            raise UserError(f"class {label}: {error}") from None


def _in_step(
    real: Iterable[_Reference], generated: Iterable[Tensor]
) -> Iterator[tuple[int, _Reference, Tensor]]:
    for label, (of_real, of_generated) in enumerate(zip_longest(real, generated)):
        if of_real is None or of_generated is None:
            which = "real" if of_real is None else "generated"
            raise UserError(f"there are no {which} features for class {label}; give both for every class")
        yield label, of_real, of_generated


def _by_class(features: Tensor, labels: Tensor, counts: Tensor) -> Iterator[Tensor]:
    order = labels.argsort(stable=True).to(features.device)
    for of_class in order.split(counts.tolist()):
        yield features[of_class]


def _check_class_counts(label: int, real: int, generated: int) -> None:
    for kind, count in (("real", real), ("generated", generated)):
        if count < 2:
            raise UserError(f"class {label} has {count} {kind} image(s); at least 2 are needed: add images")
