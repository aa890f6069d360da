"""The sampler against closed forms, finite differences and a transcription of equation 11 in NumPy."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from projgan.plug_and_play.sampler import (
    CLASS_SCORES,
    ChainSettings,
    drift,
    log_probability,
    normalized,
    own_logit,
    sample_chain,
)

PLAIN = ChainSettings(step_rule="plain", clip=None)


def no_noise(step: int) -> Tensor:
    return torch.zeros(())


def flat(images: Tensor) -> Tensor:
    """A score that says nothing."""
    return 0 * images.sum(dim=1)


@pytest.fixture
def rotation() -> Tensor:
    return torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0]


def test_the_drift_is_zero_where_features_come_back(rotation: Tensor) -> None:
    features = torch.randn(3, 5, dtype=torch.float64)
    found = drift(features, lambda h: h @ rotation, lambda x: x @ rotation.T, flat, prior=0.7, condition=1.0)
    torch.testing.assert_close(found, torch.zeros_like(features), atol=1e-14, rtol=0)
    chain = sample_chain(
        lambda h: h @ rotation,
        lambda x: x @ rotation.T,
        flat,
        features,
        dataclasses.replace(PLAIN, prior=0.7, noise=0),
        no_noise,
        steps=20,
    )
    torch.testing.assert_close(chain.features, features, atol=1e-12, rtol=0)


def test_the_prior_term_is_what_is_missing_of_the_features(rotation: Tensor) -> None:
    features = torch.randn(3, 5, dtype=torch.float64)
    found = drift(features, lambda h: h @ rotation, lambda x: x @ rotation.T + 1, flat, 0.25, 1.0)
    torch.testing.assert_close(found, torch.full_like(features, 0.25))


def test_the_class_term_is_the_gradient_of_the_log_probability() -> None:
    generator = nn.Sequential(nn.Linear(4, 6), nn.Tanh()).double()
    classifier = nn.Sequential(nn.Linear(6, 7), nn.Softplus(), nn.Linear(7, 3)).double()
    features, labels = torch.randn(2, 4, dtype=torch.float64), torch.tensor([2, 0])

    def score(images: Tensor) -> Tensor:
        return log_probability(classifier(images), labels)

    found = drift(features, generator, lambda x: features, score, prior=0.3, condition=1.5)
    width = 1e-6
    with torch.no_grad():
        for entry in range(4):
            offset = width * torch.eye(4, dtype=torch.float64)[entry]
            rise = score(generator(features + offset)) - score(generator(features - offset))
            torch.testing.assert_close(found[:, entry], 1.5 * rise / (2 * width), atol=1e-8, rtol=1e-6)
    assert features.grad is None
    assert all(parameter.grad is None for parameter in classifier.parameters())


def test_the_scores_have_the_gradients_they_are_named_after() -> None:
    # Probabilities 1/2, 1/4, 1/4.
    values = torch.tensor([[2.0, 1.0, 1.0]]).log()
    for name, by_hand in (("log-probability", [-0.5, 0.75, -0.25]), ("own-logit", [0, 0.75, 0])):
        logits = values.clone().requires_grad_()
        CLASS_SCORES[name](logits, torch.tensor([1])).sum().backward()
        torch.testing.assert_close(logits.grad, torch.tensor([by_hand]))
    torch.testing.assert_close(log_probability(values, torch.tensor([0])).exp(), torch.tensor([0.5]))


def test_normalized_steps_by_hand() -> None:
    directions = torch.tensor([[3.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [2e-9, 2e-9, -2e-9, 2e-9]])
    by_hand = torch.tensor([[3.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, -1.0, 1.0]])
    torch.testing.assert_close(normalized(directions), by_hand)
    torch.testing.assert_close(normalized(directions[:1] * 7), by_hand[:1])


def test_a_step_is_scaled_and_then_clipped_by_hand() -> None:
    # The gradient of 4 x0 - 4 x1 has mean magnitude 4: a step of (2, -2), and bounds at 0 and 3.
    settings = ChainSettings(prior=0, noise=0, step_size=2.0, clip=(0.0, 3.0))
    chain = sample_chain(
        lambda h: h,
        lambda x: x,
        lambda x: 4 * x[:, 0] - 4 * x[:, 1],
        torch.tensor([[0.5, -0.5], [2.5, 2.5]]),
        settings,
        no_noise,
        steps=1,
    )
    torch.testing.assert_close(chain.features, torch.tensor([[2.5, 0.0], [3.0, 0.5]]))


def test_the_stationary_distribution_of_a_linear_generator_is_the_closed_form() -> None:
    """h ~ N(m, .) by R(h) - h = -k (h - m), x = g h, log p(y | x) = -(x - t)^2 / 2: an AR(1) process.

    h' = (1 - e1 k - e2 g^2) h + (e1 k m + e2 g t) + e3 n, so mean b / (1 - a) and variance e3^2 / (1 - a^2).
    """
    k, m, g, t = 0.8, -1.0, 2.0, 3.0
    e1, e2, e3 = 0.2, 0.05, 0.3
    settings = dataclasses.replace(PLAIN, prior=e1, condition=e2, noise=e3)
    source = torch.Generator().manual_seed(1)
    chain = sample_chain(
        lambda h: g * h,
        lambda x: x / g - k * (x / g - m),
        lambda x: -(x[:, 0] - t).square() / 2,
        torch.zeros(50_000, 1),
        settings,
        lambda step: torch.randn(50_000, 1, generator=source),
        steps=60,
    )
    a, b = 1 - e1 * k - e2 * g**2, e1 * k * m + e2 * g * t
    mean, variance = b / (1 - a), e3**2 / (1 - a**2)
    count = len(chain.features)
    assert abs(chain.features.mean().item() - mean) < 4 * (variance / count) ** 0.5
    assert abs(chain.features.var().item() - variance) < 4 * variance * (2 / count) ** 0.5


def test_without_a_prior_it_is_dgn_am(rotation: Tensor) -> None:
    """Features follow the class alone, whatever the encoder says."""
    start = torch.rand(2, 5, dtype=torch.float64)
    settings = ChainSettings(prior=0, noise=0)
    chains = [
        sample_chain(
            lambda h: h @ rotation,
            encoder,
            lambda x: own_logit(x, torch.tensor([1, 4])),
            start,
            settings,
            no_noise,
        )
        for encoder in (lambda x: x @ rotation.T, lambda x: 100 * x)
    ]
    assert chains[0].features.equal(chains[1].features)
    with_prior = sample_chain(
        lambda h: h @ rotation,
        lambda x: 100 * x,
        lambda x: own_logit(x, torch.tensor([1, 4])),
        start,
        dataclasses.replace(settings, prior=1e-3),
        no_noise,
    )
    assert not with_prior.features.equal(chains[0].features)


def test_a_chain_is_that_of_the_authors_rule_in_numpy() -> None:
    """One chain, written again from the authors' description with no code in common."""
    draw = np.random.default_rng(0)
    matrix, back, head = draw.normal(size=(4, 6)), draw.normal(size=(6, 4)), draw.normal(size=(6, 3))
    noise = draw.normal(size=(5, 4))
    h = start = draw.normal(size=4)
    e1, e2, e3, label, visited = 0.02, 0.7, 0.1, 2, []
    for step in range(5):
        x = h @ matrix
        logits = x @ head
        p = np.exp(logits)[label] / np.exp(logits).sum()
        logit_gradient = np.array([0, 0, 1 - p])
        d = e1 * (x @ back - h) + e2 * matrix @ (head @ logit_gradient) + e3 * noise[step]
        h = np.clip(h + 1.0 / np.mean(np.abs(d)) * d, 0, 30)
        visited.append(h)

    def torch_of(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array)

    chain = sample_chain(
        lambda features: features @ torch_of(matrix),
        lambda images: images @ torch_of(back),
        lambda images: own_logit(images @ torch_of(head), torch.tensor([label])),
        torch_of(start)[None],
        ChainSettings(prior=e1, condition=e2, noise=e3),
        lambda step: torch_of(noise[step])[None],
        steps=5,
        keep_every=2,
    )
    torch.testing.assert_close(chain.features[0], torch_of(h))
    expected = torch_of(np.stack([start, visited[1], visited[3]]))
    torch.testing.assert_close(chain.trajectory[:, 0], expected)


def test_the_defaults_are_those_of_the_authors_script() -> None:
    assert dataclasses.asdict(ChainSettings()) == {
        "prior": 1e-5,
        "condition": 1.0,
        "noise": 1e-17,
        "step_size": 1.0,
        "step_rule": "normalized",
        "clip": (0.0, 30.0),
    }


def test_progress_counts_the_steps() -> None:
    told: list[tuple[int, int]] = []
    sample_chain(
        lambda h: h,
        lambda x: x,
        flat,
        torch.ones(1, 2),
        PLAIN,
        no_noise,
        steps=3,
        progress=lambda *n: told.append(n),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
