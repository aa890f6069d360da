import re
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation.frechet import factor_of_features, frechet_distance_from_features
from projgan.evaluation.frechet_error import frechet_distance_with_error
from projgan.evaluation.intra_class import class_distances, class_estimates, intra_class_distances

REAL = torch.randn(60, 8, generator=torch.Generator().manual_seed(1))
GENERATED = 1.5 * torch.randn(45, 8, generator=torch.Generator().manual_seed(2))
REAL_LABELS = torch.tensor([0] * 10 + [1] * 20 + [2] * 30)
GENERATED_LABELS = torch.tensor([2] * 5 + [0] * 25 + [1] * 15)


def one_by_one() -> list[float]:
    return [
        frechet_distance_from_features(REAL[REAL_LABELS.eq(label)], GENERATED[GENERATED_LABELS.eq(label)])
        for label in range(3)
    ]


def test_each_class_by_itself_and_their_mean() -> None:
    result = intra_class_distances(REAL, REAL_LABELS, GENERATED, GENERATED_LABELS, 3)
    assert result.distances.dtype == torch.float64
    assert result.distances.tolist() == pytest.approx(one_by_one(), rel=1e-12)
    assert result.mean == pytest.approx(sum(one_by_one()) / 3, rel=1e-12)
    assert result.real_counts.tolist() == [10, 20, 30]
    assert result.generated_counts.tolist() == [25, 15, 5]


def test_the_order_of_images_says_nothing() -> None:
    real_order, generated_order = torch.randperm(60), torch.randperm(45)
    result = intra_class_distances(
        REAL[real_order],
        REAL_LABELS[real_order].int(),
        GENERATED[generated_order],
        GENERATED_LABELS[generated_order],
        3,
    )
    assert result.distances.tolist() == pytest.approx(one_by_one(), rel=1e-9)


def test_shifted_classes_have_their_shift_squared() -> None:
    shifts = torch.tensor([0.0, 1.0, 2.0]).double()
    shifted = REAL.double() + shifts[REAL_LABELS, None]
    result = intra_class_distances(REAL.double(), REAL_LABELS, shifted, REAL_LABELS, 3)
    assert result.distances.tolist() == pytest.approx([0, 8, 32], abs=1e-11)


def test_swapped_classes_are_seen_though_the_whole_is_the_same() -> None:
    labels = torch.arange(2).repeat_interleave(30)
    features = REAL.double() + 10 * labels[:, None]
    assert frechet_distance_from_features(features, features) == pytest.approx(0, abs=1e-9)
    swapped = intra_class_distances(features, labels, features, 1 - labels, 2)
    assert swapped.mean > 700


def test_one_class_at_a_time_is_drawn_from_iterables() -> None:
    drawn = []

    def draw(kind: str, features: Tensor, labels: Tensor) -> Iterator[Tensor]:
        for label in range(3):
            drawn.append((kind, label))
            yield features[labels == label]

    distances = class_distances(
        draw("real", REAL, REAL_LABELS), draw("generated", GENERATED, GENERATED_LABELS)
    )
    assert drawn == []
    assert next(distances) == pytest.approx(one_by_one()[0], rel=1e-12)
    assert drawn == [("real", 0), ("generated", 0)]
    assert list(distances) == pytest.approx(one_by_one()[1:], rel=1e-12)


@pytest.mark.parametrize(
    ("counts", "which"), [((2, 1), "generated"), ((1, 2), "real"), ((2, 0), "generated")]
)
def test_a_class_with_too_few_images_is_named(counts: tuple[int, int], which: str) -> None:
    real_labels = torch.tensor([0, 0, 0, 2, 2, 2] + [1] * counts[0])
    generated_labels = torch.tensor([0, 0, 0, 2, 2, 2] + [1] * counts[1])
    real, generated = torch.randn(len(real_labels), 4), torch.randn(len(generated_labels), 4)
    message = re.escape(f"class 1 has {min(counts)} {which} image(s)")
    with pytest.raises(UserError, match=message):
        intra_class_distances(real, real_labels, generated, generated_labels, 3)
    with pytest.raises(UserError, match=message):
        list(
            class_distances(
                (real[real_labels == label] for label in range(3)),
                (generated[generated_labels == label] for label in range(3)),
            )
        )


@pytest.mark.parametrize(
    ("labels", "num_classes", "message"),
    [
        (torch.zeros(59, dtype=torch.int64), 1, r"real labels must be \[60\]"),
        (torch.zeros(60, 1, dtype=torch.int64), 1, r"real labels must be \[60\]"),
        (torch.zeros(60), 1, "real labels must be integers"),
        (torch.zeros(60, dtype=torch.bool), 1, "real labels must be integers"),
        (REAL_LABELS, 2, "real labels hold 2; with 2 classes they end at 1"),
        (REAL_LABELS - 1, 3, "real labels hold -1"),
        (REAL_LABELS, 0, "num_classes is 0"),
    ],
)
def test_bad_labels(labels: Tensor, num_classes: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        intra_class_distances(REAL, labels, GENERATED, GENERATED_LABELS, num_classes)


def test_iterables_of_unlike_length() -> None:
    with pytest.raises(UserError, match="no generated features for class 1"):
        list(class_distances([REAL, REAL], [GENERATED]))
    with pytest.raises(UserError, match="no real features for class 0"):
        list(class_distances([], [GENERATED]))


def test_errors_of_the_classes_and_of_their_mean() -> None:
    told: list[tuple[int, int]] = []
    result = intra_class_distances(
        REAL, REAL_LABELS, GENERATED, GENERATED_LABELS, 3, 5, lambda *counts: told.append(counts)
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert result.distances.tolist() == pytest.approx(one_by_one(), rel=1e-12)
    alone = [
        frechet_distance_with_error(REAL[REAL_LABELS.eq(label)], GENERATED[GENERATED_LABELS.eq(label)], 5)
        for label in range(3)
    ]
    errors = [estimate.standard_error for estimate in alone]
    assert result.standard_errors is not None
    assert result.standard_errors.tolist() == pytest.approx(errors, rel=1e-12)
    assert result.standard_error == pytest.approx(sum(error**2 for error in errors) ** 0.5 / 3, rel=1e-12)
    without = intra_class_distances(REAL, REAL_LABELS, GENERATED, GENERATED_LABELS, 3)
    assert without.standard_errors is without.standard_error is None


def test_the_error_of_the_mean_is_the_spread_over_fresh_images() -> None:
    generator = torch.Generator().manual_seed(3)
    results = []
    for _ in range(60):
        generated = 1.5 * torch.randn(60, 8, generator=generator)
        results.append(intra_class_distances(REAL, REAL_LABELS, generated, REAL_LABELS, 3, groups=5))
    spread = torch.tensor([result.mean for result in results]).std().item()
    mean_square = sum(result.standard_error**2 for result in results) / len(results)  # type: ignore[operator]
    assert mean_square**0.5 == pytest.approx(spread, rel=0.25)


def test_the_class_whose_error_fails_is_named() -> None:
    factors = [factor_of_features(REAL[label == REAL_LABELS]) for label in range(2)]
    estimates = class_estimates(factors, [GENERATED[:9], GENERATED[:4]])
    assert next(estimates).value == pytest.approx(
        frechet_distance_from_features(REAL[REAL_LABELS == 0], GENERATED[:9]), rel=1e-9
    )
    with pytest.raises(UserError, match=r"class 1: groups is 5; .* generated images, 4"):
        next(estimates)
    with pytest.raises(UserError, match="no generated features for class 1"):
        list(class_estimates(factors, [GENERATED]))
