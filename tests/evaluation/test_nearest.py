"""Oracles: hand values on a line, and scipy's distances."""

import pytest
import torch
from scipy.spatial.distance import cdist

from projgan.errors import UserError
from projgan.evaluation import nearest as module
from projgan.evaluation import neighbours
from projgan.evaluation.nearest import nearest


def test_on_a_line_by_hand() -> None:
    real = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    found = nearest(real, torch.tensor([[2.9], [0.4], [20.0]]), k=2)
    assert found.indices.tolist() == [[2, 1], [0, 1], [3, 2]]
    torch.testing.assert_close(found.distances[0], torch.tensor([0.1, 1.9]).double(), rtol=1e-6, atol=1e-6)
    assert found.of_real.tolist() == pytest.approx([2.0, 1.0, 4.0])
    assert found.real_distance == pytest.approx(1.0)  # of 1, 1, 2, 4: the lower of the middle two
    # Ratios are .05, .4 and 13 / 4.
    assert found.order.tolist() == [0, 1, 2]
    assert found.nearer_than_real.value == pytest.approx(2 / 3)


@pytest.mark.parametrize("at_once", [1, 70, 2**24])
def test_against_scipy_in_blocks_of_any_size(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "DISTANCES_AT_ONCE", at_once)
    real, generated = torch.randn(50, 4), torch.randn(20, 4)
    found = nearest(real, generated, k=3)
    distances = torch.from_numpy(cdist(generated, real))
    expected = distances.sort(dim=1)
    assert torch.equal(found.indices, expected.indices[:, :3])
    torch.testing.assert_close(found.distances, expected.values[:, :3], rtol=1e-6, atol=1e-6)
    between = torch.from_numpy(cdist(real, real)).fill_diagonal_(torch.inf).min(dim=1).values
    torch.testing.assert_close(found.of_real, between[found.indices[:, 0]], rtol=1e-6, atol=1e-6)
    assert found.real_distance == pytest.approx(between.median().item(), rel=1e-6)


def test_copies_and_images_of_the_same_kind_are_told_apart() -> None:
    real = torch.randn(2000, 8)
    copies = nearest(real, real[:300] + 1e-4 * torch.randn(300, 8), k=1)
    assert copies.indices[:, 0].tolist() == list(range(300))
    assert copies.nearer_than_real.value == 1
    others = nearest(real, torch.randn(1000, 8), k=1).nearer_than_real
    assert others.value == pytest.approx(0.5, abs=4 * others.standard_error)


def test_many_real_images_are_compared_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_COMPARED", 2)
    real = torch.tensor([[0.0], [1.0], [10.0], [15.0]])
    # The first and the third: 1 and 5.
    assert nearest(real, real[:2], k=1).real_distance == pytest.approx(1.0)


def test_a_real_image_that_is_there_twice_is_one() -> None:
    found = nearest(torch.tensor([[0.0], [0.0], [5.0]]), torch.tensor([[0.1], [5.0]]), k=1)
    assert found.of_real.tolist() == pytest.approx([5.0, 5.0])
    assert found.order.tolist() == [1, 0]
    # Far from zero squared distances of like rows are rounding, which must not be taken for a neighbour.
    real = torch.randn(300, 8) + 1e4
    assert nearest(real.repeat(2, 1), real[:50], k=1).nearer_than_real.value == 1
    assert nearest(torch.ones(4, 2), torch.ones(2, 2), k=1).real_distance == 0


def test_of_few_classes_real_images_of_these_are_compared() -> None:
    """Half of what is drawn like a class lies nearer than half of its images do, however wide others are."""
    spread = torch.tensor([0.1, 1.0, 10.0])
    labels = torch.arange(3).repeat_interleave(torch.tensor([500, 100, 900]))
    real = torch.randn(1500, 6) * spread[labels][:, None] + 100 * labels[:, None]
    for label in range(3):
        generated = torch.randn(1000, 6) * spread[label] + 100 * label
        only = labels.masked_fill(labels != label, -1)
        share = nearest(real, generated, 1, only).nearer_than_real
        # Of few real images the median itself is known to a few hundredths.
        assert share.value == pytest.approx(0.5, abs=4 * share.standard_error + 0.1), label
    assert nearest(real, torch.randn(1000, 6) * 0.1, 1).nearer_than_real.value == 1
    # As many of each class: half of each counts, though one has nine times the images of another.
    generated = torch.randn(1500, 6) * spread.repeat_interleave(500)[:, None]
    generated += 100 * torch.arange(3).repeat_interleave(500)[:, None]
    assert nearest(real, generated, 1, labels).nearer_than_real.value == pytest.approx(0.5, abs=0.1)


def test_what_cannot_be_looked_for_is_refused() -> None:
    with pytest.raises(UserError, match="3 neighbours of 3 real images; give more"):
        nearest(torch.randn(3, 2), torch.randn(4, 2), k=3)
    with pytest.raises(UserError, match="k is 0"):
        nearest(torch.randn(3, 2), torch.randn(4, 2), k=0)
    with pytest.raises(UserError, match="real features have 2 entries, generated ones 3"):
        nearest(torch.randn(3, 2), torch.randn(4, 3), k=1)
