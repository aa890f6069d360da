"""Oracles: closed forms, scipy's square root of a matrix, numpy's covariance."""

import math
import time
from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation import frechet
from projgan.evaluation.frechet import (
    FeatureStatistics,
    distance_between_factors,
    factor_of_covariance,
    factor_of_features,
    frechet_distance_from_features,
    frechet_distance_from_statistics,
    merge,
    statistics_of,
)

F64 = torch.float64
COUNTS = [(30, 20, 50), (50, 20, 50), (30, 400, 50), (49, 400, 50), (400, 300, 50), (51, 52, 50), (2, 2, 50)]
"""Real images, generated images, features: every route, and either side of every switch."""


def exactly(count: int, mean: Tensor, covariance: Tensor) -> Tensor:
    """Features whose sample mean and covariance are the given ones."""
    raw = torch.randn(count, len(mean), dtype=F64)
    raw -= raw.mean(dim=0)
    own = torch.linalg.cholesky(raw.T @ raw / (count - 1))
    white = torch.linalg.solve_triangular(own, raw.T, upper=False)
    return (torch.linalg.cholesky(covariance) @ white).T + mean


def correlated(count: int, width: int, scale: float = 1.0) -> Tensor:
    mixing = torch.randn(width, width, dtype=F64) * torch.arange(1, width + 1).rsqrt()[:, None]
    return scale * torch.randn(count, width, dtype=F64) @ mixing + torch.randn(width, dtype=F64)


def by_scipy(real: Tensor, generated: Tensor) -> float:
    first, second = np.cov(real.numpy(), rowvar=False), np.cov(generated.numpy(), rowvar=False)
    shift = real.numpy().mean(axis=0) - generated.numpy().mean(axis=0)
    root = scipy.linalg.sqrtm(first @ second)
    return float(shift @ shift + np.trace(first + second) - 2 * np.trace(root).real)


def from_statistics(real: Tensor, generated: Tensor) -> float:
    return frechet_distance_from_statistics(statistics_of(real), statistics_of(generated))


def all_factors(real: Tensor, generated: Tensor) -> float:
    return distance_between_factors(factor_of_features(real), factor_of_features(generated))


ROUTES = [frechet_distance_from_features, from_statistics, all_factors]


@pytest.mark.parametrize("distance", ROUTES)
@pytest.mark.parametrize("count", [20, 300])
def test_gaussians_with_one_set_of_axes(distance, count: int) -> None:
    """d² = |m1 - m2|² + sum (sqrt(a) - sqrt(b))²."""
    axes = torch.linalg.qr(torch.randn(12, 12, dtype=F64)).Q
    first, second = torch.rand(12, dtype=F64) + 0.1, 3 * torch.rand(12, dtype=F64) + 0.1
    means = torch.randn(2, 12, dtype=F64)
    real = exactly(count, means[0], axes @ first.diag() @ axes.T)
    generated = exactly(count + 5, means[1], axes @ second.diag() @ axes.T)
    expected = (means[0] - means[1]).square().sum() + (first.sqrt() - second.sqrt()).square().sum()
    assert distance(real, generated) == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("distance", ROUTES)
def test_gaussians_in_the_plane_with_unlike_axes(distance) -> None:
    """In two dimensions tr sqrt(C1 C2) = sqrt(tr(C1 C2) + 2 sqrt(det C1 det C2))."""
    first = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=F64)  # det 1.75
    second = torch.tensor([[1.0, -0.5], [-0.5, 3.0]], dtype=F64)  # det 2.75; tr(C1 C2) = 4.5
    real = exactly(9, torch.tensor([1.0, 2.0], dtype=F64), first)
    generated = exactly(40, torch.tensor([4.0, -2.0], dtype=F64), second)
    expected = 25 + 3 + 4 - 2 * math.sqrt(4.5 + 2 * math.sqrt(1.75 * 2.75))
    assert distance(real, generated) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("n", "m", "d"), COUNTS)
def test_every_route_agrees_with_every_other(n: int, m: int, d: int) -> None:
    real, generated = correlated(n, d), correlated(m, d, 1.3)
    values = [distance(real, generated) for distance in ROUTES]
    assert values == pytest.approx([values[0]] * len(ROUTES), rel=1e-9)


