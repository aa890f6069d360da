"""What a way of meeting the condition offers the discriminator, and the one that does nothing."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.layers import as_int64, initialize
from projgan.networks.spectral_norm import SpectralNormLinear


@dataclass(frozen=True)
class DiscriminatorOutput:
    """What the discriminator says of N images and their conditions; tensors are float [N] or as stated.

    Raises:
        ValueError: logits of another form.
    """

    logits: Tensor
    """log q(x, y) / p(x, y) at the optimum of the standard loss: positive means real."""
    marginal: Tensor | None
    """The part psi(phi(x)) that does not see the condition; None where the method does not decompose."""
    conditional: Tensor | None
    """The part y'V phi(x) that does; `logits = marginal + conditional`. None with `marginal`."""
    class_logits: Tensor | None = None
    """[N, num_classes] where the method classifies (more in `adc-gan` and `multi-hinge`), else None."""
    twin_logits: Tensor | None = None
    """[N, num_classes] of a second classifier, which is taught on generated images only; `tac-gan`'s."""
    embeddings: Tensor | None = None
    """[N, embedding_size], each of length 1, where images are compared with each other; `d2d-ce`'s."""
    guide_logits: Tensor | None = None
    """[N, num_classes] of a frozen classifier, where one guides the generator."""
    votes: Tensor | None = None
    """[N, places] where an image is judged at several places: `logits` are their mean. None for one."""

    def __post_init__(self) -> None:
        if self.logits.ndim != 1:  # [N, 1] and [N] would make [N, N] of a sum, and be trained on
            raise ValueError(f"logits are {list(self.logits.shape)}; one number an image is meant, [N]")

    def split(self, first: int) -> tuple["DiscriminatorOutput", "DiscriminatorOutput"]:
        """Cut into the outputs of the first `first` images and of the rest."""
        sizes = [first, len(self.logits) - first]
        parts = [(None, None) if part is None else part.split(sizes) for part in self._parts()]
        one, other = (DiscriminatorOutput(*cut) for cut in zip(*parts, strict=True))
        return one, other

    def float(self) -> "DiscriminatorOutput":
        """The same in float32."""
        logits, *parts = self._parts()
        return DiscriminatorOutput(
            logits.float(), *(None if part is None else part.float() for part in parts)
        )

    def _parts(self) -> list[Any]:
        return [getattr(self, field.name) for field in dataclasses.fields(self)]


@dataclass(frozen=True)
class ConditionShape:
    """What a method needs to know of the trunk it joins."""

    num_classes: int
    """Classes, or columns of a condition that is a vector."""
    num_features: int
    """Entries of phi(x)."""
    linear_bias: bool = True
    """Whether the last linear map has a bias."""
    hidden_block: int = 2
    """The block, counted from 1, after which `hidden-concat` joins the features."""
    embedding_size: int = 128
    """Entries of the embedded label in `hidden-concat` and `output-concat`, and of an image in `d2d-ce`."""
    quadratic_term: bool = False
    """Whether `projection` adds a quadratic form of the condition."""


def class_weights(condition: Tensor | None, num_classes: int) -> Tensor:
    """Labels [N] -> one-hot float32 [N, num_classes]; weights [N, num_classes] as they are."""
    if condition is None:
        raise ValueError("this network meets a condition: give labels or weights")
    if condition.is_floating_point():
        return condition
    return F.one_hot(as_int64(condition), num_classes).float()


def append_maps(images: Tensor, vectors: Tensor) -> Tensor:
    """Put vectors [N, K], repeated over all pixels, behind the channels of images [N, C, H, W]."""
    maps = vectors[:, :, None, None].expand(-1, -1, *images.shape[2:])
    return torch.cat([images, maps.to(images.dtype)], dim=1)


class Method(nn.Module):
    """A way of meeting the condition: `join` in the trunk, `forward` in the logit."""

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__()
        self.shape = shape

    @classmethod
    def added_channels(cls, shape: ConditionShape, block: int) -> int:
        """Channels that `join` puts behind the output of a block; block 0 is the image itself."""
        return 0

    def join(self, images: Tensor, condition: Tensor | None, block: int) -> Tensor:
        """Meet the output of a block (0: the image): [N, C, H, W] -> [N, C + added_channels, H, W]."""
        return images

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features] and the condition -> the output for N images."""
        raise NotImplementedError


class Unconditional(Method):
    """The condition has no effect: the logit is psi(phi(x)) alone."""

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__(shape)
        self.marginal = SpectralNormLinear(shape.num_features, 1, bias=shape.linear_bias)
        initialize(self.marginal)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features] and the condition -> the output for N images."""
        marginal = self.marginal(features).squeeze(1)
        return DiscriminatorOutput(logits=marginal, marginal=marginal, conditional=torch.zeros_like(marginal))
