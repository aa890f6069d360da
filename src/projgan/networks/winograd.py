"""3x3 convolutions on a CPU by Winograd's algorithm F(4x4, 3x3) (Lavin & Gray, arXiv 1509.09308).

Output tiles of 4x4 pixels are computed from input tiles of 6x6 as Y = A'[(G w G') * (B' x B)]A: 36
multiplications per pair of channels in place of 144. The algebra is exact; in float32 the error of a layer
stays near 3e-6 of its output. The products over channels are 36 matrix products, the rest are small ones.

Images are treated in parts that stay in a core's cache, each part by one thread from end to end: where cores
share little, two threads at every single operation are hardly faster than one.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

Result = TypeVar("Result")

TILE = 4
"""Height and width must be multiples of this."""

# Evaluation points 0, 1, -1, 2, -2 and infinity.
_INPUT = (
    (4.0, 0.0, -5.0, 0.0, 1.0, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 4.0, 0.0, -5.0, 0.0, 1.0),
)
_KERNEL = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)
_OUTPUT = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)
_CONSTANT = 1 * 6 + 1
"""The product that reaches all 16 pixels of its tile with weight 1: where the bias is added."""

_PART = 1_000_000
"""Numbers of transformed input that a thread holds at a time, unless one image has more."""


def conv2d(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`torch.nn.functional.conv2d` with 3x3 kernels and padding 1.

    Args:
        images: [N, in, H, W], channels last in memory to be fast; H and W multiples of `TILE`.
        weight: [out, in, 3, 3].
        bias: [out] or None.

    Returns:
        [N, out, H, W], channels last in memory; its gradient can be differentiated again.
    """
    result: Tensor = _Convolution.apply(images, weight, bias)
    return result


class _Convolution(torch.autograd.Function):
    """The backward pass transforms the images anew rather than keep 2.25 times as much."""

    @staticmethod
    def forward(context: Any, images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        context.save_for_backward(images, weight)
        return _convolve(images, _transform_kernel(weight), bias)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = context.saved_tensors
        needed = context.needs_input_grad
        turned = weight.flip(2, 3).transpose(0, 1)
        return (
            _convolve(gradient, _transform_kernel(turned), None) if needed[0] else None,
            _weight_gradient(images, gradient) if needed[1] else None,
            gradient.sum(dim=(0, 2, 3)) if needed[2] else None,
        )


def _convolve(images: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """Images [N, in, H, W] with a transformed kernel [36, in, out] -> [N, out, H, W]."""
    count, channels, height, width = images.shape
    shape = (count, kernel.shape[2], height, width)
    result = torch.empty(shape, dtype=images.dtype, device=images.device, memory_format=torch.channels_last)
    output_matrix = _square(_OUTPUT, images)

    def convolve(parts: Iterable[slice]) -> None:
        for part in parts:
            products = torch.bmm(_transform_input(images[part]), kernel)
            if bias is not None:
                products[_CONSTANT] += bias
            tiles = _windows(result[part], TILE)
            tiles.copy_((output_matrix @ products.flatten(1)).view(tiles.shape))

    parts = _parts(count, height * width * channels)
    remaining = iter(parts)  # the thread that is free takes the next one
    _on_threads(convolve, [remaining] * _num_threads(parts))
    return result


def _weight_gradient(images: Tensor, gradient: Tensor) -> Tensor:
    """Images [N, in, H, W] and the gradient at the output [N, out, H, W] -> [out, in, 3, 3]."""
    count, channels, height, width = images.shape
    output_matrix = _square(_OUTPUT, images).t().contiguous()

    def sum_up(parts: Iterable[slice]) -> Tensor:
        total = images.new_zeros((TILE + 2) ** 2, channels, gradient.shape[1])
        for part in parts:
            pixels = _windows(gradient[part], TILE).reshape(TILE**2, -1)
            products = (output_matrix @ pixels).view(len(total), -1, gradient.shape[1])
            total.baddbmm_(_transform_input(images[part]).transpose(1, 2), products)
        return total

    parts = _parts(count, height * width * max(channels, gradient.shape[1]))
    threads = _num_threads(parts)
    first, *others = _on_threads(sum_up, [parts[number::threads] for number in range(threads)])
    total = sum(others, first)
    rows = _square(_KERNEL, images).t() @ total.flatten(1)
    return rows.view(3, 3, channels, -1).permute(3, 2, 0, 1)


def _transform_kernel(weight: Tensor) -> Tensor:
    """[out, in, 3, 3] -> [36, in, out]."""
    rows = _square(_KERNEL, weight) @ weight.permute(2, 3, 1, 0).reshape(9, -1)
    return rows.view(-1, weight.shape[1], weight.shape[0])


def _transform_input(images: Tensor) -> Tensor:
    """[N, in, H, W] -> the 6x6 surroundings of its tiles, transformed: [36, tiles, in]."""
    padded = F.pad(images, (1, 1, 1, 1))
    tiles = _windows(padded, TILE + 2).reshape((TILE + 2) ** 2, -1)
    return (_square(_INPUT, images) @ tiles).view(len(tiles), -1, images.shape[1])


def _windows(images: Tensor, size: int) -> Tensor:
    """[N, C, H, W] -> a view of its windows, `TILE` apart: [size, size, N, rows, columns, C]."""
    count, channels, height, width = images.shape
    image, channel, row, column = images.stride()
    rows, columns = (height - size) // TILE + 1, (width - size) // TILE + 1
    shape = (size, size, count, rows, columns, channels)
    steps = (row, column, image, TILE * row, TILE * column, channel)
    return images.as_strided(shape, steps, images.storage_offset())


def _square(rows: tuple[tuple[float, ...], ...], like: Tensor) -> Tensor:
    matrix = torch.tensor(rows, dtype=like.dtype, device=like.device)
    return torch.kron(matrix, matrix)


def _parts(count: int, numbers_per_image: int) -> list[slice]:
    """Images in parts of one size: an image must not depend on what is beside it, nor on its place."""
    most = max(1, _PART * TILE**2 // (numbers_per_image * (TILE + 2) ** 2))
    size = max(size for size in range(1, min(most, count) + 1) if count % size == 0)
    return [slice(start, start + size) for start in range(0, count, size)]


def _num_threads(parts: Sequence[slice]) -> int:
    """As many as torch has; one where a gradient of this very computation is wanted, or it is watched."""
    alone = torch.is_grad_enabled() or is_in_torch_dispatch_mode()
    return 1 if alone else max(1, min(torch.get_num_threads(), len(parts)))


def _on_threads(work: Callable[[Iterable[slice]], Result], shares: Sequence[Iterable[slice]]) -> list[Result]:
    """Let each thread work on its share, with operations that stay on that thread."""
    if len(shares) == 1:
        return [work(shares[0])]
    threads, inferring = torch.get_num_threads(), torch.is_inference_mode_enabled()

    def alone(share: Iterable[slice]) -> Result:
        torch.set_num_threads(1)
        with torch.inference_mode(inferring), torch.no_grad():
            return work(share)

    with ThreadPoolExecutor(len(shares)) as pool:  # made anew, a tenth of a millisecond: a fork keeps none
        results = list(pool.map(alone, shares))
    torch.set_num_threads(threads)  # for threads yet to start; this one never had another number
    return results