@pytest.mark.parametrize("distance", ROUTES)
@pytest.mark.parametrize(("n", "m"), [(400, 300), (51, 400)])
def test_against_scipy_where_it_is_accurate(distance, n: int, m: int) -> None:
    real, generated = correlated(n, 50), correlated(m, 50, 1.3)
    assert distance(real, generated) == pytest.approx(by_scipy(real, generated), rel=1e-9)


@pytest.mark.filterwarnings("ignore:Matrix is singular")
@pytest.mark.parametrize(("n", "m"), [(30, 20), (30, 400), (2, 2)])
def test_against_scipy_where_covariances_are_singular(n: int, m: int) -> None:
    """There scipy's own rounding, sqrt(1e-16) per direction, is the tolerance."""
    real, generated = correlated(n, 50), correlated(m, 50, 1.3)
    expected = by_scipy(real, generated)
    assert frechet_distance_from_features(real, generated) == pytest.approx(expected, rel=1e-5)


def test_few_images_are_much_faster_than_scipy_and_equal() -> None:
    """500 against 500 at 2048 features: some 300 times; here a size that fits in a test."""
    real, generated = correlated(100, 512), correlated(100, 512)
    start = time.perf_counter()
    expected = by_scipy(real, generated)
    scipy_seconds = time.perf_counter() - start
    times = []
    for _ in range(5):
        start = time.perf_counter()
        ours = frechet_distance_from_features(real, generated)
        times.append(time.perf_counter() - start)
    assert ours == pytest.approx(expected, rel=1e-5)
    assert scipy_seconds > 20 * min(times)


@pytest.mark.parametrize("distance", ROUTES)
@pytest.mark.parametrize(("n", "m", "d"), COUNTS)
def test_what_the_distance_must_obey(distance, n: int, m: int, d: int) -> None:
    real, generated = correlated(n, d), correlated(m, d, 1.3)
    shift = torch.randn(d, dtype=F64)
    value = distance(real, generated)
    size = statistics_of(real).covariance.trace().item()
    assert distance(real, real) == pytest.approx(0, abs=1e-12 * size)
    assert distance(real, real + shift) == pytest.approx(shift.square().sum().item(), rel=1e-10)
    assert distance(3 * real, 3 * generated) == pytest.approx(9 * value, rel=1e-9)
    assert distance(real - shift, generated - shift) == pytest.approx(value, rel=1e-9)
    assert distance(generated, real) == pytest.approx(value, rel=1e-9)
    order = torch.randperm(n)
    assert distance(real[order], generated) == pytest.approx(value, rel=1e-9)
    assert value > 0


@pytest.mark.parametrize("distance", ROUTES)
@pytest.mark.parametrize("count", [20, 80])
def test_rounding_never_makes_a_distance_negative(distance, count: int) -> None:
    for _ in range(20):
        real = correlated(count, 30)
        assert 0 <= distance(real, real[torch.randperm(count)]) < 1e-10


@pytest.mark.parametrize("condition", [1e6, 1e12])
def test_routes_agree_on_features_of_very_unlike_sizes(condition: float) -> None:
    spread = torch.logspace(0, -math.log10(condition) / 2, 100, dtype=F64)
    real, generated = (
        torch.randn(n, 100, dtype=F64) * spread @ torch.randn(100, 100, dtype=F64) for n in (200, 150)
    )
    by_values = frechet_distance_from_features(real, generated)
    by_rows = distance_between_factors(frechet._centred_rows(real), frechet._centred_rows(generated))
    assert by_values == pytest.approx(by_rows, rel=1e-9)


@pytest.mark.parametrize("distance", ROUTES)
def test_two_images_against_two(distance) -> None:
    """±a and ±b have covariances 2 a a^T and 2 b b^T: 2 |a|² + 2 |b|² - 4 |a·b|."""
    a, b = torch.tensor([1.0, 2.0, 2.0]), torch.tensor([0.0, -3.0, 4.0])  # squares 9 and 25, product 2
    assert distance(torch.stack([a, -a]), torch.stack([b, -b])) == pytest.approx(18 + 50 - 8, rel=1e-12)


def test_scaled_copies() -> None:
    """s C against C: tr C (sqrt(s) - 1)²."""
    real = correlated(20, 50)
    real -= real.mean(dim=0)
    trace = real.square().sum().item() / 19
    assert frechet_distance_from_features(real, 3 * real) == pytest.approx(4 * trace, rel=1e-12)


