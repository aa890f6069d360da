"""Triton kernels for spectral normalisation of many weights of one shape: three forward, two back.

Weights are [count, rows, columns], in memory one after another; everything is float32. Each program finds for
itself what it needs of a whole vector, for that is cheaper than another launch.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# ruff: noqa: N803

import triton
import triton.language as tl


@triton.jit
def times_left(weights, u, product, rows, columns, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr):
    """W'u: programs are [count, columns]."""
    which = tl.program_id(0)
    column = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = column < columns
    total = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    for begin in range(0, rows, BLOCK_R):
        row = begin + tl.arange(0, BLOCK_R)
        within = (row < rows)[:, None] & known[None, :]
        tile = tl.load(
            weights + (which * rows + row)[:, None] * columns + column[None, :], mask=within, other=0
        )
        total += tile * tl.load(u + which * rows + row, mask=row < rows, other=0)[:, None]
    tl.store(product + which * columns + column, tl.sum(total, axis=0), mask=known)


@triton.jit
def times_right(
    weights, left, v, product, rows, columns, epsilon, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr
):
    """v = W'u / |W'u|, which the first program of a weight keeps, and Wv: programs are [count, rows]."""
    which, block = tl.program_id(0), tl.program_id(1)
    row = block * BLOCK_R + tl.arange(0, BLOCK_R)
    known = row < rows
    total = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    squares = tl.zeros([BLOCK_C], dtype=tl.float32)
    for begin in range(0, columns, BLOCK_C):
        column = begin + tl.arange(0, BLOCK_C)
        within = known[:, None] & (column < columns)[None, :]
        tile = tl.load(
            weights + (which * rows + row)[:, None] * columns + column[None, :], mask=within, other=0
        )
        entry = tl.load(left + which * columns + column, mask=column < columns, other=0)
        total += tile * entry[None, :]
        squares += entry * entry
    length = tl.maximum(tl.sqrt_rn(tl.sum(squares, axis=0)), epsilon)
    tl.store(product + which * rows + row, tl.sum(total, axis=1) / length, mask=known)
    if block == 0:
        for begin in range(0, columns, BLOCK_C):
            column = begin + tl.arange(0, BLOCK_C)
            entry = tl.load(left + which * columns + column, mask=column < columns, other=0)
            tl.store(v + which * columns + column, entry / length, mask=column < columns)


@triton.jit
def divide(
    weights, product, u, kept, sigma, result, rows, columns,
    BLOCK_ALL: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """sigma = |Wv|, u = Wv / sigma in two places, and W / sigma: programs are [count, rows, columns]."""
    which, block, across = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    entries = tl.arange(0, BLOCK_ALL)
    whole = tl.load(product + which * rows + entries, mask=entries < rows, other=0)
    length = tl.sqrt_rn(tl.sum(whole * whole, axis=0))
    if (block == 0) & (across == 0):
        tl.store(u + which * rows + entries, whole / length, mask=entries < rows)
        tl.store(kept + which * rows + entries, whole / length, mask=entries < rows)
        tl.store(sigma + which, length)
    row = block * BLOCK_R + tl.arange(0, BLOCK_R)
    column = across * BLOCK_C + tl.arange(0, BLOCK_C)
    within = (row < rows)[:, None] & (column < columns)[None, :]
    place = (which * rows + row)[:, None] * columns + column[None, :]
    tl.store(result + place, tl.load(weights + place, mask=within, other=0) / length, mask=within)


@triton.jit
def inner_products(gradient, normalized, partial, numbers, chunk_size, BLOCK: tl.constexpr):
    """Sums over chunks of gradient times normalised weight: programs are [count, chunks]."""
    which, chunk = tl.program_id(0), tl.program_id(1)
    total = tl.zeros([BLOCK], dtype=tl.float32)
    last = tl.minimum((chunk + 1) * chunk_size, numbers)
    for begin in range(chunk * chunk_size, last, BLOCK):
        entry = begin + tl.arange(0, BLOCK)
        place = which * numbers + entry
        product = tl.load(gradient + place, mask=entry < last, other=0)
        total += product * tl.load(normalized + place, mask=entry < last, other=0)
    tl.store(partial + which * tl.num_programs(1) + chunk, tl.sum(total, axis=0))


@triton.jit
def divide_backward(
    gradient, partial, u, v, sigma, result, rows, columns, chunks,
    BLOCK_ALL: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """(G - <G, W / sigma> u v') / sigma: programs are [count, rows, columns]."""
    which = tl.program_id(0)
    entries = tl.arange(0, BLOCK_ALL)
    inner = tl.sum(tl.load(partial + which * chunks + entries, mask=entries < chunks, other=0), axis=0)
    row = tl.program_id(1) * BLOCK_R + tl.arange(0, BLOCK_R)
    column = tl.program_id(2) * BLOCK_C + tl.arange(0, BLOCK_C)
    within = (row < rows)[:, None] & (column < columns)[None, :]
    place = (which * rows + row)[:, None] * columns + column[None, :]
    left = tl.load(u + which * rows + row, mask=row < rows, other=0)
    right = tl.load(v + which * columns + column, mask=column < columns, other=0)
    found = tl.load(gradient + place, mask=within, other=0) - (inner * left)[:, None] * right[None, :]
    tl.store(result + place, found / tl.load(sigma + which), mask=within)
