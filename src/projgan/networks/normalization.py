"""What a norm of the generator is: a normalisation, then gain and bias, which the condition may choose."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.finishing import Fusing
from projgan.networks.layers import Convolving, is_hooked, select


class Norm2d(Fusing, ABC):
    """A norm of feature maps; one subclass says how it normalises, another where gain and bias come from."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    @abstractmethod
    def normalize(self, images: Tensor) -> Tensor:
        """[N, C, H, W] with any statistics -> the same with mean 0 and variance 1."""

    @abstractmethod
    def gain_and_bias(self, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """Labels [N], weights [N, num_classes] or None -> gain and bias, each [N, C] or [1, C]."""

    def forward(self, images: Tensor, condition: Tensor | None = None) -> Tensor:
        """Images [N, C, H, W] and their condition -> [N, C, H, W]."""
        gain, bias = self.gain_and_bias(condition)
        return torch.addcmul(bias[:, :, None, None], self.normalize(images), gain[:, :, None, None])

    def rectified(self, images: Tensor, condition: Tensor | None = None) -> Tensor:
        """ReLU of the norm, which follows every norm of a generator: [N, C, H, W] -> [N, C, H, W]."""
        return F.relu(self(images, condition), inplace=not is_hooked(self))

    def rectified_after(
        self, convolution: Convolving, images: Tensor, condition: Tensor | None = None
    ) -> Tensor:
        """The same of what a convolution makes of images [N, in, H, W]."""
        return self.rectified(convolution(images), condition)


class UnconditionalAffine(Norm2d):
    """One gain and one bias per channel; a condition is accepted and has no effect."""

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        self.gain = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))

    def gain_and_bias(self, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """Gain and bias, each [1, C]."""
        return self.gain[None], self.bias[None]


class ClassAffine(Norm2d):
    """A row of `gain` and of `bias`, tables [num_classes, C], for each class.

    They start at 1 and 0 (pfnet-research/sngan_projection,
    source/links/categorical_conditional_batch_normalization.py).
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(num_features)
        self.gain = nn.Parameter(torch.ones(num_classes, num_features))
        self.bias = nn.Parameter(torch.zeros(num_classes, num_features))

    def gain_and_bias(self, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """Labels [N] or mixing weights [N, num_classes] -> gain and bias, each [N, C]."""
        return select(self.gain, condition), select(self.bias, condition)


class LinearAffine(Norm2d):
    """Gain and bias affine in the condition, for several classes at once and vectors.

    gain = g + W'y and bias = b + B'y with g = 1, b = 0, W = B = 0 at the start: no sum over classes moves the
    gain away from 1, as mixing the rows of `ClassAffine` would.
    """

    def __init__(self, num_features: int, num_columns: int) -> None:
        super().__init__(num_features)
        self.gain = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.gain_slope = nn.Parameter(torch.zeros(num_columns, num_features))
        self.bias_slope = nn.Parameter(torch.zeros(num_columns, num_features))

    def gain_and_bias(self, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """Float [N, num_columns], or one column each, int64 [N] -> gain and bias, each [N, C]."""
        return (
            self.gain + select(self.gain_slope, condition),
            self.bias + select(self.bias_slope, condition),
        )
