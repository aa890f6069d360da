"""The Gaussians of `test_known_answer`, for the methods that classify: what each is at its best is known.

With log q(x, y) / p(x, y) = r(y|x) + r(x) in closed form and the standard loss:

- tac-gan: log of classifier over twin is r(y|x), and the logit is r(x);
- adc-gan: log C(y real|x) - log C(y generated|x) is the whole of it;
- multi-hinge: the largest score is that of the likeliest of K classes and "generated";
- d2d-ce: where classes lie apart, every image can keep its margins, and the error is its least possible.
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from known_gaussians import FAKE, NUM_CLASSES, REAL, known_answer, log_density, points, relative_error
from projgan.losses import ADVERSARIAL_LOSSES, OBJECTIVES, ClassTerm
from projgan.networks.conditions import CONDITIONS, ConditionShape, DiscriminatorOutput


def train(
    name: str, draw: Callable[[Tensor, Tensor], Tensor], steps: int, seed: int = 0
) -> Callable[[Tensor], DiscriminatorOutput]:
    """Train a method on a small perceptron; `draw` gives images of labels [2n], the first half real."""
    torch.manual_seed(seed)
    phi = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32))
    head = CONDITIONS[name](ConditionShape(NUM_CLASSES, 32, embedding_size=8))
    objective = OBJECTIVES[name](ADVERSARIAL_LOSSES["standard"], ClassTerm())
    optimizer = torch.optim.Adam([*phi.parameters(), *head.parameters()], lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        labels = torch.randint(NUM_CLASSES, (512,))
        is_real = torch.arange(512) < 256
        images = draw(labels, is_real)
        real, fake = head(phi(images), labels).split(256)
        optimizer.zero_grad()
        loss = objective.real(real, labels[:256]).mean() + objective.fake(fake, labels[256:]).mean()
        loss.backward()
        optimizer.step()
        schedule.step()
    head.eval()

    def judge(images: Tensor) -> DiscriminatorOutput:
        with torch.no_grad():
            return head(phi(images), torch.zeros(len(images), dtype=torch.int64))

    return judge


def gaussians(labels: Tensor, is_real: Tensor) -> Tensor:
    means = torch.where(is_real[:, None], REAL[labels], FAKE[labels])
    return means + torch.randn_like(means)


@pytest.fixture(scope="module")
def images() -> Tensor:
    return points()


def test_tac_gan_splits_the_log_ratio_between_its_classifiers_and_its_logit(images: Tensor) -> None:
    said = train("tac-gan", gaussians, 1200)(images)
    _, conditional, marginal = known_answer(images)
    found = said.class_logits.log_softmax(dim=1) - said.twin_logits.log_softmax(dim=1)
    assert relative_error(found, conditional) < 0.1
    assert relative_error(said.logits, marginal) < 0.15


def test_adc_gan_has_the_log_ratio_in_its_classifier_alone(images: Tensor) -> None:
    said = train("adc-gan", gaussians, 700)(images)
    found = said.class_logits[:, :NUM_CLASSES] - said.class_logits[:, NUM_CLASSES:]
    assert relative_error(found, known_answer(images)[0]) < 0.1


def test_multi_hinge_finds_the_likeliest_of_the_classes_and_generated(images: Tensor) -> None:
    """Where one has more than half of the probability, as Crammer and Singer's hinge asks."""
    wide = 2.5 * REAL

    def draw(labels: Tensor, is_real: Tensor) -> Tensor:
        means = torch.where(is_real[:, None], wide[labels], 0 * wide[labels])
        return means + torch.randn_like(means)

    real = log_density(images, wide) - math.log(2 * NUM_CLASSES)
    generated = log_density(images, torch.zeros(1, 2)) - math.log(2)
    posterior = torch.cat([real, generated], dim=1).softmax(dim=1)
    sure = posterior.amax(dim=1) > 0.6
    said = train("multi-hinge", draw, 400)(images)
    right = (said.class_logits.argmax(dim=1) == posterior.argmax(dim=1))[sure]
    assert sure.float().mean() > 0.8
    assert right.float().mean() > 0.97


def test_d2d_ce_reaches_its_least_value_where_classes_lie_apart() -> None:
    def draw(labels: Tensor, is_real: Tensor) -> Tensor:
        return 2 * REAL[labels] + 0.1 * torch.randn(len(labels), 2)

    judge = train("d2d-ce", draw, 300)
    labels = torch.arange(NUM_CLASSES).repeat(10)
    said = judge(draw(labels, torch.ones(len(labels), dtype=torch.bool)))
    term = ClassTerm()
    objective = OBJECTIVES["d2d-ce"](ADVERSARIAL_LOSSES["standard"], term)
    error = objective.real(said, labels) - ADVERSARIAL_LOSSES["standard"].real(said.logits)
    least = math.log(1 + 30)  # thirty of the forty images have another label
    assert error.min() > least - 1e-5
    assert error.mean() < least + 0.02
    own = said.class_logits.gather(1, labels[:, None])
    assert own.min() > term.positive_margin - 0.05
    other = (said.embeddings @ said.embeddings.T)[labels[:, None] != labels]
    assert other.max() < term.negative_margin + 0.1
