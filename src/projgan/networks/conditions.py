"""How a condition meets the discriminator: one class a method, chosen by name from `CONDITIONS`.

Each method may meet it in three places, so that one trunk serves all: at the image, in the features after a
block, and in the logit. Where a method does nothing, it inherits doing nothing.

The projection comes from the form of the optimal log-ratio (Miyato & Koyama 2018, equations 2 to 6):

    f*(x, y) = log q(x|y)q(y) / p(x|y)p(y) = r(y|x) + r(x).

With log-linear class posteriors on shared features phi(x), r(y|x) is linear in phi with one vector per
class, up to a term that does not depend on y and joins r(x). Hence

    f(x, y) = y'V phi(x) + psi(phi(x)),

whose two terms are the `conditional` and the `marginal` of a `DiscriminatorOutput`.
"""

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.auxiliary_classifiers import (
    AuxiliaryClassifier,
    DataToData,
    DiscriminativeClassifier,
    MultiHinge,
    TwinAuxiliaryClassifiers,
)
from projgan.networks.condition_method import (
    ConditionShape,
    DiscriminatorOutput,
    Method,
    Unconditional,
    append_maps,
    class_weights,
)
from projgan.networks.layers import check_condition, initialize
from projgan.networks.spectral_norm import SpectralNormEmbedding, SpectralNormLinear


class QuadraticForm(nn.Module):
    """-y'Ay / 2, in which A stands for the difference of two precisions; it starts at zero.

    Only the symmetric part of A counts, and its gradient yy' is symmetric: from zero it stays so.
    """

    def __init__(self, num_columns: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_columns, num_columns))

    def forward(self, condition: Tensor | None) -> Tensor:
        """Labels [N] or a condition float [N, num_columns] -> [N]."""
        vectors = class_weights(condition, len(self.weight)).to(self.weight.dtype)
        return -(F.linear(vectors, self.weight.t()) * vectors).sum(dim=1) / 2


class Projection(Unconditional):
    """The inner product of an embedded condition with the features, plus a marginal term (equation 3).

    For a vector y that is Gaussian given x under q and p alike, r(y|x) is y'V phi(x), up to what joins
    psi, if their precisions are equal, and has the term -y'(L_q - L_p)y / 2 beside it if not (equation 7).
    """

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__(shape)
        self.embedding = SpectralNormEmbedding(shape.num_classes, shape.num_features)
        initialize(self.embedding)
        self.quadratic = QuadraticForm(shape.num_classes) if shape.quadratic_term else None

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features], labels [N] or float [N, num_classes] -> the output for N images."""
        check_condition(condition, features.shape[0], self.shape.num_classes)
        marginal = self.marginal(features).squeeze(1)
        embedded = self.embedding(condition)
        conditional = (embedded * features).sum(dim=1)
        if self.quadratic is not None:
            conditional = conditional + self.quadratic(condition)
        return DiscriminatorOutput(marginal + conditional, marginal, conditional)


class _Concat(Unconditional):
    """The trunk has seen the condition already, so a map of the features is all that is left."""

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features that have seen the condition [N, num_features] -> logits, which do not decompose."""
        return DiscriminatorOutput(self.marginal(features).squeeze(1), None, None)


class InputConcat(_Concat):
    """One constant map per class behind the channels of the image (Mirza & Osindero 2014).

    The paper's appendix compares with it on CIFAR; no code was published. One-hot maps are our reading.
    """

    @classmethod
    def added_channels(cls, shape: ConditionShape, block: int) -> int:
        """One per class at the image."""
        return shape.num_classes if block == 0 else 0

    def join(self, images: Tensor, condition: Tensor | None, block: int) -> Tensor:
        """[N, C, H, W] -> [N, C + num_classes, H, W] at the image."""
        if block != 0:
            return images
        return append_maps(images, class_weights(condition, self.shape.num_classes))


class HiddenConcat(_Concat):
    """An embedded label as constant maps behind the output of one block (Reed et al. 2016).

    Source: pfnet-research/sngan_projection, SNResNetConcatDiscriminator: an embedding of 128 entries,
    spectrally normalised, after the 3rd block on ImageNet; on CIFAR the paper joins after the 2nd.
    """

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__(shape)
        self.embedding = SpectralNormEmbedding(shape.num_classes, shape.embedding_size)
        initialize(self.embedding)

    @classmethod
    def added_channels(cls, shape: ConditionShape, block: int) -> int:
        """The entries of the embedding after the chosen block."""
        return shape.embedding_size if block == shape.hidden_block else 0

    def join(self, images: Tensor, condition: Tensor | None, block: int) -> Tensor:
        """[N, C, H, W] -> [N, C + embedding_size, H, W] after the chosen block."""
        if block != self.shape.hidden_block:
            return images
        return append_maps(images, self.embedding(condition))


class OutputConcat(Unconditional):
    """An embedded label behind the features, then one hidden layer as wide as both.

    A single linear map of the two would be psi(phi(x)) + b_y, in which label and image never meet. The
    paper's appendix has this method in its figure of hyper-parameters only; the hidden layer is our reading.
    """

    def __init__(self, shape: ConditionShape) -> None:
        both = shape.num_features + shape.embedding_size
        super().__init__(dataclasses.replace(shape, num_features=both))
        self.embedding = SpectralNormEmbedding(shape.num_classes, shape.embedding_size)
        self.hidden = SpectralNormLinear(both, both)
        initialize(self.embedding)
        initialize(self.hidden)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features], labels [N] or weights [N, num_classes] -> logits."""
        embedded = self.embedding(condition)
        hidden = F.relu(self.hidden(torch.cat([features, embedded], dim=1)))
        return DiscriminatorOutput(self.marginal(hidden).squeeze(1), None, None)


CONDITIONS: dict[str, type[Method]] = {
    "projection": Projection,
    "input-concat": InputConcat,
    "hidden-concat": HiddenConcat,
    "output-concat": OutputConcat,
    "ac-gan": AuxiliaryClassifier,
    "tac-gan": TwinAuxiliaryClassifiers,
    "adc-gan": DiscriminativeClassifier,
    "d2d-ce": DataToData,
    "multi-hinge": MultiHinge,
    "unconditional": Unconditional,
}
"""Every way the discriminator can meet the condition, by the name used in configurations."""
