"""Adaptive instance norm (Huang & Belongie 2017): normalise each image alone, gain and bias by the condition.

No statistic crosses images or processes and none is kept, so training and evaluation compute the same. The
map from the condition to gain and bias is that of the conditional batch norms: the two ways differ in their
statistics and in nothing else.
"""

import torch.nn.functional as F
from torch import Tensor

from projgan.networks.layers import is_hooked
from projgan.networks.normalization import ClassAffine, LinearAffine, Norm2d, UnconditionalAffine
from projgan.networks.rectified_norm import normalize_each_scale_rectify

EPSILON = 1e-5
"""Added to the variance, as Huang & Belongie do."""


class InstanceNorm2d(Norm2d):
    """Normalise each channel of each image over height and width.

    A map of one pixel would come out as zeros: the smallest of `networks/resnet.py` has 2 x 2.
    """

    def normalize(self, images: Tensor) -> Tensor:
        """[N, C, H, W] with any statistics -> the same with mean 0 and variance 1 in every image."""
        # One group a channel is an instance; unlike F.instance_norm, it leaves channels last in memory.
        return F.group_norm(images, images.shape[1], eps=EPSILON)

    def rectified(self, images: Tensor, condition: Tensor | None = None) -> Tensor:
        """ReLU of the norm: [N, C, H, W] -> [N, C, H, W]."""
        if not self.fused or is_hooked(self):
            return super().rectified(images, condition)
        return normalize_each_scale_rectify(images, *self.gain_and_bias(condition), EPSILON)


class UnconditionalInstanceNorm2d(UnconditionalAffine, InstanceNorm2d):
    """Instance norm with one gain and one bias per channel; a condition is accepted and has no effect."""


class AdaptiveInstanceNorm2d(ClassAffine, InstanceNorm2d):
    """Instance norm with a gain and a bias of every class."""


class AffineAdaptiveInstanceNorm2d(LinearAffine, InstanceNorm2d):
    """Instance norm with gain and bias affine in several classes at once or in a vector."""
