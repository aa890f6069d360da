"""Oracles: hand values, double loops, the spread over fresh draws."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation import scores
from projgan.evaluation.estimates import Estimate, mean_of
from projgan.evaluation.scores import inception_score, kernel_distance, kernel_distance_of_all, top_k_accuracy

F64 = torch.float64

# Kernel distance


def kernel(first: np.ndarray, second: np.ndarray) -> float:
    return float((np.dot(first, second) / len(first) + 1) ** 3)


def by_double_loop(real: Tensor, generated: Tensor) -> float:
    x, y = real.double().numpy(), generated.double().numpy()
    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    between = sum(kernel(a, b) for a in x for b in y) / (n * m)
    return within_x + within_y - 2 * between


def test_kernel_distance_by_hand() -> None:
    """Of one feature: k(0, ·) = 1, k(1, 1) = 8, k(1, 2) = 27; the diagonals do not enter."""
    real, generated = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])
    assert kernel_distance_of_all(real, generated).value == 1 + 27 - 2 * (1 + 1 + 8 + 27) / 4


@pytest.mark.parametrize(("n", "m", "d"), [(13, 9, 5), (2, 20, 1), (8, 8, 40)])
def test_kernel_distance_against_a_double_loop(
    n: int, m: int, d: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, generated = torch.randn(n, d), 1.5 * torch.randn(m, d) + 0.3
    expected = pytest.approx(by_double_loop(real, generated), rel=1e-11)
    assert kernel_distance_of_all(real, generated).value == expected
    assert kernel_distance_of_all(generated, real).value == expected
    assert kernel_distance_of_all(real[torch.randperm(n)], generated).value == expected
    monkeypatch.setattr(scores, "ROWS_AT_ONCE", 3)
    assert kernel_distance_of_all(real, generated).value == expected


def test_kernel_distance_is_unbiased_where_there_is_none() -> None:
    values = torch.tensor([kernel_distance_of_all(*torch.randn(2, 20, 4)).value for _ in range(400)])
    assert abs(mean_of(values).value) < 4 * mean_of(values).standard_error
    assert (values < 0).any()


@pytest.mark.parametrize(("n", "m", "size"), [(30, 40, 30), (40, 30, 30), (1100, 1050, 1000)])
def test_subsets_are_of_1000_images_or_of_all_where_there_are_fewer(n: int, m: int, size: int) -> None:
    real, generated = torch.randn(n, 3), torch.randn(m, 3) + 0.5
    by_itself = kernel_distance(real, generated, subsets=3)
    assert by_itself == kernel_distance(real, generated, subsets=3, subset_size=size)


def root_mean_square_and_spread(estimates: list[Estimate]) -> tuple[float, float]:
    """The error that is claimed, and the one that there is."""
    claimed = np.sqrt(np.mean([estimate.standard_error**2 for estimate in estimates]))
    return float(claimed), float(np.std([estimate.value for estimate in estimates], ddof=1))


def far() -> tuple[Tensor, Tensor]:
    return torch.randn(150, 4), 1.3 * torch.randn(250, 4) + 0.7


def alike() -> tuple[Tensor, Tensor]:
    """At no distance only what pairs do together is left of the error."""
    return torch.randn(40, 8), torch.randn(160, 8)


def uniform() -> tuple[Tensor, Tensor]:
    return torch.rand(300, 64), 1.2 * torch.rand(300, 64)


@pytest.mark.parametrize(("draw", "times"), [(far, 300), (alike, 400), (uniform, 100)])
def test_the_error_of_all_images_is_the_spread_over_fresh_images(
    draw: Callable[[], tuple[Tensor, Tensor]], times: int
) -> None:
    claimed, spread = root_mean_square_and_spread([kernel_distance_of_all(*draw()) for _ in range(times)])
    assert claimed == pytest.approx(spread, rel=0.25)


@pytest.mark.parametrize(
    ("size", "images_of_error"),
    [(150, 5000), (20, 5000), (20, 60)],
    ids=["nearly the whole", "small subsets", "the error from some of the images"],
)
def test_the_error_over_subsets_is_the_spread_over_fresh_images(
    size: int, images_of_error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the draw of subsets alone it would be none for subsets that are nearly the whole."""
    monkeypatch.setattr(scores, "IMAGES_OF_ERROR", images_of_error)
    claimed, spread = root_mean_square_and_spread(
        [kernel_distance(*far(), subsets=10, subset_size=size, seed=seed) for seed in range(200)]
    )
    assert claimed == pytest.approx(spread, rel=0.25)


