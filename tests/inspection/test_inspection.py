"""What is read off a discriminator, against arithmetic by hand and problems with a known answer."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from projgan.errors import UserError
from projgan.inspection import inspection
from projgan.inspection.inspection import READINGS, Inspection, inspect
from projgan.lanes import logits_of
from projgan.networks.conditions import CONDITIONS
from projgan.networks.resnet import Discriminator

CLASSES = 4
DECOMPOSED = [name for name, reading in READINGS.items() if reading.score_name == "r(y|x)"]
CLASSIFYING = [name for name, reading in READINGS.items() if reading.score_name not in ("", "r(y|x)")]


def network(method: str) -> Discriminator:
    """8x8, with vectors of the classes that differ."""
    torch.manual_seed(3)
    discriminator = Discriminator(
        "resnet-8", method, channels=1, num_classes=CLASSES, width=6, embedding_size=3
    )
    for _ in range(5):
        discriminator(torch.randn(8, 1, 8, 8), torch.arange(8) % CLASSES)
    return discriminator.eval()


def some_images(count: int = 21) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(4)
    images = torch.randint(256, (count, 1, 8, 8), generator=draws, dtype=torch.uint8)
    return images, torch.randint(CLASSES, (count,), generator=draws)


def seen(images: Tensor) -> Tensor:
    """The middle of the grey level v is (v + 1/2) / 128 - 1."""
    return (images.double() + 0.5) / 128 - 1


def test_every_method_can_be_read() -> None:
    assert READINGS.keys() == CONDITIONS.keys()


@pytest.mark.parametrize("method", ["projection", "multi-hinge"])
def test_many_classes_are_looked_at_in_parts(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tensor of images times classes times features is larger than is allowed."""
    discriminator, (images, labels) = network(method), some_images()
    whole = inspect(discriminator, method, images, labels)
    monkeypatch.setattr(inspection, "MOST_AT_ONCE", 8 * 6 * 3)  # of a lane, three of the four classes
    rows: list[int] = []
    discriminator.condition.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    found = inspect(discriminator, method, images, labels)
    assert rows == [8 * 3, 8] * 3
    for ours, theirs in (
        (found.marginal, whole.marginal),
        (found.logits, whole.logits),
        (found.class_scores, whole.class_scores),
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_the_posterior_is_a_softmax_by_hand() -> None:
    discriminator = network("projection")
    images, labels = some_images()
    found = inspect(discriminator, "projection", images, labels)
    with torch.no_grad():
        features = discriminator.double().features(seen(images)).numpy()
        table = discriminator.condition.embedding.normalized_weight().numpy()
    powers = np.exp(features @ table.T)
    expected = powers / powers.sum(axis=1, keepdims=True)
    assert expected.max() - expected.min() > 0.05  # there is something to tell apart
    np.testing.assert_allclose(found.posterior, expected, rtol=0, atol=1e-5)


def test_with_the_generators_posterior_it_is_that_of_the_data() -> None:
    """Gaussians in the plane: r = log q(y|x) / p(y|x) is known, and so is q(y|x)."""
    points = np.random.default_rng(0).normal(size=(50, 2)) * 2
    means = {"q": [(0, 0), (2, 1), (-1, 2)], "p": [(0.5, 0), (2, 0), (-2, 1)]}
    densities = {
        name: np.stack([multivariate_normal.pdf(points, mean) for mean in centres], axis=1)
        for name, centres in means.items()
    }
    q, p = (densities[name] / densities[name].sum(axis=1, keepdims=True) for name in "qp")
    anything = np.random.default_rng(1).normal(size=(50, 1))  # a function of x changes nothing
    scores = torch.from_numpy(np.log(q / p) + anything)
    labels = torch.zeros(50, dtype=torch.int64)
    found = Inspection(labels, torch.zeros(50), torch.zeros(50), scores, torch.from_numpy(np.log(p)))
    np.testing.assert_allclose(found.posterior, q, rtol=0, atol=1e-12)
    assert torch.equal(found.dispute > 0, torch.from_numpy(q.argmax(axis=1) != 0))
    flat = Inspection(labels, torch.zeros(50), torch.zeros(50), scores)
    assert np.abs(flat.posterior.numpy() - q).max() > 0.1


@pytest.mark.parametrize("method", DECOMPOSED)
def test_both_terms_add_up_to_the_logit_of_the_own_label(method: str) -> None:
    discriminator = network(method)
    images, labels = some_images()
    found = inspect(discriminator, method, images, labels)
    with torch.no_grad():
        logits = discriminator(seen(images).float(), labels).logits
    assert found.class_scores is not None
    own = found.class_scores.gather(1, labels[:, None]).squeeze(1)
    torch.testing.assert_close(found.marginal + own, logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.logits, logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(logits_of(discriminator, images, labels), logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", ["input-concat", "hidden-concat", "output-concat"])
def test_what_does_not_decompose_has_the_marginal_of_a_flat_posterior(method: str) -> None:
    discriminator = network(method)
    images, labels = some_images(5)
    found = inspect(discriminator, method, images, labels)
    with torch.no_grad():
        every = [discriminator(seen(images).float(), torch.full((5,), label)).logits for label in range(4)]
    mean = torch.stack(every).double().exp().mean(dim=0)
    torch.testing.assert_close(found.marginal.double().exp(), mean, rtol=1e-5, atol=0)


@pytest.mark.parametrize("method", CLASSIFYING)
def test_classifiers_give_their_scores_of_real_classes(method: str) -> None:
    discriminator = network(method)
    images, labels = some_images(5)
    found = inspect(discriminator, method, images, labels)
    with torch.no_grad():
        output = discriminator(seen(images).float(), labels)
    assert found.class_scores is not None
    torch.testing.assert_close(found.class_scores, output.class_logits[:, :CLASSES], rtol=0, atol=1e-5)
    torch.testing.assert_close(found.logits, output.logits, rtol=0, atol=1e-5)
    assert torch.equal(found.marginal, found.logits)


def test_without_labels_there_is_no_posterior() -> None:
    images, labels = some_images(5)
    found = inspect(network("unconditional"), "unconditional", images, labels)
    assert found.class_scores is None
    assert torch.equal(found.marginal, found.logits)
    for part in ("posterior", "dispute", "suspects", "suggested"):
        with pytest.raises(UserError, match="tells no labels apart"):
            getattr(found, part)


def test_one_image_with_two_labels_differs_in_what_the_label_does_alone() -> None:
    discriminator = network("projection")
    images, labels = torch.full((2, 1, 8, 8), 128, dtype=torch.uint8), torch.tensor([0, 2])
    found = inspect(discriminator, "projection", images, labels)
    assert found.class_scores is not None
    assert torch.equal(found.marginal[0], found.marginal[1])
    assert torch.equal(found.class_scores[0], found.class_scores[1])
    difference = found.class_scores[0, 0] - found.class_scores[0, 2]
    torch.testing.assert_close(found.logits[0] - found.logits[1], difference)
    with torch.no_grad():
        discriminator.condition.embedding.weight.fill_(1)  # all labels alike
    nothing = inspect(discriminator, "projection", images, labels)
    assert nothing.posterior.tolist() == [[0.25] * 4] * 2
    assert nothing.dispute.tolist() == [0, 0]


@pytest.mark.parametrize("method", ["projection", "hidden-concat"])
def test_an_image_is_judged_alike_whatever_its_neighbours(method: str) -> None:
    discriminator = network(method)
    images, labels = some_images()
    together = inspect(discriminator, method, images, labels)
    for place in (0, 7, 8, 20):
        alone = inspect(discriminator, method, images[place : place + 1], labels[place : place + 1])
        assert alone.class_scores is not None
        assert together.class_scores is not None
        assert torch.equal(alone.class_scores[0], together.class_scores[place])
        assert torch.equal(alone.logits[0], together.logits[place])


def test_looking_leaves_the_discriminator_as_it_was() -> None:
    discriminator = network("projection")
    before = {name: tensor.clone() for name, tensor in discriminator.state_dict().items()}
    inspect(discriminator, "projection", *some_images())
    assert all(torch.equal(tensor, before[name]) for name, tensor in discriminator.state_dict().items())


def test_disputes_and_ranks_by_hand() -> None:
    scores = torch.tensor([[3.0, 1, 0], [0, 2, 5], [1, 1, 1], [4, 0, 2]])
    labels = torch.tensor([0, 1, 2, 2])
    found = Inspection(labels, torch.zeros(4), torch.tensor([0.0, 1, -1, 4]), scores)
    assert found.dispute.tolist() == [-2, 3, 0, 2]
    assert found.suggested.tolist() == [1, 2, 0, 0]
    assert found.suspects.tolist() == [1, 3, 2, 0]
    assert found.of_class(2).tolist() == [3, 2]
    assert found.of_class(1).tolist() == [1]
    moved = Inspection(labels, torch.zeros(4), torch.zeros(4), scores * 0.1 + torch.randn(4, 1))
    assert moved.suspects.tolist() == found.suspects.tolist()


def test_flips_that_contradict_the_discriminator_are_its_first_suspects() -> None:
    discriminator = network("projection")
    images, labels = some_images(200)
    best = inspect(discriminator, "projection", images, labels).posterior.argmax(dim=1)
    flipped = torch.randperm(200)[:10]
    labels = best.clone()
    labels[flipped] = (labels[flipped] + 1) % CLASSES
    found = inspect(discriminator, "projection", images, labels)
    assert set(found.suspects[:10].tolist()) == set(flipped.tolist())
    assert int((found.dispute > 0).sum()) == 10


def test_too_many_numbers_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "MOST_NUMBERS", 83)
    with pytest.raises(UserError, match="21 images and 4 classes are too many"):
        inspect(network("projection"), "projection", *some_images(21))
