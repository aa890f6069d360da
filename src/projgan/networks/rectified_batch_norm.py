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

    Raises:
        ValueError: one value per channel or none, and the statistics were to be those of the batch.
    """
    if momentum is None:
        factor = gain * (running_var + epsilon).rsqrt()
        return _scale_rectify(images, factor, bias - running_mean * factor)
    if images.numel() <= images.shape[1]:
        raise ValueError("batch norm learns nothing of a single value per channel: give it more images")
    result: Tensor = _OfBatch.apply(images, gain, bias, running_mean, running_var, momentum, epsilon)
    return result


def _scale_rectify(images: Tensor, factor: Tensor, offset: Tensor) -> Tensor:
    return torch.addcmul(_as_map(offset), images, _as_map(factor)).to(images.dtype).relu_()


def _as_map(numbers: Tensor) -> Tensor:
    """[N, C] -> [N, C, 1, 1]."""
    return numbers[:, :, None, None]


_CHUNK = 250_000
"""Numbers of a map that a CPU treats at a time: they stay in a core's cache between operations."""


def _parts(images: Tensor) -> list[slice]:
    """Images [N, C, H, W] in parts; all of them at once where the device is not a CPU."""
    count, numbers = len(images), images.numel()
    step = max(1, _CHUNK * count // max(1, numbers)) if images.device.type == "cpu" else count
    return [slice(start, start + step) for start in range(0, count, step)]


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
        factor = (gain * scale).expand(len(images), -1)
        offset = bias - mean * factor
        result = torch.empty_like(images)
        for part in _parts(images):
            result[part] = _scale_rectify(images[part], factor[part], offset[part])
        context.save_for_backward(images, result, gain, mean, scale)
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, result, gain, mean, scale = context.saved_tensors
        # Of every image and channel, summed over its pixels.
        for_bias, for_gain = (gain.new_empty(images.shape[:2]) for _ in range(2))
        for part in _parts(images):
            passed = _through_relu(gradient[part], result[part], gain.dtype)
            for_bias[part] = passed.sum(dim=(2, 3))
            for_gain[part] = passed.mul_(images[part]).sum(dim=(2, 3))
        for_gain = (for_gain - mean * for_bias) * scale
        # Through mean and variance, which all images of the batch share.
        pixels = images.numel() / images.shape[1]
        slope = -scale.square() * (gain * for_gain).sum(dim=0, keepdim=True) / pixels
        constant = -scale * (gain * for_bias).sum(dim=0, keepdim=True) / pixels - mean * slope
        factor = (gain * scale).expand(len(images), -1)
        for_images = torch.empty_like(images)
        for part in _parts(images):
            passed = _through_relu(gradient[part], result[part], gain.dtype)
            shared = torch.addcmul(_as_map(constant), images[part], _as_map(slope))
            for_images[part] = shared.addcmul_(passed, _as_map(factor[part]))
        # Where gain and bias are [1, C], autograd sums these over the images.
        return for_images, for_gain, for_bias, None, None, None, None


def _through_relu(gradient: Tensor, result: Tensor, dtype: torch.dtype) -> Tensor:
    passed: Tensor = torch.ops.aten.threshold_backward(gradient, result, 0).to(dtype)
    return passed
