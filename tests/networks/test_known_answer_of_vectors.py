"""Conditions that are vectors, or several classes at once, whose log-ratio is known in closed form."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from known_gaussians import relative_error
from projgan.losses import ADVERSARIAL_LOSSES
from projgan.networks.conditions import CONDITIONS, ConditionShape

LOSS = ADVERSARIAL_LOSSES["standard"]
Draw = Callable[[int], tuple[Tensor, Tensor]]


def train(
    real: Draw, fake: Draw, columns: int, quadratic_term: bool = False, seed: int = 0, steps: int = 700
) -> Callable[..., Tensor]:
    """Train a projection over a small perceptron between two ways of drawing (x, y) together."""
    torch.manual_seed(seed)
    phi = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32))
    head = CONDITIONS["projection"](ConditionShape(columns, 32, quadratic_term=quadratic_term))
    optimizer = torch.optim.Adam([*phi.parameters(), *head.parameters()], lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        pairs = [real(256), fake(256)]
        images, conditions = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        said = head(phi(images), conditions)
        of_real, of_fake = said.logits.split(256)
        optimizer.zero_grad()
        (LOSS.real(of_real).mean() + LOSS.fake(of_fake).mean()).backward()
        optimizer.step()
        schedule.step()
    head.eval()

    def judge(images: Tensor, conditions: Tensor) -> Tensor:
        with torch.no_grad():
            return head(phi(images), conditions).logits

    return judge


class GaussianVector:
    """x ~ N(m, I) and y|x ~ N(Wx, 1/L), with the precision L the same in all directions or not."""

    def __init__(self, mean: list[float], weight: list[list[float]], precision: list[float]) -> None:
        self.mean, self.weight = torch.tensor(mean), torch.tensor(weight)
        self.precision = torch.tensor(precision)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        images = self.mean + torch.randn(count, 2)
        return images, images @ self.weight.T + torch.randn(count, 2) / self.precision.sqrt()

    def log_density(self, images: Tensor, vectors: Tensor) -> Tensor:
        """log of the joint density, without the constant that all share."""
        off = vectors - images @ self.weight.T
        of_images = -(images - self.mean).square().sum(dim=1) / 2
        return of_images + (self.precision.log().sum() - (off.square() * self.precision).sum(dim=1)) / 2


def error(real: GaussianVector, fake: GaussianVector, quadratic_term: bool, seed: int = 0) -> float:
    judge = train(real.draw, fake.draw, 2, quadratic_term, seed)
    images, vectors = (torch.cat(parts) for parts in zip(real.draw(2000), fake.draw(2000), strict=True))
    expected = real.log_density(images, vectors) - fake.log_density(images, vectors)
    return relative_error(judge(images, vectors), expected)


Q = ([0.3, 0.0], [[0.8, 0.2], [0.0, -0.5]])
P = ([-0.3, 0.2], [[0.3, -0.4], [0.4, 0.1]])


def test_equal_precisions_need_no_quadratic_term() -> None:
    assert error(GaussianVector(*Q, [1.0, 2.0]), GaussianVector(*P, [1.0, 2.0]), False) < 0.12


def test_unequal_precisions_need_it() -> None:
    real, fake = GaussianVector(*Q, [1.6, 0.6]), GaussianVector(*P, [0.8, 1.2])
    without, with_it = error(real, fake, False), error(real, fake, True)
    assert with_it < 0.12
    assert without > 4 * with_it


def test_independent_classes_at_once() -> None:
    """x|y ~ N(M'y, I) with orthogonal rows m_k: given x the classes are independent, so f* is linear in y."""
    real_rows, fake_rows = torch.tensor([[1.5, 0.0], [0.0, 1.2]]), torch.tensor([[0.6, 0.6], [-0.5, 0.5]])

    def drawing(rows: Tensor) -> Draw:
        def draw(count: int) -> tuple[Tensor, Tensor]:
            conditions = torch.randint(2, (count, 2)).float()
            return conditions @ rows + torch.randn(count, 2), conditions

        return draw

    judge = train(drawing(real_rows), drawing(fake_rows), 2)
    images, _ = drawing(real_rows)(1000)
    for condition in ([0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]):
        y = torch.tensor(condition)
        own_terms = (real_rows.square() - fake_rows.square()).sum(dim=1) / 2
        expected = (images @ (real_rows - fake_rows).T - own_terms) @ y
        found = judge(images, y.expand(len(images), -1))
        assert (found - expected).square().mean().sqrt() < 0.15, condition


@pytest.mark.parametrize("quadratic_term", [False, True])
def test_the_quadratic_form_by_hand(quadratic_term: bool) -> None:
    """-y'Ay/2 with y = (1, 2) and A = ((1, 3), (3, -1)): -(1 + 12 - 4) / 2."""
    head = CONDITIONS["projection"](ConditionShape(2, 3, quadratic_term=quadratic_term)).double().eval()
    features = torch.randn(1, 3, dtype=torch.float64)
    y = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    before = head(features, y)
    assert ("quadratic.weight" in head.state_dict()) == quadratic_term
    if quadratic_term:
        head.quadratic.weight.data.copy_(torch.tensor([[1.0, 3.0], [3.0, -1.0]]))
    after = head(features, y)
    moved = -4.5 if quadratic_term else 0.0
    assert (after.conditional - before.conditional).item() == pytest.approx(moved, abs=1e-12)
    assert torch.equal(after.marginal, before.marginal)
    assert torch.equal(after.logits, after.marginal + after.conditional)
