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
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.layers import initialize, select
from projgan.networks.spectral_norm import SpectralNormEmbedding, SpectralNormLinear


@dataclass(frozen=True)
class DiscriminatorOutput:
    """What the discriminator says of N images and their conditions; every tensor is float [N]."""

    logits: Tensor
    """log q(x, y) / p(x, y) at the optimum of the standard loss: positive means real."""
    marginal: Tensor | None
    """The part psi(phi(x)) that does not see the condition; None where the method does not decompose."""
    conditional: Tensor | None
    """The part y'V phi(x) that does; `logits = marginal + conditional`. None with `marginal`."""
    class_logits: Tensor | None = None
    """[N, num_classes] where the method classifies, else None."""

    def split(self, first: int) -> tuple["DiscriminatorOutput", "DiscriminatorOutput"]:
        """Cut into the outputs of the first `first` images and of the rest."""
        return self._map(lambda tensor: tensor[:first]), self._map(lambda tensor: tensor[first:])

    def float(self) -> "DiscriminatorOutput":
        """The same in float32."""
        return self._map(Tensor.float)

    def _map(self, change: Callable[[Tensor], Tensor]) -> "DiscriminatorOutput":
        parts = (self.marginal, self.conditional, self.class_logits)
        return DiscriminatorOutput(
            change(self.logits), *(None if part is None else change(part) for part in parts)
        )


@dataclass(frozen=True)
class ConditionShape:
    """What a method needs to know of the trunk it joins."""

    num_classes: int
    num_features: int
    """Entries of phi(x)."""
    linear_bias: bool = True
    """Whether the last linear map has a bias."""
    hidden_block: int = 2
    """The block, counted from 1, after which `hidden-concat` joins the features."""
    embedding_size: int = 128
    """Entries of the embedded label in `hidden-concat` and `output-concat`."""


def class_weights(condition: Tensor | None, num_classes: int) -> Tensor:
    """Labels [N] -> one-hot float32 [N, num_classes]; weights [N, num_classes] as they are."""
    if condition is None:
        raise ValueError("this network meets a condition: give labels or weights")
    if condition.is_floating_point():
        return condition
    return F.one_hot(condition, num_classes).float()


def append_maps(images: Tensor, vectors: Tensor) -> Tensor:
    """Put vectors [N, K], repeated over all pixels, behind the channels of images [N, C, H, W]."""
    maps = vectors[:, :, None, None].expand(-1, -1, *images.shape[2:])
    return torch.cat([images, maps.to(images.dtype)], dim=1)


class Unconditional(nn.Module):
    """The condition has no effect: the logit is psi(phi(x)) alone."""

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__()
        self.shape = shape
        self.marginal = SpectralNormLinear(shape.num_features, 1, bias=shape.linear_bias)
        initialize(self.marginal)

    @classmethod
    def added_channels(cls, shape: ConditionShape, block: int) -> int:
        """Channels that `join` puts behind the output of a block; block 0 is the image itself."""
        return 0

    def join(self, images: Tensor, condition: Tensor | None, block: int) -> Tensor:
        """Meet the output of a block (0: the image): [N, C, H, W] -> [N, C + added_channels, H, W]."""
        return images

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features] and the condition -> the output for N images."""
        marginal = self.marginal(features).squeeze(1)
        return DiscriminatorOutput(logits=marginal, marginal=marginal, conditional=torch.zeros_like(marginal))


class Projection(Unconditional):
    """The inner product of an embedded condition with the features, plus a marginal term (equation 3)."""

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__(shape)
        self.embedding = SpectralNormEmbedding(shape.num_classes, shape.num_features)
        initialize(self.embedding)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features], labels [N] or weights [N, num_classes] -> the output for N images."""
        marginal = self.marginal(features).squeeze(1)
        embedded = select(self.embedding.normalized_weight(), condition)
        conditional = (embedded * features).sum(dim=1)
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
        return append_maps(images, select(self.embedding.normalized_weight(), condition))


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
        embedded = select(self.embedding.normalized_weight(), condition)
        hidden = F.relu(self.hidden(torch.cat([features, embedded], dim=1)))
        return DiscriminatorOutput(self.marginal(hidden).squeeze(1), None, None)


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


CONDITIONS: dict[str, type[Unconditional]] = {
    "projection": Projection,
    "input-concat": InputConcat,
    "hidden-concat": HiddenConcat,
    "output-concat": OutputConcat,
    "ac-gan": AuxiliaryClassifier,
    "unconditional": Unconditional,
}
"""Every way the discriminator can meet the condition, by the name used in configurations."""
