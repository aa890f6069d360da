"""How a condition meets the discriminator: one class a method, chosen by name from `CONDITIONS`.

The projection comes from the form of the optimal log-ratio (Miyato & Koyama 2018, equations 2 to 6):

    f*(x, y) = log q(x|y)q(y) / p(x|y)p(y) = r(y|x) + r(x).

With log-linear class posteriors on shared features phi(x), r(y|x) is linear in phi with one vector per
class, up to a term that does not depend on y and joins r(x). Hence

    f(x, y) = y'V phi(x) + psi(phi(x)),

whose two terms are the `conditional` and the `marginal` of a `DiscriminatorOutput`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from projgan.networks.layers import initialize, select
from projgan.networks.spectral_norm import SpectralNormEmbedding, SpectralNormLinear


@dataclass(frozen=True)
class DiscriminatorOutput:
    """What the discriminator says of N images and their conditions; every tensor is float [N]."""

    logits: Tensor
    """log q(x, y) / p(x, y) at the optimum of the standard loss: positive means real."""
    marginal: Tensor
    """The part psi(phi(x)) that does not see the condition."""
    conditional: Tensor
    """The part y'V phi(x) that does; `logits = marginal + conditional`."""
    class_logits: Tensor | None = None
    """[N, num_classes] where the method classifies, else None."""

    def split(self, first: int) -> tuple["DiscriminatorOutput", "DiscriminatorOutput"]:
        """Cut into the outputs of the first `first` images and of the rest."""
        return self._part(slice(None, first)), self._part(slice(first, None))

    def float(self) -> "DiscriminatorOutput":
        """The same in float32."""
        class_logits = None if self.class_logits is None else self.class_logits.float()
        return DiscriminatorOutput(
            self.logits.float(), self.marginal.float(), self.conditional.float(), class_logits
        )

    def _part(self, part: slice) -> "DiscriminatorOutput":
        class_logits = None if self.class_logits is None else self.class_logits[part]
        return DiscriminatorOutput(
            self.logits[part], self.marginal[part], self.conditional[part], class_logits
        )


class Unconditional(nn.Module):
    """The condition has no effect: the logit is psi(phi(x)) alone."""

    def __init__(self, num_features: int, num_classes: int, *, linear_bias: bool) -> None:
        super().__init__()
        self.marginal = SpectralNormLinear(num_features, 1, bias=linear_bias)
        initialize(self.marginal)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Features [N, num_features] and a condition that is ignored -> the output for N images."""
        marginal = self.marginal(features).squeeze(1)
        return DiscriminatorOutput(logits=marginal, marginal=marginal, conditional=torch.zeros_like(marginal))


class Projection(nn.Module):
    """The inner product of an embedded condition with the features, plus a marginal term (equation 3)."""

    def __init__(self, num_features: int, num_classes: int, *, linear_bias: bool) -> None:
        super().__init__()
        self.marginal = SpectralNormLinear(num_features, 1, bias=linear_bias)
        self.embedding = SpectralNormEmbedding(num_classes, num_features)
        initialize(self.marginal)
        initialize(self.embedding)

    def forward(self, features: Tensor, condition: Tensor) -> DiscriminatorOutput:
        """Features [N, num_features], labels [N] or weights [N, num_classes] -> the output for N images."""
        marginal = self.marginal(features).squeeze(1)
        embedded = select(self.embedding.normalized_weight(), condition)
        conditional = (embedded * features).sum(dim=1)
        return DiscriminatorOutput(marginal + conditional, marginal, conditional)


CONDITIONS: dict[str, type[Unconditional] | type[Projection]] = {
    "projection": Projection,
    "unconditional": Unconditional,
}
"""Every way the discriminator can meet the condition, by the name used in configurations."""
