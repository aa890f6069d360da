"""Every public number of numpy's arrays is that of torch's tensors, to the bit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from projgan import evaluation

Given = Callable[[Tensor], Any]
DRAW = torch.Generator().manual_seed(0)
REAL, GENERATED = (torch.randn(40, 6, generator=DRAW) + shift for shift in (0.0, 0.5))
LABELS = torch.arange(40) % 2
LOGITS = torch.randn(40, 2, generator=DRAW)
IMAGES, OTHERS = (torch.randint(256, (40, 3, 8, 8), generator=DRAW, dtype=torch.uint8) for _ in range(2))
MEAN, COVARIANCE = REAL.mean(dim=0), REAL.T.cov()


def trained(images: Tensor, labels: Tensor, as_given: Given) -> Callable[[Tensor], Any]:
    assert isinstance(images, Tensor)
    assert isinstance(labels, Tensor)
    return lambda asked: as_given(asked.float().mean(dim=(2, 3))[:, :2])


def parts(features: Tensor, as_given: Given) -> list[Any]:
    return [as_given(part) for part in features.split(20)]


CALLS: dict[str, Callable[[Given], Any]] = {
    "class_distances": lambda given: list(
        evaluation.class_distances(parts(REAL, given), parts(GENERATED, given))
    ),
    "class_estimates": lambda given: list(
        evaluation.class_estimates(parts(REAL, given), parts(GENERATED, given))
    ),
    "classification_accuracy_score": lambda given: evaluation.classification_accuracy_score(
        given(IMAGES), given(LABELS), given(OTHERS), given(LABELS), 2, lambda *a: trained(*a, given)
    ),
    "density_coverage": lambda given: evaluation.density_coverage(given(REAL), given(GENERATED)),
    "factor_of_covariance": lambda given: evaluation.factor_of_covariance(given(MEAN), given(COVARIANCE)),
    "factor_of_features": lambda given: evaluation.factor_of_features(given(REAL)),
    "frechet_distance_from_features": lambda given: evaluation.frechet_distance_from_features(
        given(REAL), given(GENERATED)
    ),
    "frechet_distance_with_error": lambda given: evaluation.frechet_distance_with_error(
        given(REAL), given(GENERATED)
    ),
    "inception_score": lambda given: evaluation.inception_score(given(LOGITS), splits=2),
    "intra_class_distances": lambda given: evaluation.intra_class_distances(
        given(REAL), given(LABELS), given(GENERATED), given(LABELS), 2, groups=4
    ),
    "kernel_distance": lambda given: evaluation.kernel_distance(
        given(REAL), given(GENERATED), subset_size=20
    ),
    "kernel_distance_of_all": lambda given: evaluation.kernel_distance_of_all(given(REAL), given(GENERATED)),
    "precision_recall": lambda given: evaluation.precision_recall(given(REAL), given(GENERATED)),
    "statistics_of": lambda given: evaluation.statistics_of(given(REAL)),
    "top_k_accuracy": lambda given: evaluation.top_k_accuracy(given(LOGITS), given(LABELS)),
    "within_class_ms_ssim": lambda given: evaluation.within_class_ms_ssim(given(IMAGES), given(LABELS), 2),
}
OF_NO_TENSORS = {
    "distance_between_factors",
    "frechet_distance_from_statistics",
    "merge",
    "remark_on_counts",
}
"""They take what the others give, or counts."""


def plain(found: Any) -> Any:
    """Numbers alone, which compare."""
    if isinstance(found, Tensor):
        return found.tolist()
    if isinstance(found, list):
        return [plain(one) for one in found]
    return {key: plain(value) for key, value in vars(found).items()} if hasattr(found, "__dict__") else found


def test_every_public_function_is_called_here() -> None:
    functions = {name for name in evaluation.__all__ if name[0].islower()}
    assert functions == set(CALLS) | OF_NO_TENSORS


@pytest.mark.parametrize("name", CALLS)
def test_arrays_give_what_tensors_give(name: str) -> None:
    expected = plain(CALLS[name](lambda tensor: tensor))
    assert plain(CALLS[name](Tensor.numpy)) == expected
    backwards = CALLS[name](lambda tensor: tensor.numpy()[::-1].copy()[::-1])  # negative strides
    assert plain(backwards) == expected


def test_published_statistics_enter_as_they_are_saved() -> None:
    features = REAL.double().numpy()
    mean, covariance = features.mean(axis=0), np.cov(features, rowvar=False)
    saved = evaluation.factor_of_covariance(mean, covariance)  # type: ignore[arg-type]
    expected = evaluation.distance_between_factors(
        evaluation.factor_of_features(REAL), evaluation.factor_of_features(GENERATED)
    )
    found = evaluation.distance_between_factors(saved, evaluation.factor_of_features(GENERATED))
    assert found == pytest.approx(expected, rel=1e-9)


def test_labels_may_be_a_list() -> None:
    assert evaluation.top_k_accuracy(LOGITS, LABELS.tolist()) == evaluation.top_k_accuracy(LOGITS, LABELS)  # type: ignore[arg-type]
