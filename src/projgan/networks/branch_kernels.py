"""Triton kernels for where a block of the discriminator parts: its ReLU, and what its shortcut sees.

Maps are [rows, channels] in memory, a row a pixel. Where HALVES, a program has rows of the halved map, of
`width` pixels a line, and the four pixels under each.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# ruff: noqa: N803

import triton
import triton.language as tl


@triton.jit
def _corner(row, channel, channels, width):
    """Where the first of the four pixels under each row of the halved map lies."""
    corner = (row // width).to(tl.int64) * 4 * width + 2 * (row % width)
    return corner[:, None] * channels + channel[None, :]


@triton.jit
def _rectify(maps, rectified, place, within):
    """max(0, x) of one pixel of each row, which is returned as it was; what is no number stays none."""
    number = tl.load(maps + place, mask=within, other=0)
    tl.store(
        rectified + place, tl.where(number <= 0, 0.0, number).to(rectified.dtype.element_ty), mask=within
    )
    return number.to(tl.float32)


@triton.jit
def branch(
    maps, rectified, halved, rows, channels, width,
    HALVES: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """max(0, x), and the mean of each four pixels of x: programs are [rows, channels]."""
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    row = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    within = (row < rows)[:, None] & (channel < channels)[None, :]
    small = row.to(tl.int64)[:, None] * channels + channel[None, :]
    if HALVES:
        large = _corner(row, channel, channels, width)
        below = large + 2 * width * channels
        total = _rectify(maps, rectified, large, within)
        total += _rectify(maps, rectified, large + channels, within)
        total += _rectify(maps, rectified, below, within)
        total += _rectify(maps, rectified, below + channels, within)
        tl.store(halved + small, (total / 4).to(halved.dtype.element_ty), mask=within)
    else:
        _rectify(maps, rectified, small, within)


@triton.jit
def _join(rectified, gradient, added, result, place, within):
    """What passes the ReLU at one pixel of each row, plus what came by the shortcut."""
    passed = tl.load(gradient + place, mask=within, other=0).to(tl.float32)
    passed = tl.where(tl.load(rectified + place, mask=within, other=0) <= 0, 0.0, passed)
    tl.store(result + place, (passed + added).to(result.dtype.element_ty), mask=within)


@triton.jit
def branch_backward(
    rectified, gradient, beside, result, rows, channels, width,
    HALVES: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """The gradient of x from those of both: programs are [rows, channels]."""
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    row = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    within = (row < rows)[:, None] & (channel < channels)[None, :]
    small = row.to(tl.int64)[:, None] * channels + channel[None, :]
    added = tl.load(beside + small, mask=within, other=0).to(tl.float32)
    if HALVES:
        large = _corner(row, channel, channels, width)
        below = large + 2 * width * channels
        _join(rectified, gradient, added / 4, result, large, within)
        _join(rectified, gradient, added / 4, result, large + channels, within)
        _join(rectified, gradient, added / 4, result, below, within)
        _join(rectified, gradient, added / 4, result, below + channels, within)
    else:
        _join(rectified, gradient, added, result, small, within)
