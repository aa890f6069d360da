"""A frozen classifier in the generator's loss: hand values, finite differences, and what stays as it is."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.losses import ADVERSARIAL_LOSSES, OBJECTIVES, ClassTerm, adversarial_objective, guided_objective
from projgan.networks.guidance import GuidedDiscriminator
from projgan.networks.resnet import Discriminator, Generator
from projgan.storage.network_file import weights_sha256
from projgan.training.steps import generator_step
from small_runs import differences

F64 = torch.float64
CLASSES, LATENT = 3, 5
HINGE = adversarial_objective(ADVERSARIAL_LOSSES["hinge"], ClassTerm())
LABELS = torch.arange(6) % CLASSES


def not_averaged(parameters: object) -> None:
    pass


def networks() -> tuple[Generator, Discriminator, nn.Module]:
    torch.manual_seed(0)
    generator = Generator("resnet-8", channels=1, num_classes=CLASSES, latent_size=LATENT, width=4).double()
    discriminator = Discriminator("resnet-8", channels=1, num_classes=CLASSES, width=4).double()
    # Float64 throughout, which the package's own classifier is not, and with statistics that could move.
    layers = nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, CLASSES)
    return generator, discriminator, nn.Sequential(*layers).double()


def updated(weight: float) -> tuple[dict[str, Tensor], Discriminator, nn.Module]:
    """The generator after one step of plain gradient descent at rate 1, and what stood beside it."""
    generator, discriminator, classifier = networks()
    judge = GuidedDiscriminator(discriminator, classifier)
    optimizer = torch.optim.SGD(generator.parameters(), lr=1.0)
    torch.manual_seed(1)
    latents = torch.randn(6, LATENT, dtype=F64)
    objective = guided_objective(HINGE, weight)
    generator_step(generator, judge, optimizer, objective, latents, LABELS, not_averaged)
    return dict(generator.named_parameters()), discriminator, classifier


def mean_error(generator: Generator, classifier: nn.Module) -> Tensor:
    """The classifier's cross-entropy, from its logits by the definition."""
    torch.manual_seed(1)
    logits = classifier.eval()(generator.train()(torch.randn(6, LATENT, dtype=F64), LABELS))
    return -(logits - logits.logsumexp(1, keepdim=True))[torch.arange(6), LABELS].mean()


def test_the_loss_by_hand() -> None:
    """-f + 2 (log(e + 1 + 1) - 1) for logits (1, 0, 0) at label 0; ln 3 where all are alike."""
    output = SimpleNamespace(
        logits=torch.tensor([0.5, -1.0], dtype=F64),
        guide_logits=torch.tensor([[1.0, 0.0, 0.0], [4.0, 4.0, 4.0]], dtype=F64),
        votes=None,
    )
    found = guided_objective(HINGE, 2.0).generator(output, torch.tensor([0, 2]))
    assert found.tolist() == pytest.approx([-0.5 + 2 * (math.log(math.e + 2) - 1), 1 + 2 * math.log(3)])


@pytest.mark.parametrize("method", ["projection", "ac-gan", "multi-hinge"])
def test_the_discriminators_losses_stay_what_they_are(method: str) -> None:
    objective = OBJECTIVES[method](ADVERSARIAL_LOSSES["hinge"], ClassTerm())
    guided = guided_objective(objective, 3.0)
    assert (guided.real, guided.fake) == (objective.real, objective.fake)
    output = SimpleNamespace(
        logits=torch.randn(2), class_logits=torch.randn(2, 4), guide_logits=torch.randn(2, 3), votes=None
    )
    labels = torch.tensor([1, 0])
    added = guided.generator(output, labels) - objective.generator(output, labels)
    torch.testing.assert_close(added, 3 * F.cross_entropy(output.guide_logits, labels, reduction="none"))


@pytest.mark.parametrize("weight", [0.3, 2.0])
def test_the_added_gradient_is_that_of_finite_differences(weight: float) -> None:
    plain, *_ = updated(0.0)
    guided, *_ = updated(weight)
    generator, _, classifier = networks()
    torch.manual_seed(2)
    direction = {name: torch.randn_like(value) for name, value in generator.named_parameters()}
    step, errors = 1e-6, []
    for sign in (1, -1):
        moved = copy.deepcopy(generator)
        with torch.no_grad():
            for name, value in moved.named_parameters():
                value += sign * step * direction[name]
            errors.append(mean_error(moved, classifier).item())
    expected = weight * (errors[0] - errors[1]) / (2 * step)
    found = sum(((plain[name] - guided[name]) * direction[name]).sum().item() for name in plain)
    assert abs(expected) > 1e-3
    assert found == pytest.approx(expected, rel=1e-6)


def test_weight_zero_is_the_step_without_a_guide() -> None:
    generator, discriminator, _ = networks()
    torch.manual_seed(1)
    latents = torch.randn(6, LATENT, dtype=F64)
    optimizer = torch.optim.SGD(generator.parameters(), lr=1.0)
    generator_step(generator, discriminator, optimizer, HINGE, latents, LABELS, not_averaged)
    found, beside, _ = updated(0.0)
    assert differences(found, dict(generator.named_parameters())) == []
    assert differences(beside.state_dict(), discriminator.state_dict()) == []
    assert differences(updated(1e-3)[0], found) != []


def test_the_classifier_is_frozen_and_no_part_of_what_is_trained() -> None:
    _, _, untouched = networks()
    _, discriminator, classifier = updated(5.0)
    assert weights_sha256(classifier) == weights_sha256(untouched)
    assert not classifier.training
    assert all(value.grad is None and not value.requires_grad for value in classifier.parameters())
    assert all(value.requires_grad for value in discriminator.parameters())
    judge = GuidedDiscriminator(discriminator, classifier)
    names = {f"discriminator.{name}" for name in discriminator.state_dict()}
    assert judge.state_dict().keys() == names
