"""A norm, a gain and a bias of every image, and ReLU, in as few passes over the maps as torch allows.

With mean m, deviation s, gain g and bias b the result is max(0, x a + c), a = g / s, c = b - m a: no map is
kept but input and output, of which the convolutions around it keep both anyway. Mean and deviation are those
of a batch or of each image alone.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from projgan.networks import fused, fused_norm


def normalize_scale_rectify(
    images: Tensor,
    gain: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float | None,
    epsilon: float,
    parts: int = 1,
    shift: Tensor | None = None,
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
        parts: so many equal parts of the images have statistics each, and move the running ones in turn.
        shift: [C], a bias that the images still lack, which only the running mean is told of; None with
            running statistics, and where `fused.suits` says no.

    Returns:
        [N, C, H, W]. With the statistics of the batch its gradient cannot be differentiated again.

    Raises:
        ValueError: one value per channel or none, and the statistics were to be those of the batch.
    """
    on_gpu = fused.suits(images)
    if momentum is None and on_gpu and not torch.is_grad_enabled():
        running = running_mean[None], running_var[None]
        return fused_norm.normalize_rectify(images, gain, bias, *running, epsilon)
    if momentum is None:
        factor = gain * (running_var + epsilon).rsqrt()
        return _scale_rectify(images, factor, bias - running_mean * factor)
    if images.numel() <= images.shape[1] * parts:
        raise ValueError("batch norm learns nothing of a single value per channel: give it more images")
    if on_gpu:
        moved = running_mean, running_var, momentum
        mean, variance = fused_norm.batch_statistics(images, *moved, parts, shift)
        return _rectified(images, gain, bias, mean, variance, epsilon, shift)
    with torch.no_grad():
        found = [
            torch.batch_norm_update_stats(part, running_mean, running_var, momentum)
            for part in images.chunk(parts)
        ]
        mean, variance = (_stacked(of_parts) for of_parts in zip(*found, strict=True))
    return _rectified(images, gain, bias, mean, variance, epsilon)