@pytest.mark.parametrize("distance", ROUTES)
def test_features_that_say_nothing_or_the_same_twice(distance) -> None:
    """Above D images a dead and a repeated feature make the covariance singular all the same."""
    real, generated = correlated(300, 20), correlated(200, 20, 1.3)
    value = distance(real, generated)
    dead = [
        torch.cat([features, torch.ones(len(features), 3, dtype=F64)], 1) for features in (real, generated)
    ]
    assert distance(*dead) == pytest.approx(value, rel=1e-9)
    axes = torch.linalg.qr(torch.randn(23, 23, dtype=F64)).Q
    assert distance(*(features @ axes for features in dead)) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("distance", ROUTES)
@pytest.mark.parametrize(("n", "m"), [(20, 30), (90, 80)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_narrow_features_are_computed_in_float64(distance, n: int, m: int, dtype: torch.dtype) -> None:
    real, generated = correlated(n, 40).to(dtype), correlated(m, 40, 1.3).to(dtype)
    assert distance(real, generated) == distance(real.double(), generated.double())
    assert factor_of_features(real).rows.dtype == statistics_of(real).scatter.dtype == F64


def test_a_large_mean_does_not_drown_the_variance() -> None:
    real, generated = correlated(80, 20), correlated(70, 20, 1.3)
    value = frechet_distance_from_features(real, generated)
    assert frechet_distance_from_features(real + 1e6, generated + 1e6) == pytest.approx(value, rel=1e-7)


def test_features_with_a_gradient_are_measured_like_others() -> None:
    real = torch.randn(9, 4, requires_grad=True)
    assert frechet_distance_from_features(real, real.detach() + 1) == pytest.approx(4, rel=1e-6)


def test_few_images_bias_the_distance_upwards() -> None:
    """Of two samples of one distribution, as the documentation says."""
    values = [
        np.mean([frechet_distance_from_features(*torch.randn(2, n, 16)) for _ in range(20)])
        for n in (8, 32, 500)
    ]
    assert values[0] > 2 * values[1] > 4 * values[2] > 0


@pytest.mark.parametrize(
    ("n", "m", "gram"), [(9, 10, True), (10, 10, True), (6, 99, True), (7, 99, False), (11, 11, False)]
)
def test_the_switch_between_routes(n: int, m: int, gram: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """At D = 10: 6 (6 + 10) < 100 < 7 (7 + 10)."""
    monkeypatch.setattr(frechet, "factor_of_features", lambda features: pytest.fail("covariance"))
    for first, second in ((n, m), (m, n)):
        features = torch.randn(first, 10), torch.randn(second, 10)
        if gram:
            frechet_distance_from_features(*features)
        else:
            with pytest.raises(pytest.fail.Exception, match="covariance"):
                frechet_distance_from_features(*features)


# Statistics


def assert_equal_statistics(first: FeatureStatistics, second: FeatureStatistics) -> None:
    assert first.count == second.count
    torch.testing.assert_close(first.mean, second.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(first.scatter, second.scatter, rtol=1e-11, atol=1e-11)


def test_statistics_against_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frechet, "ROWS_AT_ONCE", 7)
    features = correlated(40, 5) + 100
    statistics = statistics_of(features)
    assert statistics.count == 40
    np.testing.assert_allclose(statistics.mean, features.numpy().mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(statistics.covariance, np.cov(features.numpy(), rowvar=False), rtol=1e-11)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 30), max_size=6), grouping=st.integers(0, 6), seed=st.integers(0, 99))
def test_parts_merge_in_any_cut_grouping_and_order(cuts: list[int], grouping: int, seed: int) -> None:
    """Empty parts and parts of one image included: a rank may have none."""
    features = 5 + torch.randn(30, 4, dtype=F64, generator=torch.Generator().manual_seed(seed))
    cuts = [0, *sorted(cuts), 30]
    parts = [statistics_of(features[start:end]) for start, end in pairwise(cuts)]
    grouping = min(grouping, len(parts) - 1)
    whole = statistics_of(features)
    assert_equal_statistics(merge(parts), whole)
    assert_equal_statistics(merge(reversed(parts)), whole)
    assert_equal_statistics(merge([*parts[:grouping], merge(parts[grouping:])]), whole)


def test_merging_by_hand() -> None:
    """0 and 2 (mean 1, scatter 2) with 7: mean 3, scatter 9 + 1 + 16."""
    merged = merge([statistics_of(torch.tensor([[0.0], [2.0]])), statistics_of(torch.tensor([[7.0]]))])
    assert (merged.count, merged.mean.tolist(), merged.scatter.tolist()) == (3, [3.0], [[26.0]])
    assert merged.covariance.tolist() == [[13.0]]


def test_ranks_without_images_merge() -> None:
    features = torch.randn(4, 3)
    nothing = statistics_of(features[:0])
    assert merge([nothing, nothing]).count == 0
    assert_equal_statistics(merge([nothing, nothing, statistics_of(features)]), statistics_of(features))


def test_a_kept_factor_gives_the_same_distances() -> None:
    real = correlated(90, 30)
    reference = factor_of_features(real)
    before = reference.rows.clone()
    for count in (10, 40, 80):
        generated = correlated(count, 30, 1.2)
        value = distance_between_factors(reference, factor_of_features(generated))
        assert value == pytest.approx(frechet_distance_from_features(real, generated), rel=1e-10)
    assert torch.equal(reference.rows, before)


@pytest.mark.parametrize("n", [2, 20, 30, 31, 300])
def test_the_factor_makes_up_the_covariance(n: int) -> None:
    features = correlated(n, 30)
    for factor in (factor_of_features(features), factor_of_covariance(features.mean(0), features.T.cov())):
        assert len(factor.rows) <= min(n, 30)
        torch.testing.assert_close(factor.rows.T @ factor.rows, features.T.cov(), rtol=1e-10, atol=1e-10)


def test_a_pivot_of_rounding_is_no_direction() -> None:
    """Cholesky alone would let this matrix of rank one pass."""
    nearly = torch.ones(2, 2, dtype=F64)
    nearly[1, 1] += 2e-16
    factor = factor_of_covariance(torch.zeros(2, dtype=F64), nearly)
    assert not factor.regular
    torch.testing.assert_close(factor.rows.abs(), torch.ones(1, 2, dtype=F64))


# Mistakes


FINE = torch.randn(5, 3)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.randn(5), r"must be \[N, D\].*\[5\]"),
        (torch.randn(5, 3, 1), r"must be \[N, D\].*\[5, 3, 1\]"),
        (torch.randn(5, 0), r"must be \[N, D\].*\[5, 0\]"),
        (torch.ones(5, 3, dtype=torch.uint8), "floating point.*uint8"),
        (torch.ones(5, 3, dtype=torch.complex64), "floating point.*complex64"),
        (torch.randn(1, 3), "1 image.*at least 2"),
        (torch.tensor([[0.0, 1.0], [math.nan, 0.0]]), "image 1 hold NaN"),
        (torch.tensor([[math.inf, 1.0], [0.0, 0.0]]), "image 0 hold NaN or infinity"),
    ],
)
def test_bad_features_are_named_in_one_line(features: Tensor, message: str) -> None:
    for name, pair in (("real", (features, FINE)), ("generated", (FINE, features))):
        with pytest.raises(UserError, match=f"^{name} features.*{message}") as error:
            frechet_distance_from_features(*pair)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=message):
        factor_of_features(features)