def test_the_error_by_a_double_loop() -> None:
    """Hoeffding's decomposition: 4 / n times the variance of an image's own term, and pairs' remainders."""
    real, generated = torch.randn(12, 3, dtype=F64), torch.randn(15, 3, dtype=F64) + 1
    sets = real.numpy(), generated.numpy()

    def remainder(first: np.ndarray, second: np.ndarray, same: bool) -> float:
        kernels = np.array([[kernel(x, y) for y in second] for x in first])
        if same:
            np.fill_diagonal(kernels, np.nan)
        rows, columns = np.nanmean(kernels, axis=1), np.nanmean(kernels, axis=0)
        return float(
            np.nanmean(kernels**2) - np.nanmean(kernels) ** 2 - rows.var(ddof=1) - columns.var(ddof=1)
        )

    def own(here: np.ndarray, there: np.ndarray, within: float, between: float) -> float:
        terms = [
            np.mean([kernel(x, other) for j, other in enumerate(here) if j != i])
            - np.mean([kernel(x, y) for y in there])
            for i, x in enumerate(here)
        ]
        return float(np.var(terms, ddof=1) - within / (len(here) - 1) - between / len(there))

    n, m = 12, 15
    within = [remainder(features, features, True) for features in sets]
    between = remainder(*sets, False)
    variance = 4 * own(*sets, within[0], between) / n + 4 * own(*sets[::-1], within[1], between) / m
    variance += 2 * within[0] / (n * (n - 1)) + 2 * within[1] / (m * (m - 1)) + 4 * between / (n * m)
    estimate = kernel_distance_of_all(real, generated)
    assert estimate.standard_error == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert kernel_distance_of_all(generated, real).standard_error == pytest.approx(estimate.standard_error)


def test_subsets_of_everything_are_everything() -> None:
    real, generated = torch.randn(30, 4), torch.randn(30, 4) + 1
    estimate = kernel_distance(real, generated, subsets=5, subset_size=30)
    whole = kernel_distance_of_all(real, generated)
    assert estimate.value == pytest.approx(whole.value, rel=1e-12)
    assert estimate.standard_error == pytest.approx(whole.standard_error, rel=1e-12)


def test_subsets_are_drawn_by_the_seed_and_centre_on_the_whole() -> None:
    real, generated = torch.randn(300, 4), torch.randn(200, 4) + 1
    whole = kernel_distance_of_all(real, generated)

    def of_subsets(estimate: Estimate) -> float:
        return math.sqrt(estimate.standard_error**2 - whole.standard_error**2)

    first, again, other = (
        kernel_distance(real, generated, subsets=200, subset_size=50, seed=s) for s in (1, 1, 2)
    )
    assert first == again != other
    assert 0 < of_subsets(first) < 0.1 * whole.value
    for estimate in (first, other):
        assert abs(estimate.value - whole.value) < 4 * of_subsets(estimate)
    assert abs(first.value - other.value) < 4 * math.hypot(of_subsets(first), of_subsets(other))
    fewer = kernel_distance(real, generated, subsets=50, subset_size=50)
    assert of_subsets(fewer) == pytest.approx(2 * of_subsets(first), rel=0.4)


