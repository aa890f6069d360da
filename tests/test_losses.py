import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from projgan.losses import ADVERSARIAL_LOSSES, OBJECTIVES
from projgan.networks.conditions import CONDITIONS

F64 = torch.float64
LOG2 = math.log(2)

# logits, then loss and slope by hand at each.
HINGE = {
    "real": ([-2.0, 0.0, 0.25, 1.5], [3.0, 1.0, 0.75, 0.0], [-1, -1, -1, 0]),
    "fake": ([-1.5, -0.25, 0.0, 2.0], [0.0, 0.75, 1.0, 3.0], [0, 1, 1, 1]),
    "generator": ([-1.5, 0.0, 2.0, 40.0], [1.5, 0.0, -2.0, -40.0], [-1, -1, -1, -1]),
}
# At 0: log 2 and a slope of one half. At log 3 the sigmoid is 3/4.
STANDARD = {
    "real": (
        [0.0, math.log(3), -math.log(3)],
        [LOG2, math.log(4 / 3), math.log(4)],
        [-1 / 2, -1 / 4, -3 / 4],
    ),
    "fake": ([0.0, math.log(3), -math.log(3)], [LOG2, math.log(4), math.log(4 / 3)], [1 / 2, 3 / 4, 1 / 4]),
    "generator": (
        [0.0, math.log(3), -math.log(3)],
        [LOG2, math.log(4 / 3), math.log(4)],
        [-1 / 2, -1 / 4, -3 / 4],
    ),
}


@pytest.mark.parametrize("part", ["real", "fake", "generator"])
@pytest.mark.parametrize(("name", "table"), [("hinge", HINGE), ("standard", STANDARD)])
def test_values_and_slopes_by_hand_one_per_image(
    name: str, table: dict[str, tuple[list[float], list[float], list[float]]], part: str
) -> None:
    points, values, slopes = table[part]
    logits = torch.tensor(points, dtype=F64, requires_grad=True)
    losses = getattr(ADVERSARIAL_LOSSES[name], part)(logits)
    assert losses.shape == logits.shape
    assert losses.tolist() == pytest.approx(values, abs=1e-12)
    losses.sum().backward()
    assert logits.grad.tolist() == pytest.approx(slopes, abs=1e-12)


@pytest.mark.parametrize("part", ["real", "fake", "generator"])
def test_the_standard_loss_is_finite_at_any_logit(part: str) -> None:
    loss = getattr(ADVERSARIAL_LOSSES["standard"], part)
    logits = torch.tensor([-1e4, 1e4], requires_grad=True)
    losses = loss(logits)
    losses.sum().backward()
    assert losses.isfinite().all()
    assert sorted(losses.tolist()) == [0, 1e4]
    assert sorted(logits.grad.abs().tolist()) == [0, 1]


def test_the_standard_discriminator_is_best_at_the_log_ratio() -> None:
    """Equation 2: q log s(f) + p log s(-f) is extremal at f = log q/p."""
    q, p = 0.7, 0.1
    best = torch.tensor([math.log(q / p)], dtype=F64, requires_grad=True)
    loss = ADVERSARIAL_LOSSES["standard"]
    (q * loss.real(best) + p * loss.fake(best)).sum().backward()
    assert best.grad.item() == pytest.approx(0, abs=1e-15)


def test_names_of_configurations() -> None:
    assert set(ADVERSARIAL_LOSSES) == {"hinge", "standard"}


@dataclass(frozen=True)
class Said:
    logits: Tensor
    class_logits: Tensor | None = None


def test_the_adversarial_objective_looks_at_the_logits_only() -> None:
    objective = OBJECTIVES["projection"](ADVERSARIAL_LOSSES["hinge"], 3.0)
    said, labels = Said(torch.tensor([-0.5, 2.0])), torch.tensor([0, 1])
    assert objective.real(said, labels).tolist() == [1.5, 0]
    assert objective.fake(said, labels).tolist() == [0.5, 3]
    assert objective.generator(said, labels).tolist() == [0.5, -2]


def test_ac_gan_adds_the_weighted_cross_entropy_to_all_three() -> None:
    """Class logits (0, log 3): p = (1/4, 3/4), so label 0 costs log 4 and label 1 log 4/3."""
    objective = OBJECTIVES["ac-gan"](ADVERSARIAL_LOSSES["hinge"], 0.5)
    said = Said(torch.tensor([-0.5, 2.0]), torch.tensor([[0.0, math.log(3)]] * 2))
    labels, costs = torch.tensor([0, 1]), [0.5 * math.log(4), 0.5 * math.log(4 / 3)]
    for part, adversarial in (("real", [1.5, 0]), ("fake", [0.5, 3]), ("generator", [0.5, -2])):
        values = getattr(objective, part)(said, labels)
        assert values.tolist() == pytest.approx([a + c for a, c in zip(adversarial, costs, strict=True)])


def test_every_condition_has_its_objective() -> None:
    assert OBJECTIVES.keys() == CONDITIONS.keys()