def test_two_widths_are_two_networks() -> None:
    narrow = torch.randn(5, 2)
    for distance in ROUTES:
        with pytest.raises(UserError, match="real features have 3 entries, generated ones 2"):
            distance(FINE, narrow)
    with pytest.raises(UserError, match="3 and of 2 features do not merge"):
        merge([statistics_of(FINE), statistics_of(narrow)])


def test_statistics_without_a_covariance() -> None:
    with pytest.raises(UserError, match=r"1 image\(s\) have no covariance"):
        frechet_distance_from_statistics(statistics_of(FINE[:1]), statistics_of(FINE))
    with pytest.raises(UserError, match="no statistics to merge"):
        merge([])


@pytest.mark.parametrize(
    ("mean", "covariance", "message"),
    [
        ([0.0, 0.0], [[1.0]], "a mean .* and a covariance"),
        ([[0.0]], [[1.0]], "a mean .* and a covariance"),
        ([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]], "not symmetric"),
        ([0.0, 0.0], [[1.0, 0.0], [0.0, -0.5]], "negative eigenvalue -0.5"),
        ([0.0, 0.0], [[1.0, math.nan], [math.nan, 1.0]], "NaN"),
        ([0.0, math.inf], [[1.0, 0.0], [0.0, 1.0]], "infinity"),
    ],
)
def test_no_covariance(mean: list[float], covariance: list[list[float]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        factor_of_covariance(torch.tensor(mean), torch.tensor(covariance))