def normalize_each_scale_rectify(images: Tensor, gain: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """The same with the mean and the variance of every channel of every image; arguments as above."""
    with torch.no_grad():
        statistics = of_each_in_parts if images.device.type == "cpu" else of_each
        mean, variance = statistics(images, gain.dtype)
    return _rectified(images, gain, bias, mean, variance, epsilon)


def of_each(images: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Mean and variance of every channel of every image, [N, C] each, in one pass over [N, C, H, W]."""
    variance, mean = torch.var_mean(images.to(dtype), dim=(2, 3), correction=0)
    return mean, variance


def of_each_in_parts(images: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The same for a CPU, whose kernel for this is slow."""
    mean, variance = (images.new_empty(images.shape[:2], dtype=dtype) for _ in range(2))
    for part in _parts(images):
        maps = images[part].to(dtype)
        mean[part] = maps.mean(dim=(2, 3))
        variance[part] = (maps - _as_map(mean[part])).square_().mean(dim=(2, 3))
    return mean, variance


def _rectified(
    images: Tensor,
    gain: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    epsilon: float,
    shift: Tensor | None = None,
) -> Tensor:
    """With the images' own statistics: [parts, C], from [1, C] of them all to [N, C] of each."""
    if fused.suits(images):
        found: Tensor = fused_norm.NormalizeRectify.apply(images, gain, bias, mean, variance, epsilon, shift)
        return found
    result: Tensor = _ByOwnStatistics.apply(images, gain, bias, mean, (variance + epsilon).rsqrt())
    return result


def _scale_rectify(images: Tensor, factor: Tensor, offset: Tensor) -> Tensor:
    return torch.addcmul(_as_map(offset), images, _as_map(factor)).to(images.dtype).relu_()


def _as_map(numbers: Tensor) -> Tensor:
    """[N, C] -> [N, C, 1, 1]."""
    return numbers[:, :, None, None]


def _stacked(numbers: tuple[Tensor, ...]) -> Tensor:
    return torch.stack(numbers) if len(numbers) > 1 else numbers[0][None]  # one is not copied


def _of_each(numbers: Tensor, count: int) -> Tensor:
    """[parts, C] of equal parts of images, one after another -> [count, C]."""
    return numbers[:, None].expand(-1, count // len(numbers), -1).flatten(0, 1)


_CHUNK = 250_000
"""Numbers of a map that a CPU treats at a time: they stay in a core's cache between operations."""


def _parts(images: Tensor) -> list[slice]:
    """Images [N, C, H, W] in parts; all of them at once where the device is not a CPU."""
    count, numbers = len(images), images.numel()
    step = max(1, _CHUNK * count // max(1, numbers)) if images.device.type == "cpu" else count
    return [slice(start, start + step) for start in range(0, count, step)]


class _ByOwnStatistics(torch.autograd.Function):
    """By statistics of the images themselves, through which the gradient passes as well."""

    @staticmethod
    def forward(
        context: Any, images: Tensor, gain: Tensor, bias: Tensor, mean: Tensor, scale: Tensor
    ) -> Tensor:
        factor = gain * _of_each(scale, len(images))
        offset = bias - _of_each(mean, len(images)) * factor
        result = torch.empty_like(images)
        for part in _parts(images):
            maps = _ready(images[part], factor.dtype)
            _addcmul(_as_map(offset[part]), maps, _as_map(factor[part]), result[part]).relu_()
        context.save_for_backward(images, result, gain, mean, scale)
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, result, gain, mean, scale = context.saved_tensors
        # Of every image and channel, summed over its pixels.
        for_bias, for_gain = (gain.new_empty(images.shape[:2]) for _ in range(2))
        nothing = gain.new_zeros(1, 1, 1, 1)  # of the type that products are to have
        for part in _parts(images):
            passed = _through_relu(gradient[part], result[part], gain.dtype)
            for_bias[part] = passed.sum(dim=(2, 3), dtype=gain.dtype)
            for_gain[part] = torch.addcmul(nothing, passed, _ready(images[part], gain.dtype)).sum(dim=(2, 3))
        of_each_scale = _of_each(scale, len(images))
        for_gain = (for_gain - _of_each(mean, len(images)) * for_bias) * of_each_scale
        # Through mean and variance, which images share: all of them, or a part, or each has its own.
        pixels = images.numel() / mean.numel()

        def over_images(summed: Tensor) -> Tensor:
            return (gain * summed).unflatten(0, (len(mean), -1)).sum(dim=1) / pixels

        slope = -scale.square() * over_images(for_gain)
        constant = -scale * over_images(for_bias) - mean * slope
        factor, slope, constant = (
            _of_each(numbers, len(images)) for numbers in (gain * of_each_scale, slope, constant)
        )
        for_images = torch.empty_like(images)
        for part in _parts(images):
            passed = _through_relu(gradient[part], result[part], gain.dtype)
            maps = _ready(images[part], gain.dtype)
            shared = torch.addcmul(_as_map(constant[part]), maps, _as_map(slope[part]))
            _addcmul(shared, passed, _as_map(factor[part]), for_images[part])
        # Where gain and bias are [1, C], autograd sums these over the images.
        return for_images, for_gain, for_bias, None, None


def _through_relu(gradient: Tensor, result: Tensor, dtype: torch.dtype) -> Tensor:
    return _ready(torch.ops.aten.threshold_backward(gradient, result, 0), dtype)


# Maps may be bfloat16 where all else is float32. The kernels of a GPU take each number as it is and round the
# result once, with no copy in between; those of a CPU are many times faster with numbers of one type.


def _ready(maps: Tensor, dtype: torch.dtype) -> Tensor:
    return maps.to(dtype) if maps.device.type == "cpu" else maps


def _addcmul(added: Tensor, maps: Tensor, factor: Tensor, out: Tensor) -> Tensor:
    """Write added + maps x factor to `out`, in its type; autocast lets that alone."""
    if out.dtype == factor.dtype or out.device.type != "cpu":
        return torch.addcmul(added, maps, factor, out=out)
    return out.copy_(torch.addcmul(added, maps, factor))
