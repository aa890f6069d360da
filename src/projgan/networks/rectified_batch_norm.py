"""Batch norm, a gain and a bias of every image, and ReLU, in as few passes over the maps as torch allows.

With mean m, deviation s, gain g and bias b the result is max(0, x a + c), a = g / s, c = b - m a: no map is
kept but input and output, of which the convolutions around it keep both anyway.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def normalize_scale_rectify(
    images: Tensor,
    gain: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float | None,
    epsilon: float,
) -> Tensor:
    """max(0, gain (x - mean) / sqrt(variance + epsilon) + bias).

    Args:
        images: [N, C, H, W], float32 or, under autocast, bfloat16; the result has the same type.
        gain: [N, C] or [1, C].
        bias: likewise.
        running_mean: [C]; moved towards the mean of the images by `momentum`.
        running_var: [C]; likewise, towards the unbiased variance.
        momentum: in [0, 1]; None normalises by the running statistics and leaves them alone.
        epsilon: added to the variance.

    Returns:
        [N, C, H, W]. With the statistics of the batch its gradient cannot be differentiated again.
    """
    if momentum is None:
        return _scale_rectify(images, gain, bias, running_mean, (running_var + epsilon).rsqrt())
    result: Tensor = _OfBatch.apply(images, gain, bias, running_mean, running_var, momentum, epsilon)
    return result


def _scale_rectify(images: Tensor, gain: Tensor, bias: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    factor = gain * scale
    offset = bias - mean * factor
    return torch.addcmul(_as_map(offset), images, _as_map(factor)).to(images.dtype).relu_()


def _as_map(numbers: Tensor) -> Tensor:
    """[N, C] -> [N, C, 1, 1]."""
    return numbers[:, :, None, None]


class _OfBatch(torch.autograd.Function):
    """By the statistics of the batch, through which the gradient passes as well."""

    @staticmethod
    def forward(
        context: Any,
        images: Tensor,
        gain: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        epsilon: float,
    ) -> Tensor:
        mean, variance = torch.batch_norm_update_stats(images, running_mean, running_var, momentum)
        scale = (variance + epsilon).rsqrt()
        result = _scale_rectify(images, gain, bias, mean, scale)
        context.save_for_backward(images, result, gain, mean, scale)
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, result, gain, mean, scale = context.saved_tensors
        passed = torch.ops.aten.threshold_backward(gradient, result, 0).to(gain.dtype)
        with_images = passed * images
        # Of every image and channel, summed over its pixels.
        for_bias = passed.sum(dim=(2, 3))
        for_gain = (with_images.sum(dim=(2, 3)) - mean * for_bias) * scale
        # Through mean and variance, which all images of the batch share.
        pixels = images.numel() / images.shape[1]
        slope = -scale.square() * (gain * for_gain).sum(dim=0) / pixels
        constant = -scale * (gain * for_bias).sum(dim=0) / pixels - mean * slope
        for_images = torch.addcmul(_as_map(constant[None]), images, _as_map(slope[None]), out=with_images)
        for_images.addcmul_(passed, _as_map(gain * scale))
        shared = len(gain) == 1
        return (
            for_images.to(images.dtype),
            for_gain.sum(dim=0, keepdim=True) if shared else for_gain,
            for_bias.sum(dim=0, keepdim=True) if shared else for_bias,
            None,
            None,
            None,
            None,
        )
