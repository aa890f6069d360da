import math

import pytest
import torch

from projgan.evaluation.estimates import evenly, mean_of, share_of


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
