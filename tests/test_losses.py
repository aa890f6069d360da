import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from projgan.losses import ADVERSARIAL_LOSSES, OBJECTIVES, ClassTerm
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
    twin_logits: Tensor | None = None
    embeddings: Tensor | None = None
    votes: Tensor | None = None


def test_the_adversarial_objective_looks_at_the_logits_only() -> None:
    objective = OBJECTIVES["projection"](ADVERSARIAL_LOSSES["hinge"], ClassTerm(weight=3.0))
    said, labels = Said(torch.tensor([-0.5, 2.0])), torch.tensor([0, 1])
    assert objective.real(said, labels).tolist() == [1.5, 0]
    assert objective.fake(said, labels).tolist() == [0.5, 3]
    assert objective.generator(said, labels).tolist() == [0.5, -2]


def test_ac_gan_adds_the_weighted_cross_entropy_to_all_three() -> None:
    """Class logits (0, log 3): p = (1/4, 3/4), so label 0 costs log 4 and label 1 log 4/3."""
    objective = OBJECTIVES["ac-gan"](ADVERSARIAL_LOSSES["hinge"], ClassTerm(weight=0.5))
    said = Said(torch.tensor([-0.5, 2.0]), torch.tensor([[0.0, math.log(3)]] * 2))
    labels, costs = torch.tensor([0, 1]), [0.5 * math.log(4), 0.5 * math.log(4 / 3)]
    for part, adversarial in (("real", [1.5, 0]), ("fake", [0.5, 3]), ("generator", [0.5, -2])):
        values = getattr(objective, part)(said, labels)
        assert values.tolist() == pytest.approx([a + c for a, c in zip(adversarial, costs, strict=True)])


def errors(name: str, part: str, said: Said, labels: list[int], **term: float) -> list[float]:
    """What an objective adds to the hinge loss."""
    adversarial = getattr(ADVERSARIAL_LOSSES["hinge"], part)(said.logits)
    objective = OBJECTIVES[name](ADVERSARIAL_LOSSES["hinge"], ClassTerm(**term))
    return (getattr(objective, part)(said, torch.tensor(labels)) - adversarial).tolist()


def test_tac_gan_by_hand() -> None:
    """Classifier (1/4, 3/4), twin (4/5, 1/5): real images teach the first, generated ones the second."""
    said = Said(
        torch.tensor([-0.5, 2.0], dtype=F64),
        class_logits=torch.tensor([[0.0, math.log(3)]] * 2, dtype=F64),
        twin_logits=torch.tensor([[math.log(4), 0.0]] * 2, dtype=F64),
    )
    real, twin = [math.log(4), math.log(4 / 3)], [math.log(5 / 4), math.log(5)]
    assert errors("tac-gan", "real", said, [0, 1]) == pytest.approx(real)
    assert errors("tac-gan", "fake", said, [0, 1]) == pytest.approx(twin)
    both = [0.5 * (r - t) for r, t in zip(real, twin, strict=True)]
    assert errors("tac-gan", "generator", said, [0, 1], weight=0.5) == pytest.approx(both)


def test_adc_gan_by_hand() -> None:
    """Two classes, so four columns: real 0, real 1, generated 0, generated 1, with p = (1, 2, 3, 4) / 10."""
    logits = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=F64).log()
    said = Said(torch.tensor([-0.5, 2.0], dtype=F64), class_logits=logits.expand(2, 4))
    assert errors("adc-gan", "real", said, [0, 1]) == pytest.approx([math.log(10), math.log(5)])
    assert errors("adc-gan", "fake", said, [0, 1]) == pytest.approx([math.log(10 / 3), math.log(10 / 4)])
    # -(log C+ - log C-), twice: log 3/1 and log 4/2
    expected = [2 * math.log(3), 2 * math.log(2)]
    assert errors("adc-gan", "generator", said, [0, 1], weight=2.0) == pytest.approx(expected)


ANGLES = (0.0, 60.0, 90.0)


def on_the_circle() -> Said:
    """Three images at 0, 60 and 90 degrees; class 0 lies at 0 and class 1 at 90."""
    points = [[math.cos(math.radians(angle)), math.sin(math.radians(angle))] for angle in ANGLES]
    embeddings = torch.tensor(points, dtype=F64)
    return Said(torch.zeros(3, dtype=F64), class_logits=embeddings.clone(), embeddings=embeddings)