def test_subsets_draw_each_image_once() -> None:
    """One image drawn twice would enter the unbiased sum by its own square."""
    features = torch.eye(10) * 100
    value = kernel_distance(features, features, subsets=3, subset_size=9).value
    other, itself = 1.0, (100**2 / 10 + 1) ** 3
    assert value >= 2 * other - 2 * (itself + 8 * other) / 9
    assert value < 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"subset_size": 8}, "subset_size is 8; it must lie between 2 and .*, 7"),
        ({"subset_size": 1}, "subset_size is 1"),
        ({"subsets": 1, "subset_size": 5}, "subsets is 1; at least 2"),
    ],
)
def test_bad_subsets(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        kernel_distance(torch.randn(9, 3), torch.randn(7, 3), **arguments)


# Inception score


@pytest.mark.parametrize("splits", [1, 4])
def test_inception_score_of_the_extremes(splits: int) -> None:
    """1 where nothing or one thing is recognised, K where every class is, equally often and surely."""
    uniform = inception_score(torch.full((40, 10), 3.0), splits)
    assert (uniform.mean, uniform.std) == pytest.approx((1, 0), abs=1e-12)
    one_class = inception_score(1e3 * torch.eye(10)[[4] * 40], splits)
    assert (one_class.mean, one_class.std) == pytest.approx((1, 0), abs=1e-12)
    spread = inception_score(1e3 * torch.eye(10).repeat(4, 1), splits)
    assert (spread.mean, spread.std) == pytest.approx((10, 0), abs=1e-11)


def test_inception_score_by_hand() -> None:
    """p = (3/4, 1/4) and (1/4, 3/4) around (1/2, 1/2): KL = 3/4 log 3/2 + 1/4 log 1/2 for both."""
    logits = torch.tensor([[math.log(3), 0.0], [5.0, 5 + math.log(3)]], dtype=F64)
    expected = 1.5**0.75 * 0.5**0.25
    assert inception_score(logits, 1).mean == pytest.approx(expected, rel=1e-14)


def test_inception_score_against_the_published_loop() -> None:
    logits = 2 * torch.randn(53, 7, dtype=F64)
    probabilities = np.exp(logits.numpy())
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    by_split = []
    for i in range(10):
        part = probabilities[i * 53 // 10 : (i + 1) * 53 // 10]
        divergence = part * (np.log(part) - np.log(part.mean(axis=0, keepdims=True)))
        by_split.append(np.exp(divergence.sum(axis=1).mean()))
    score = inception_score(logits)
    assert score.mean == pytest.approx(np.mean(by_split), rel=1e-13)
    assert score.std == pytest.approx(np.std(by_split), rel=1e-10)
    assert score.standard_error == pytest.approx(np.std(by_split, ddof=1) / math.sqrt(10), rel=1e-10)
    assert inception_score(logits + torch.randn(53, 1)).mean == pytest.approx(score.mean, rel=1e-12)


def test_inception_score_of_narrow_logits_and_of_any_order() -> None:
    logits = torch.randn(60, 9)
    assert inception_score(logits, 3) == inception_score(logits.double(), 3)
    shuffled = inception_score(logits[torch.randperm(60)], 1)
    assert shuffled.mean == pytest.approx(inception_score(logits, 1).mean, rel=1e-13)


def test_the_error_of_the_inception_score_is_the_spread_over_fresh_images() -> None:
    scores = [inception_score(2 * torch.randn(200, 5)) for _ in range(200)]
    spread = np.std([score.mean for score in scores], ddof=1)
    root_mean_square = np.sqrt(np.mean([score.standard_error**2 for score in scores]))
    assert root_mean_square == pytest.approx(spread, rel=0.2)
    assert inception_score(torch.randn(20, 5), 1).standard_error is None


@pytest.mark.parametrize("splits", [0, 3, 5, -1])
def test_bad_splits(splits: int) -> None:
    """One image a split would be 1 ± 0, whatever it shows."""
    with pytest.raises(UserError, match=f"splits is {splits}; it must lie between 1 and .*, 2, for"):
        inception_score(torch.randn(5, 3), splits)


# Accuracy


def test_accuracy_by_hand() -> None:
    logits = torch.tensor([[5.0, 3, 1, 0], [5.0, 3, 1, 0], [5.0, 3, 1, 0], [0.0, 1, 2, 3]])
    labels = torch.tensor([0, 1, 2, 3])
    assert [top_k_accuracy(logits, labels, k).value for k in (1, 2, 3, 4)] == [0.5, 0.75, 1, 1]
    # s / sqrt(N) of 0, 0, 1, 1: sqrt(1/3) / 2
    assert top_k_accuracy(logits, labels).standard_error == pytest.approx(math.sqrt(1 / 3) / 2, rel=1e-14)


def test_accuracy_of_a_classifier_without_an_opinion_is_nought() -> None:
    labels = torch.arange(4)
    assert top_k_accuracy(torch.zeros(4, 4), labels, 3).value == 0
    assert top_k_accuracy(torch.zeros(4, 4), labels, 4).value == 1


@pytest.mark.parametrize("k", [1, 2, 5])
def test_accuracy_against_sorting(k: int) -> None:
    logits, labels = torch.randn(200, 6), torch.randint(6, (200,))
    hits = [int(label) in np.argsort(-row.numpy())[:k] for row, label in zip(logits, labels, strict=True)]
    assert top_k_accuracy(logits, labels.int(), k).value == pytest.approx(np.mean(hits), rel=1e-14)


@pytest.mark.parametrize(
    ("logits", "labels", "k", "message"),
    [
        (torch.randn(4, 3), torch.zeros(4).long(), 4, "k is 4; it must lie between 1 and .*, 3"),
        (torch.randn(4, 3), torch.zeros(4).long(), 0, "k is 0"),
        (torch.randn(4, 3), torch.full((4,), 3), 1, "labels hold 3; with 3 classes they end at 2"),
        (torch.randn(4, 3), torch.zeros(3).long(), 1, r"labels must be \[4\]"),
        (torch.full((4, 3), math.nan), torch.zeros(4).long(), 1, "class logits of image 0 hold NaN"),
        (torch.randn(1, 3), torch.zeros(1).long(), 1, "class logits come from 1 image"),
    ],
)
def test_bad_accuracy(logits: Tensor, labels: Tensor, k: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        top_k_accuracy(logits, labels, k)


@pytest.mark.parametrize("score", [kernel_distance_of_all, lambda x, y: kernel_distance(x, y, 2, 2)])
def test_bad_features(score) -> None:
    fine = torch.randn(5, 3)
    for features, message in [
        (torch.full((5, 3), math.inf), "real features of image 0 hold NaN or infinity"),
        (torch.ones(5, 3, dtype=torch.int64), "real features must be floating point"),
        (torch.randn(1, 3), "real features come from 1 image"),
        (torch.randn(5, 4), "real features have 4 entries, generated ones 3"),
    ]:
        with pytest.raises(UserError, match=message):
            score(features, fine)
    with pytest.raises(UserError, match="logits must be"):
        inception_score(torch.randn(5))
