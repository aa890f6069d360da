"""Oracles: the spread over fresh draws, a bootstrap, the distance of each set left over by itself."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation import frechet_error
from projgan.evaluation.frechet import factor_of_features, frechet_distance_from_features, remark_on_counts
from projgan.evaluation.frechet_error import frechet_distance_with_error

F64 = torch.float64


def reference_of(count: int, width: int) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(1), dtype=F64)


def draw(count: int, width: int, generator: torch.Generator) -> Tensor:
    scales = torch.linspace(0.5, 2, width, dtype=F64)
    return scales * torch.randn(count, width, generator=generator, dtype=F64) + 0.5


def by_leaving_out(reference: Tensor, generated: Tensor, groups: int) -> float:
    """The textbook jackknife over sets made by hand; the number of images is a multiple of groups."""
    values = []
    for group in range(groups):
        kept = [place for place in range(len(generated)) if place % groups != group]
        values.append(frechet_distance_from_features(reference, generated[kept]))
    mean = sum(values) / groups
    return math.sqrt((groups - 1) / groups * sum((value - mean) ** 2 for value in values))


@pytest.mark.parametrize("real", [9, 30, 200])
@pytest.mark.parametrize(("generated", "groups"), [(12, 3), (20, 5), (25, 5), (60, 10), (300, 10), (8, 8)])
def test_value_and_error_against_each_set_by_itself(real: int, generated: int, groups: int) -> None:
    """21 features: few and many images on either side, and kept ones on either side of the features."""
    reference = reference_of(real, 21)
    images = draw(generated, 21, torch.Generator().manual_seed(2)) + 100
    estimate = frechet_distance_with_error(reference + 100, images, groups)
    expected = frechet_distance_from_features(reference + 100, images)
    assert estimate.value == pytest.approx(expected, rel=1e-9)
    assert estimate.standard_error == pytest.approx(by_leaving_out(reference + 100, images, groups), rel=1e-6)
    told: list[tuple[int, int]] = []
    of_factor = frechet_distance_with_error(
        factor_of_features(reference + 100), images, groups, lambda *counts: told.append(counts)
    )
    assert of_factor == estimate
    assert told == [(done, groups + 1) for done in range(1, groups + 2)]


@pytest.mark.parametrize(("width", "count", "groups"), [(6, 200, 10), (40, 30, 5)])
def test_the_error_is_the_spread_over_fresh_images(width: int, count: int, groups: int) -> None:
    """Also of fewer images than features, where the distance itself is biased."""
    reference = factor_of_features(reference_of(500, width))
    generator = torch.Generator().manual_seed(3)
    estimates = [
        frechet_distance_with_error(reference, draw(count, width, generator), groups) for _ in range(100)
    ]
    spread = np.std([estimate.value for estimate in estimates], ddof=1)
    root_mean_square = np.sqrt(np.mean([estimate.standard_error**2 for estimate in estimates]))
    assert root_mean_square == pytest.approx(spread, rel=0.2)


def test_the_error_against_a_bootstrap() -> None:
    reference = reference_of(400, 4)
    generated = draw(300, 4, torch.Generator().manual_seed(4))
    generator = torch.Generator().manual_seed(5)
    again = [
        frechet_distance_from_features(reference, generated[torch.randint(300, (300,), generator=generator)])
        for _ in range(300)
    ]
    error = frechet_distance_with_error(reference, generated, groups=100).standard_error
    assert error == pytest.approx(np.std(again, ddof=1), rel=0.2)


def test_images_that_are_in_no_group_change_the_scale_only_a_little() -> None:
    """Of 29 images in groups of 2 one is never left out; the error of a large shift has a closed form."""
    errors = []
    for seed in range(60):
        images = torch.randn(29, 1, generator=torch.Generator().manual_seed(seed), dtype=F64)
        far = torch.tensor([[999.0], [1001.0]], dtype=F64)
        errors.append(frechet_distance_with_error(far, images, groups=14).standard_error ** 2)
    assert math.sqrt(np.mean(errors)) == pytest.approx(2 * 1000 / math.sqrt(29), rel=0.15)


def test_groups_are_of_one_size() -> None:
    """Their sizes set the bias of the distances without them."""
    for count in (29, 30, 31):
        groups = frechet_error._group_of(count, 10)
        assert (
            torch.bincount(groups + 1, minlength=11).tolist()
            == [count % (count // 10 * 10)] + [count // 10] * 10
        )


def test_images_sorted_by_class_are_left_out_in_proportion() -> None:
    classes = torch.arange(4).repeat_interleave(25).double()[:, None] * 100
    images = draw(100, 3, torch.Generator().manual_seed(6)) + classes
    error = frechet_distance_with_error(images + 1, images).standard_error
    shuffled = images[torch.randperm(100, generator=torch.Generator().manual_seed(7))]
    assert error < 0.5 * frechet_distance_with_error(images + 1, shuffled).standard_error


@pytest.mark.parametrize(
    ("reference", "generated", "groups", "message"),
    [
        (torch.randn(9, 3), torch.randn(9, 3), 10, "groups is 10; .* generated images, 9"),
        (torch.randn(9, 3), torch.randn(9, 3), 1, "groups is 1"),
        (torch.randn(9, 3), torch.randn(3, 3), 2, r"generated features come from 3 image\(s\)"),
        (torch.randn(1, 3), torch.randn(9, 3), 3, r"real features come from 1 image\(s\)"),
        (torch.randn(9, 4), torch.randn(9, 3), 3, "real features have 4 entries, generated ones 3"),
        (torch.full((9, 3), math.nan), torch.randn(9, 3), 3, "real features of image 0 hold NaN"),
    ],
)
def test_bad_inputs(reference: Tensor, generated: Tensor, groups: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        frechet_distance_with_error(reference, generated, groups)


def test_a_remark_on_few_images() -> None:
    assert remark_on_counts(65, 64) is None
    remark = remark_on_counts(64, 64)
    assert remark is not None
    assert remark.startswith("64 images for 64 features: their covariance is singular")
    assert "\n" not in remark
