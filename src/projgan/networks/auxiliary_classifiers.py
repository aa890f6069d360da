"""Methods that classify: the condition meets the discriminator in its loss, not in its logit.

What each classifier is taught, and what the generator makes of it, is in `projgan.losses`.
"""

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.condition_method import (
    ConditionShape,
    DiscriminatorOutput,
    Method,
    Unconditional,
    class_weights,
)
from projgan.networks.layers import initialize
from projgan.networks.spectral_norm import SpectralNormLinear


class AuxiliaryClassifier(Unconditional):
    """AC-GAN (Odena et al. 2017): a logit that ignores the label beside a classifier of it.

    The paper's own AC-GAN was never published; it says only that the softmax layer sits on the same trunk.
    That the classifier's weight is spectrally normalised like every other one here is our choice.
    """

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__(shape)
        self.classifier = SpectralNormLinear(shape.num_features, shape.num_classes)
        initialize(self.classifier)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features] -> logits [N] and class logits [N, num_classes]."""
        output = super().forward(features, condition)
        return dataclasses.replace(output, class_logits=self.classifier(features))


class TwinAuxiliaryClassifiers(AuxiliaryClassifier):
    """TAC-GAN (Gong et al. 2019): AC-GAN's classifier, and a twin that is taught on generated images.

    At their best the two are q(y|x) and p(y|x), so the difference of their log-probabilities is r(y|x).
    """

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__(shape)
        self.twin = SpectralNormLinear(shape.num_features, shape.num_classes)
        initialize(self.twin)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features] -> logits [N], class logits and twin logits [N, num_classes]."""
        output = super().forward(features, condition)
        return dataclasses.replace(output, twin_logits=self.twin(features))


class DiscriminativeClassifier(Unconditional):
    """ADC-GAN (Hou et al. 2022): a classifier of 2K classes, the real ones and then the generated ones.

    At its best, log C(y real|x) - log C(y generated|x) is log q(x, y) / p(x, y).
    """

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__(shape)
        self.classifier = SpectralNormLinear(shape.num_features, 2 * shape.num_classes)
        initialize(self.classifier)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features] -> logits [N] and class logits [N, 2 * num_classes], real ones first."""
        output = super().forward(features, condition)
        return dataclasses.replace(output, class_logits=self.classifier(features))


class DataToData(Unconditional):
    """ReACGAN (Kang et al. 2021): images and classes as points of a unit sphere.

    The class logits are cosines between an image's point and each class's. A class's point is its row over
    the row's length, so dividing the table by its sigma would change nothing.
    """

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__(shape)
        self.embed = SpectralNormLinear(shape.num_features, shape.embedding_size)
        self.proxies = nn.Parameter(torch.empty(shape.num_classes, shape.embedding_size))
        initialize(self.embed)
        nn.init.xavier_uniform_(self.proxies)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features] -> logits [N], class logits [N, num_classes] in [-1, 1], embeddings."""
        embeddings = F.normalize(self.embed(features), dim=1)
        cosines = F.linear(embeddings, F.normalize(self.proxies, dim=1))
        output = super().forward(features, condition)
        return dataclasses.replace(output, class_logits=cosines, embeddings=embeddings)


class MultiHinge(Method):
    """MHGAN (Kavalerov et al. 2021): one classifier of K classes and of "generated", and no other logit.

    How far it prefers the label to "generated" is a logit of the projection's form, y'V phi(x) + psi(phi(x)).
    """

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__(shape)
        self.classifier = SpectralNormLinear(shape.num_features, shape.num_classes + 1)
        initialize(self.classifier)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features], labels [N] -> logits [N], class logits [N, num_classes + 1]."""
        scores = self.classifier(features)
        own = (class_weights(condition, self.shape.num_classes) * scores[:, :-1]).sum(dim=1)
        marginal = -scores[:, -1]
        return DiscriminatorOutput(marginal + own, marginal, own, class_logits=scores)