def test_d2d_ce_by_hand() -> None:
    """Labels 0, 0, 1, margins 0.9 and 0.1, temperature 1/2; the cosines are 1/2 and the root of 3/4."""
    term = {"positive_margin": 0.9, "negative_margin": 0.1, "temperature": 0.5}
    near, far = math.sqrt(3) / 2, 0.0  # images 1 and 2 are 30 degrees apart, 0 and 2 a right angle

    def error(own: float, others: list[float]) -> float:
        attraction = math.exp(min(own - 0.9, 0) / 0.5)
        repulsion = sum(math.exp(max(other - 0.1, 0) / 0.5) for other in others)
        return -math.log(attraction / (attraction + repulsion))

    expected = [error(1.0, [far]), error(0.5, [near]), error(1.0, [far, near])]
    assert expected[0] == pytest.approx(math.log(2))  # past both margins
    for part in ("real", "generator"):
        assert errors("d2d-ce", part, on_the_circle(), [0, 0, 1], **term) == pytest.approx(expected)
        halved = [value / 2 for value in expected]
        assert errors("d2d-ce", part, on_the_circle(), [0, 0, 1], weight=0.5, **term) == pytest.approx(halved)
    assert errors("d2d-ce", "fake", on_the_circle(), [0, 0, 1], **term) == [0, 0, 0]


def test_d2d_ce_of_a_batch_of_one_class_is_nothing_to_learn_from() -> None:
    assert errors("d2d-ce", "real", on_the_circle(), [0, 0, 0]) == pytest.approx([0, 0, 0])


def test_d2d_ce_moves_nothing_that_keeps_its_margins() -> None:
    embeddings = torch.eye(2, dtype=F64).requires_grad_()
    said = Said(torch.zeros(2, dtype=F64), class_logits=embeddings * 0.99, embeddings=embeddings)
    objective = OBJECTIVES["d2d-ce"](ADVERSARIAL_LOSSES["hinge"], ClassTerm())
    value = objective.real(said, torch.tensor([0, 1]))
    assert value.tolist() == pytest.approx([1 + LOG2, 1 + LOG2])  # the hinge at 0, and log(1 + 1)
    value.sum().backward()
    assert not embeddings.grad.any()


def test_multi_hinge_by_hand() -> None:
    """Two classes and "generated"; nothing but the one hinge."""
    said = Said(
        torch.tensor([9.0, -9.0], dtype=F64),
        class_logits=torch.tensor([[2.0, -1.0, 0.5], [2.0, -1.0, 0.5]], dtype=F64),
    )
    objective = OBJECTIVES["multi-hinge"](ADVERSARIAL_LOSSES["hinge"], ClassTerm(weight=7.0))
    labels = torch.tensor([0, 1])
    # label 0: 1 + 0.5 - 2 < 0; label 1: 1 + 2 + 1; generated: 1 + 2 - 0.5
    assert objective.real(said, labels).tolist() == [0, 4]
    assert objective.generator(said, labels).tolist() == [0, 4]
    assert objective.fake(said, labels).tolist() == [2.5, 2.5]


CLASSIFIERS = ["tac-gan", "adc-gan", "d2d-ce", "multi-hinge"]


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("part", ["real", "fake", "generator"])
def test_which_way_the_class_pulls(name: str, part: str) -> None:
    """The sign of the slope at the logit of an image's own class, and of what stands against it."""
    columns = {"tac-gan": 2, "adc-gan": 4, "d2d-ce": 2, "multi-hinge": 3}[name]
    scores = torch.zeros(2, columns, dtype=F64, requires_grad=True)
    twin = torch.zeros(2, 2, dtype=F64, requires_grad=True)
    embeddings = torch.tensor([[1.0, 0.0], [0.8, 0.6]], dtype=F64)
    said = Said(torch.zeros(2, dtype=F64, requires_grad=True), scores, twin, embeddings)
    objective = OBJECTIVES[name](ADVERSARIAL_LOSSES["hinge"], ClassTerm())
    getattr(objective, part)(said, torch.tensor([0, 1])).sum().backward()
    found = torch.zeros_like(scores) if scores.grad is None else scores.grad
    own = found[0, 0].sign().item()
    against = (
        {
            "tac-gan": torch.zeros_like(twin) if twin.grad is None else twin.grad,
            "adc-gan": found[:, 2:],
            "d2d-ce": torch.zeros(1, 1),
            "multi-hinge": found[:, 2:],
        }[name][0, 0]
        .sign()
        .item()
    )
    expected = {
        "tac-gan": {"real": (-1, 0), "fake": (0, -1), "generator": (-1, 1)},
        "adc-gan": {"real": (-1, 1), "fake": (1, -1), "generator": (-1, 1)},
        "d2d-ce": {"real": (-1, 0), "fake": (0, 0), "generator": (-1, 0)},
        "multi-hinge": {"real": (-1, 1), "fake": (1, -1), "generator": (-1, 1)},
    }[name][part]
    assert (own, against) == expected


def test_every_condition_has_its_objective() -> None:
    assert OBJECTIVES.keys() == CONDITIONS.keys()
