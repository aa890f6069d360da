"""Oracle: a nearest-mean classifier of flat images, whose every answer is known."""

import pytest
import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation.classification_accuracy import Classify, classification_accuracy_score
from projgan.evaluation.scores import top_k_accuracy


def flat(*levels: int) -> Tensor:
    return torch.tensor(levels).byte()[:, None, None, None].expand(-1, 1, 4, 4)


def nearest_mean(images: Tensor, labels: Tensor) -> Classify:
    assert labels.dtype == torch.int64
    means = torch.stack([images[labels == label].float().mean() for label in range(3)])
    return lambda tests: -(tests.float().mean(dim=(1, 2, 3))[:, None] - means).abs()


GENERATED, GENERATED_LABELS = flat(0, 10, 100, 110, 200, 210), torch.tensor([0, 0, 1, 1, 2, 2])
REAL, REAL_LABELS = flat(3, 4, 90, 20, 205, 120), torch.tensor([0, 0, 1, 1, 2, 2]).int()


def test_by_hand() -> None:
    """Means 5, 105, 205: the levels 20 and 120 are taken for classes 0 and 1."""
    score = classification_accuracy_score(GENERATED, GENERATED_LABELS, REAL, REAL_LABELS, 3, nearest_mean)
    assert score.per_class.tolist() == [1, 0.5, 0.5]
    assert score.top1.value == pytest.approx(4 / 6, rel=1e-14)
    assert score.top1.standard_error == pytest.approx((4 / 6 * 2 / 6 * 6 / 5 / 6) ** 0.5, rel=1e-12)


def test_a_generator_that_swaps_two_classes_scores_nought_there() -> None:
    swapped = torch.tensor([1, 1, 0, 0, 2, 2])
    score = classification_accuracy_score(GENERATED, swapped, REAL[:5], REAL_LABELS[:5], 3, nearest_mean)
    assert score.per_class.tolist() == [0, 0.5, 1]  # level 20 is near the mean now called class 1


def test_classes_weighted_by_their_images_are_the_whole() -> None:
    logits, labels = torch.randn(90, 3), torch.arange(90).clamp(max=70) % 3
    images = torch.zeros(90, 1, 2, 2).byte()
    score = classification_accuracy_score(
        images, labels, images, labels, 3, lambda images, labels: lambda tests: logits
    )
    weights = torch.bincount(labels).double() / 90
    assert (score.per_class * weights).sum().item() == pytest.approx(score.top1.value, rel=1e-12)
    for label in range(3):
        expected = top_k_accuracy(logits[labels == label], labels[labels == label]).value
        assert score.per_class[label].item() == pytest.approx(expected, rel=1e-12)


def test_a_classifier_without_an_opinion_scores_nought() -> None:
    score = classification_accuracy_score(
        GENERATED,
        GENERATED_LABELS,
        REAL,
        REAL_LABELS,
        3,
        lambda images, labels: lambda tests: torch.ones(6, 3),
    )
    assert score.top1.value == 0
    assert score.per_class.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("generated", "generated_labels", "real", "real_labels", "message"),
    [
        (GENERATED.float(), GENERATED_LABELS, REAL, REAL_LABELS, "generated images must be uint8"),
        (GENERATED, GENERATED_LABELS, REAL[:, :, :2], REAL_LABELS, r"generated images are \[1, 4, 4\], real"),
        (GENERATED[:4], GENERATED_LABELS[:4], REAL, REAL_LABELS, "class 2 has no generated image"),
        (GENERATED, GENERATED_LABELS, REAL[2:], REAL_LABELS[2:], "class 0 has no real image"),
        (GENERATED, GENERATED_LABELS + 1, REAL, REAL_LABELS, "generated labels hold 3"),
    ],
)
def test_bad_inputs(
    generated: Tensor, generated_labels: Tensor, real: Tensor, real_labels: Tensor, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        classification_accuracy_score(generated, generated_labels, real, real_labels, 3, nearest_mean)
