"""p(y|x) from generated images, against its closed form and the conditions of an optimum."""

import numpy as np
import torch

from projgan.generation.sampling import sample
from projgan.inspection.label_posterior import PENALTY, fit_label_posterior, label_posterior_of
from projgan.lanes import features_of
from projgan.networks.resnet import Discriminator, Generator


def test_gaussian_classes_have_the_posterior_of_their_closed_form() -> None:
    draws = np.random.default_rng(0)
    means = np.array([[0.0, 0], [1.5, 0], [0, 1.5]])
    labels = np.arange(30_000) % 3
    points = torch.from_numpy(means[labels] + draws.normal(size=(30_000, 2)))
    fitted = fit_label_posterior(points, torch.from_numpy(labels), 3)
    tests = draws.normal(size=(100, 2))
    logits = tests @ means.T - (means**2).sum(axis=1) / 2
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = fitted.log_probabilities(torch.from_numpy(tests)).exp().numpy()
    assert np.abs(found - expected).max() < 0.03


def test_the_fit_is_the_optimum_also_where_classes_separate() -> None:
    """The objective is convex: where its gradient, by hand, is zero, there is no better point."""
    draws = np.random.default_rng(1)
    labels = np.arange(60) % 3
    features = draws.normal(size=(60, 5)) * 7 + 3 + 40 * np.eye(3, 5)[labels]
    fitted = fit_label_posterior(torch.from_numpy(features), torch.from_numpy(labels), 3)
    deviation = features.std(ddof=1)
    scaled, weight = (features - features.mean(axis=0)) / deviation, fitted.weight.numpy() * deviation
    wrong = fitted.log_probabilities(torch.from_numpy(features)).exp().numpy() - np.eye(3)[labels]
    assert np.abs(wrong.T @ scaled / 60 + 2 * PENALTY * weight).max() < 1e-5
    assert np.abs(wrong.mean(axis=0)).max() < 1e-5
    assert np.isfinite(weight).all()


def test_it_is_learned_from_as_many_images_of_each_class() -> None:
    torch.manual_seed(0)
    generator = Generator("resnet-8", channels=1, num_classes=3, latent_size=4, width=4).eval()
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if parameter.ndim == 2 and name.endswith(("gain", "bias")):
                parameter.normal_(std=2)
    discriminator = Discriminator("resnet-8", channels=1, num_classes=3, width=8).eval()
    told: list[tuple[int, int]] = []
    found = label_posterior_of(generator, discriminator, 7, lambda *progress: told.append(progress))
    assert told[-1] == (21, 21)
    labels = torch.arange(21) % 3
    images = torch.cat(list(sample(generator, range(21), labels)))
    with torch.no_grad():
        features = discriminator.features((images.float() + 0.5) / 128 - 1)
    torch.testing.assert_close(features_of(discriminator, images), features, rtol=1e-5, atol=1e-5)
    expected = fit_label_posterior(features, labels, 3)
    torch.testing.assert_close(
        found.log_probabilities(features), expected.log_probabilities(features), rtol=0, atol=1e-2
    )
    # Of two classes that have images, the outer ones, which are then numbered 0 and 1.
    some = label_posterior_of(generator, discriminator, 10, classes=torch.tensor([0, 2]))
    places = torch.arange(20) % 2
    images = torch.cat(list(sample(generator, range(20), 2 * places)))
    features = features_of(discriminator, images)
    expected = fit_label_posterior(features, places, 2)
    torch.testing.assert_close(
        some.log_probabilities(features), expected.log_probabilities(features), rtol=0, atol=1e-2
    )
