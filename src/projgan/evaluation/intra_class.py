"""Frechet distances within each class, one class at a time: memory does not grow with their number.

A class has few images, mostly fewer than features: each distance is exact for its images and biased upwards
as an estimate (see `frechet`), so that only numbers of equal counts per class compare.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation.checks import checked_labels, checked_pair
from projgan.evaluation.frechet import frechet_distance_from_features


@dataclass(frozen=True)
class IntraClassDistances:
    """Frechet distances within each class (the intra FID of Miyato & Koyama 2018)."""

    distances: Tensor
    """float64 [num_classes], on the CPU."""
    real_counts: Tensor
    """int64 [num_classes]: images the real Gaussians were fitted to, which set the bias."""
    generated_counts: Tensor
    """int64 [num_classes]."""

    @property
    def mean(self) -> float:
        """The mean over classes, each with equal weight: the published number."""
        return self.distances.mean().item()


def intra_class_distances(
    real_features: Tensor,
    real_labels: Tensor,
    generated_features: Tensor,
    generated_labels: Tensor,
    num_classes: int,
) -> IntraClassDistances:
    """Return the squared Frechet distance within each class; float64 copies are of one class at a time.

    Args:
        real_features: float [N, D].
        real_labels: integers [N] in [0, num_classes).
        generated_features: float [M, D].
        generated_labels: integers [M] in [0, num_classes), the classes that were asked for.
        num_classes: at least 1.

    Raises:
        UserError: bad features or labels, or a class with fewer than 2 real or generated images.
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
    distances = class_distances(
        _by_class(real_features, real_labels, real_counts),
        _by_class(generated_features, generated_labels, generated_counts),
    )
    return IntraClassDistances(
        torch.tensor(list(distances), dtype=torch.float64), real_counts, generated_counts
    )


def class_distances(real: Iterable[Tensor], generated: Iterable[Tensor]) -> Iterator[float]:
    """Yield the distance within each class from two iterables of the classes' features [N, D], in step.

    One class is drawn at a time, so features that do not fit in memory may come from functions:
    `class_distances(map(load, range(num_classes)), map(generate, range(num_classes)))`.

    Raises:
        UserError: bad features, a class with fewer than 2 images, or unlike numbers of classes.
    """
    for label, (of_real, of_generated) in enumerate(zip_longest(real, generated)):
        if of_real is None or of_generated is None:
            which = "real" if of_real is None else "generated"
            raise UserError(f"there are no {which} features for class {label}; give both for every class")
        if of_real.dim() == of_generated.dim() == 2:
            _check_class_counts(label, len(of_real), len(of_generated))
        yield frechet_distance_from_features(of_real, of_generated)


def _by_class(features: Tensor, labels: Tensor, counts: Tensor) -> Iterator[Tensor]:
    order = labels.argsort(stable=True).to(features.device)
    for of_class in order.split(counts.tolist()):
        yield features[of_class]


def _check_class_counts(label: int, real: int, generated: int) -> None:
    for kind, count in (("real", real), ("generated", generated)):
        if count < 2:
            raise UserError(f"class {label} has {count} {kind} image(s); at least 2 are needed: add images")
