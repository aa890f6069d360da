import math

import pytest
import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation import estimates
from projgan.evaluation.estimates import bootstrap_interval, evenly, mean_of, share_of


def test_a_mean_and_its_error_by_hand() -> None:
    """1, 2, 6: mean 3, variance (4 + 1 + 9) / 2 = 7."""
    estimate = mean_of(torch.tensor([1.0, 2.0, 6.0]))
    assert (estimate.value, estimate.standard_error) == pytest.approx((3, math.sqrt(7 / 3)), rel=1e-15)


def test_a_share_and_its_error_by_hand() -> None:
    """s / sqrt(N); of five hits alone, that of seven hits and two misses."""
    half = share_of(torch.tensor([True, False, False, True]))
    assert (half.value, half.standard_error) == pytest.approx((0.5, math.sqrt(1 / 3) / 2), rel=1e-15)
    all_hits = share_of(torch.ones(5, dtype=torch.bool))
    assert (all_hits.value, all_hits.standard_error) == pytest.approx(
        (1, math.sqrt(7 * 2) / 9 / 3), rel=1e-14
    )
    none = share_of(torch.zeros(5))
    assert (none.value, none.standard_error) == pytest.approx((0, all_hits.standard_error), rel=1e-14)


def test_the_error_of_a_share_near_1_holds_the_truth() -> None:
    """Of 30 images with a share of 0.98, more than half of all draws are hits alone."""
    shares = [share_of(torch.rand(30) < 0.98) for _ in range(1000)]
    held = [abs(share.value - 0.98) < 1.96 * share.standard_error for share in shares]
    assert sum(share.value == 1 for share in shares) > 500
    assert sum(held) / 1000 > 0.93


def test_rows_evenly_over_all() -> None:
    assert evenly(torch.arange(11), 3).tolist() == [0, 5, 10]
    assert evenly(torch.arange(4), 9).tolist() == [0, 1, 2, 3]


def test_the_bootstrap_agrees_with_the_normal_interval_of_a_mean() -> None:
    values = torch.randn(400)
    estimate = mean_of(values)
    for confidence, deviations in ((0.95, 1.96), (0.6827, 1.0)):
        interval = bootstrap_interval(values, confidence, resamples=4000)
        assert interval.value == estimate.value
        width = deviations * estimate.standard_error
        assert interval.lower == pytest.approx(estimate.value - width, abs=0.1 * width)
        assert interval.upper == pytest.approx(estimate.value + width, abs=0.1 * width)


def test_the_bootstrap_holds_the_truth_as_often_as_asked() -> None:
    held = 0
    for seed in range(300):
        interval = bootstrap_interval((torch.rand(100) < 0.3), 0.9, resamples=300, seed=seed)
        held += interval.lower <= 0.3 <= interval.upper
    assert 0.84 < held / 300 < 0.96


def test_the_bootstrap_follows_its_seed_and_draws_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.randn(50)
    whole = bootstrap_interval(values, resamples=100, seed=3)
    assert whole == bootstrap_interval(values, resamples=100, seed=3)
    assert whole != bootstrap_interval(values, resamples=100, seed=4)
    monkeypatch.setattr(estimates, "RESAMPLED_AT_ONCE", 7 * 50)
    blocks = bootstrap_interval(values, resamples=100, seed=3)
    assert (blocks.lower, blocks.upper) == pytest.approx((whole.lower, whole.upper), abs=1e-12)


def test_equal_values_have_no_width() -> None:
    interval = bootstrap_interval(torch.full((9,), 2.5))
    assert (interval.lower, interval.value, interval.upper) == (2.5, 2.5, 2.5)


@pytest.mark.parametrize(
    ("values", "arguments", "message"),
    [
        (torch.ones(1), {}, "at least 2 finite numbers"),
        (torch.ones(2, 2), {}, r"\[2, 2\]"),
        (torch.tensor([1.0, math.nan]), {}, "finite"),
        (torch.ones(3), {"confidence": 95}, "confidence is 95"),
        (torch.ones(3), {"confidence": 0}, "confidence is 0"),
        (torch.ones(3), {"resamples": 0}, "resamples is 0"),
    ],
)
def test_bad_values(values: Tensor, arguments: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        bootstrap_interval(values, **arguments)
