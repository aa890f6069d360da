"""Triton kernels for what follows a convolution: bias and ReLU, bias and shortcut, halving.

Laid out, summed and rectified as in `norm_kernels`.
"""

# Triton reads the body of a kernel: `~` and bare names are its own.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# ruff: noqa: N803

import triton
import triton.language as tl


@triton.jit
def add_rectify(maps, bias, result, rows, channels, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr):
    """max(0, x + b): programs are [rows, channels]."""
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = channel < channels
    row = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    within = (row < rows)[:, None] & known[None, :]
    place = row.to(tl.int64)[:, None] * channels + channel[None, :]
    added = tl.load(bias + channel, mask=known, other=0).to(tl.float32)
    number = tl.load(maps + place, mask=within, other=0).to(tl.float32)
    number += added[None, :]
    number = tl.where(number < 0, 0.0, number)
    tl.store(result + place, number.to(result.dtype.element_ty), mask=within)


@triton.jit
def add_rectify_backward(
    rectified, gradient, result, partial, rows, channels, count, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr
):
    """What passes the ReLU, and its sums over chunks of `count` rows: programs are [channels, chunks]."""
    channel = tl.program_id(0) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = channel < channels
    chunk = tl.program_id(1)
    total = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    last = tl.minimum((chunk + 1) * count, rows)
    for begin in range(chunk * count, last, BLOCK_R):
        row = begin + tl.arange(0, BLOCK_R)
        within = (row < last)[:, None] & known[None, :]
        place = row.to(tl.int64)[:, None] * channels + channel[None, :]
        passed = tl.load(gradient + place, mask=within, other=0)
        passed = tl.where(tl.load(rectified + place, mask=within, other=0) <= 0, 0.0, passed)
        tl.store(result + place, passed, mask=within)
        total += passed.to(tl.float32)
    tl.store(partial + chunk * channels + channel, tl.sum(total, axis=0), mask=known)


@triton.jit
def add_shortcut(
    maps, shortcut, bias, other_bias, result, rows, channels, height, width,
    DOUBLED: tl.constexpr, TWO: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """x + s + b, where s may have half the height and width, each pixel repeated; TWO biases or one."""
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = channel < channels
    row = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    within = (row < rows)[:, None] & known[None, :]
    place = row.to(tl.int64)[:, None] * channels + channel[None, :]
    below = place
    if DOUBLED:
        line, column = row // width, row % width
        half = (line // height * (height // 2) + line % height // 2) * (width // 2) + column // 2
        below = half.to(tl.int64)[:, None] * channels + channel[None, :]
    added = tl.load(bias + channel, mask=known, other=0).to(tl.float32)
    if TWO:
        added += tl.load(other_bias + channel, mask=known, other=0).to(tl.float32)
    number = tl.load(maps + place, mask=within, other=0).to(tl.float32)
    number += tl.load(shortcut + below, mask=within, other=0).to(tl.float32) + added[None, :]
    tl.store(result + place, number.to(result.dtype.element_ty), mask=within)


@triton.jit
def add_shortcut_backward(
    gradient, for_shortcut, partial, rows, channels, count, height, width,
    DOUBLED: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Sums of the gradient over chunks of rows; where DOUBLED, those are sums of four pixels, and kept."""
    channel = tl.program_id(0) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = channel < channels
    chunk = tl.program_id(1)
    total = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    last = tl.minimum((chunk + 1) * count, rows)
    for begin in range(chunk * count, last, BLOCK_R):
        row = begin + tl.arange(0, BLOCK_R)
        within = (row < last)[:, None] & known[None, :]
        if DOUBLED:
            line, column = row // width, row % width
            corner = line.to(tl.int64) * 4 * width + 2 * column
            place = corner[:, None] * channels + channel[None, :]
            below = place + 2 * width * channels
            found = tl.load(gradient + place, mask=within, other=0).to(tl.float32)
            found += tl.load(gradient + place + channels, mask=within, other=0).to(tl.float32)
            found += tl.load(gradient + below, mask=within, other=0).to(tl.float32)
            found += tl.load(gradient + below + channels, mask=within, other=0).to(tl.float32)
            to = row.to(tl.int64)[:, None] * channels + channel[None, :]
            tl.store(for_shortcut + to, found.to(for_shortcut.dtype.element_ty), mask=within)
        else:
            place = row.to(tl.int64)[:, None] * channels + channel[None, :]
            found = tl.load(gradient + place, mask=within, other=0).to(tl.float32)
        total += found
    tl.store(partial + chunk * channels + channel, tl.sum(total, axis=0), mask=known)


@triton.jit
def column_sums(partial, result, chunks, channels, copies, BLOCK_K: tl.constexpr, BLOCK_C: tl.constexpr):
    """[chunks, channels] -> their sums, so many times and in the type of the result."""
    channel = tl.program_id(0) * BLOCK_C + tl.arange(0, BLOCK_C)
    chunk = tl.arange(0, BLOCK_K)
    within = (chunk < chunks)[:, None] & (channel < channels)[None, :]
    part = tl.load(partial + chunk[:, None] * channels + channel[None, :], mask=within, other=0)
    total = tl.sum(part, axis=0)
    for copy in range(copies):
        place = result + copy * channels + channel
        tl.store(place, total.to(result.dtype.element_ty), mask=channel < channels)


@triton.jit
def halve(
    maps, result, rows, channels, width, UP: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr
):
    """The mean of each four pixels; UP: a quarter of each to all four. Rows, width: of the smaller map."""
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    row = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    within = (row < rows)[:, None] & (channel < channels)[None, :]
    small = row.to(tl.int64)[:, None] * channels + channel[None, :]
    line, column = row // width, row % width
    corner = line.to(tl.int64) * 4 * width + 2 * column
    large = corner[:, None] * channels + channel[None, :]
    below = large + 2 * width * channels
    if UP:
        number = (tl.load(maps + small, mask=within, other=0).to(tl.float32) / 4).to(result.dtype.element_ty)
        tl.store(result + large, number, mask=within)
        tl.store(result + large + channels, number, mask=within)
        tl.store(result + below, number, mask=within)
        tl.store(result + below + channels, number, mask=within)
    else:
        number = tl.load(maps + large, mask=within, other=0).to(tl.float32)
        number += tl.load(maps + large + channels, mask=within, other=0).to(tl.float32)
        number += tl.load(maps + below, mask=within, other=0).to(tl.float32)
        number += tl.load(maps + below + channels, mask=within, other=0).to(tl.float32)
        tl.store(result + small, (number / 4).to(result.dtype.element_ty), mask=within)
