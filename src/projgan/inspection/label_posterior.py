"""p(y|x): which class a generated image is of, as far as the discriminator's own features tell.

The projection's form supposes that log p(y|x) is linear in phi(x), up to what y is not in (Miyato & Koyama
2018, equations 4 to 6). So p(y|x) is a softmax regression on phi of generated images, whose labels are known,
and with it f gives the posterior of the data: q(y|x) is proportional to p(y|x) exp f(x, y).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from projgan.generation.sampling import sample
from projgan.lanes import features_of
from projgan.listening import Count, told
from projgan.networks.resnet import Discriminator, Generator

PENALTY = 1e-3
"""Of the squared weights, beside the mean cross-entropy: classes that separate have no finite optimum."""


@dataclass(frozen=True)
class LabelPosterior:
    """A softmax regression on features; all of it float64."""

    weight: Tensor
    """[K, num_features]."""
    bias: Tensor
    """[K]."""

    def log_probabilities(self, features: Tensor) -> Tensor:
        """[N, num_features] -> float64 [N, K]."""
        return F.linear(features.double(), self.weight, self.bias).log_softmax(dim=1)


def fit_label_posterior(features: Tensor, labels: Tensor, num_classes: int) -> LabelPosterior:
    """Fit by penalised maximum likelihood, which is convex, with L-BFGS.

    Args:
        features: [N, num_features]; the penalty is on weights of these, centred and over their deviation.
        labels: int64 [N].
        num_classes: K.
    """
    mean, deviation = features.double().mean(dim=0), features.double().std().clamp(min=1e-12)
    scaled = (features.double() - mean) / deviation
    weight = torch.zeros(num_classes, features.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(num_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(F.linear(scaled, weight, bias), labels) + PENALTY * weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    of_features = weight.detach() / deviation
    return LabelPosterior(of_features, bias.detach() - of_features @ mean)


def label_posterior_of(
    generator: Generator,
    discriminator: Discriminator,
    per_class: int,
    progress: Count | None = None,
    classes: Tensor | None = None,
) -> LabelPosterior:
    """Fit p(y|x) to generated images of seeds 0, 1, ..., as many of each class.

    Classes are alike because training draws the labels of generated images so.

    Args:
        generator: conditional on classes, in evaluation mode.
        discriminator: of the same run, in evaluation mode; its features must not see the label.
        per_class: images of each class.
        progress: told of (images generated, all).
        classes: int64 [K], the labels to generate: those of which there were images. None for all.
    """
    if classes is None:
        classes = torch.arange(discriminator.condition.shape.num_classes)
    places = torch.arange(per_class * len(classes)) % len(classes)
    labels = classes[places]
    lanes = told(sample(generator, range(len(labels)), labels), len(labels), progress, len)
    features = [features_of(discriminator, images) for images in lanes]
    return fit_label_posterior(torch.cat(features), places, len(classes))
