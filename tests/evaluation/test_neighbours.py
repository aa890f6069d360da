"""Oracles: loops over numpy arrays, hand values on a line."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation import neighbours
from projgan.evaluation.neighbours import density_coverage, precision_recall


def radius(points: np.ndarray, index: int, k: int) -> float:
    others = [float(np.linalg.norm(points[index] - other)) for i, other in enumerate(points) if i != index]
    return sorted(others)[k - 1]


def by_loops(real: Tensor, generated: Tensor, k: int) -> dict[str, float]:
    """Straight from the definitions, for distances without ties."""
    x, y = real.double().numpy(), generated.double().numpy()
    real_radii = [radius(x, i, k) for i in range(len(x))]
    generated_radii = [radius(y, j, k) for j in range(len(y))]
    in_real = np.array([[np.linalg.norm(a - b) < r for b in y] for a, r in zip(x, real_radii, strict=True)])
    in_generated = np.array(
        [[np.linalg.norm(a - b) < r for a in x] for b, r in zip(y, generated_radii, strict=True)]
    )
    return {
        "precision": in_real.any(axis=0).mean(),
        "recall": in_generated.any(axis=0).mean(),
        "density": in_real.sum() / (k * len(y)),
        "coverage": in_real.any(axis=1).mean(),
    }


def computed(real: Tensor, generated: Tensor, k: int) -> dict[str, float]:
    ours = vars(precision_recall(real, generated, k)) | vars(density_coverage(real, generated, k))
    return {name: estimate.value for name, estimate in ours.items()}


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("n", "m", "d"), [(40, 25, 3), (12, 60, 8)])
@pytest.mark.parametrize("at_once", [1, 100, 2**24])
def test_against_loops_in_blocks_of_any_size(
    n: int, m: int, d: int, k: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "DISTANCES_AT_ONCE", at_once)
    real, generated = torch.randn(n, d), 0.8 * torch.randn(m, d) + 0.5
    expected = by_loops(real, generated, k)
    assert computed(real, generated, k) == pytest.approx(expected, rel=1e-12)
    shuffled = real[torch.randperm(n)], generated[torch.randperm(m)]
    assert computed(*shuffled, k) == pytest.approx(expected, rel=1e-12)
    assert 0 < expected["precision"] < 1 or 0 < expected["recall"] < 1  # a case that can fail


def test_published_numbers_of_neighbours() -> None:
    real, generated = torch.randn(40, 3), torch.randn(40, 3) + 0.7
    assert precision_recall(real, generated) == precision_recall(real, generated, k=3)
    assert precision_recall(real, generated) != precision_recall(real, generated, k=5)
    assert density_coverage(real, generated) == density_coverage(real, generated, k=5)
    assert density_coverage(real, generated) != density_coverage(real, generated, k=3)


def test_on_a_line_by_hand() -> None:
    """Real 0, 1, 3, 10 have radii 1, 1, 2, 7 with k = 1; generated 2, 5, 20, 21 have 3, 3, 1, 1."""
    real, generated = torch.tensor([[0.0], [1], [3], [10]]), torch.tensor([[2.0], [5], [20], [21]])
    score = precision_recall(real, generated, k=1)
    assert score.precision.value == 2 / 4  # 2 and 5; 5 is on the sphere of 3
    assert score.recall.value == 3 / 4  # 0 is on no sphere: |0 - 2| = 2 < 3; 10 is out
    filled = density_coverage(real, generated, k=1)
    # Open balls: 2 is within 3's ball (|1| < 2) but on 1's sphere; 5 within 10's (5 < 7).
    assert filled.density.value == 2 / 4
    assert filled.coverage.value == 2 / 4
    # s / sqrt(4) of two ones and two zeros, and of three and one.
    assert score.precision.standard_error == pytest.approx(math.sqrt(1 / 3) / 2, rel=1e-14)
    assert score.recall.standard_error == pytest.approx(0.25, rel=1e-14)
    assert filled.density.standard_error == pytest.approx(math.sqrt(1 / 3) / 2, rel=1e-14)


def test_a_tight_cluster_in_a_wide_one_is_precise_and_covers_little() -> None:
    wide, tight = torch.randn(300, 4), 0.1 * torch.randn(300, 4)
    inside, outside = precision_recall(wide, tight), precision_recall(tight, wide)
    assert inside.precision.value > 0.95
    assert inside.recall.value < 0.1
    assert (outside.precision, outside.recall) == (inside.recall, inside.precision)
    assert density_coverage(wide, tight).density.value > 1.2
    assert density_coverage(wide, tight).coverage.value < 0.5
    assert density_coverage(tight, wide).density.value < 0.1


def test_copies_of_the_real_images_score_one() -> None:
    """Whole numbers, whose distances have no rounding."""
    real = torch.arange(1.0, 40)[:, None] ** 3  # no two distances from one point are equal
    assert computed(real, real, 5) == dict.fromkeys(("precision", "recall", "density", "coverage"), 1.0)


def test_far_away_images_score_nought() -> None:
    real = torch.randn(30, 3)
    assert set(computed(real, real + 100, 3).values()) == {0}


def test_equal_distributions_have_density_one() -> None:
    filled = density_coverage(torch.randn(1000, 8), torch.randn(1000, 8))
    assert filled.density.value == pytest.approx(1, abs=0.1)
    assert filled.coverage.value == pytest.approx(1 - 0.5**5, abs=0.03)  # their expectation, 1 - 2^-k


def test_a_duplicate_is_a_neighbour() -> None:
    """Real 0, 0, 4 have radii 0, 0, 4 with k = 1."""
    real, generated = torch.tensor([[0.0], [0], [4]]), torch.tensor([[0.0], [1], [9]])
    score = precision_recall(real, generated, k=1)
    assert score.precision.value == pytest.approx(2 / 3)
    assert density_coverage(real, generated, k=1).coverage.value == pytest.approx(1 / 3)


@pytest.mark.parametrize("score", [precision_recall, density_coverage])
def test_mistakes(score) -> None:
    fine = torch.randn(6, 3)
    for real, generated, k, message in [
        (fine, fine, 0, "k is 0; it must be at least 1"),
        (fine[:3], fine, 3, r"real features come from 3 image\(s\); at least 4"),
        (fine, fine[:3], 3, r"generated features come from 3 image\(s\); at least 4"),
        (fine, fine[:, :2], 3, "real features have 3 entries, generated ones 2"),
        (fine, fine * math.nan, 3, "generated features of image 0 hold NaN"),
        (fine.int(), fine, 3, "real features must be floating point"),
    ]:
        with pytest.raises(UserError, match=message):
            score(real, generated, k)
