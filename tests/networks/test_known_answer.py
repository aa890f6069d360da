"""The projection on a problem whose optimal log-ratio is known; see `known_gaussians`."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from known_gaussians import FAKE, NUM_CLASSES, REAL, known_answer, log_density, points, relative_error
from projgan.losses import ADVERSARIAL_LOSSES
from projgan.networks.conditions import CONDITIONS, ConditionShape, class_weights

LOSS = ADVERSARIAL_LOSSES["standard"]


class Judge(nn.Module):
    """A small perceptron phi under one of the methods that meet a label."""

    def __init__(self, name: str, width: int, joins_input: bool) -> None:
        super().__init__()
        self.joins_input = joins_input
        inputs = 2 + NUM_CLASSES * joins_input
        self.phi = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width))
        self.head = CONDITIONS[name](ConditionShape(NUM_CLASSES, width))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        if self.joins_input:
            images = torch.cat([images, class_weights(labels, NUM_CLASSES)], dim=1)
        return self.head(self.phi(images), labels).logits

    def all_logits(self, images: Tensor) -> Tensor:
        labels = torch.arange(NUM_CLASSES)
        return torch.stack([self(images, label.expand(len(images))) for label in labels], dim=1)


def train(judge: Judge, steps: int = 1500, batch: int = 256) -> Callable[[Tensor], Tensor]:
    optimizer = torch.optim.Adam(judge.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        labels = torch.randint(NUM_CLASSES, (2 * batch,))
        means = torch.cat([REAL[labels[:batch]], FAKE[labels[batch:]]])
        real, fake = judge(means + torch.randn_like(means), labels).split(batch)
        optimizer.zero_grad()
        (LOSS.real(real).mean() + LOSS.fake(fake).mean()).backward()
        optimizer.step()
        schedule.step()
    judge.eval()
    with torch.no_grad():
        return lambda images: judge.all_logits(images).detach()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return points()


def trained(name: str, width: int, seed: int) -> tuple[Judge, Callable[[Tensor], Tensor]]:
    torch.manual_seed(seed)
    judge = Judge(name, width, joins_input=name == "input-concat")
    return judge, train(judge)


def test_projection_reaches_the_known_log_ratio_and_splits_it(images: Tensor) -> None:
    _, logits = trained("projection", 32, seed=0)
    optimum, conditional, marginal = known_answer(images)
    found = logits(images)
    assert relative_error(found, optimum) < 0.08
    # r(x) follows from f and p(y|x) alone: the sum of p(y|x) exp f(x, y) over y is q(x) / p(x).
    fake_posterior = log_density(images, FAKE).log_softmax(dim=1)
    found_marginal = (found + fake_posterior).logsumexp(dim=1)
    assert relative_error(found_marginal, marginal) < 0.12
    assert relative_error(found - found_marginal[:, None], conditional) < 0.08


def test_input_concat_of_the_same_size_does_not_do_better(images: Tensor) -> None:
    optimum = known_answer(images)[0]
    errors: dict[str, list[float]] = {}
    for name, width in (("projection", 32), ("input-concat", 32)):
        runs = [trained(name, width, seed) for seed in (0, 1, 2)]
        errors[name] = [relative_error(logits(images), optimum) for _, logits in runs]
        sizes = sum(parameter.numel() for parameter in runs[0][0].parameters())
        assert abs(sizes - 1313) < 5, sizes
    assert sorted(errors["projection"])[1] < sorted(errors["input-concat"])[1], errors
