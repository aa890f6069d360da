"""Triton kernels for spectral normalisation of all weights of a network: three forward, two back.

Weights [rows, columns], of any shapes, lie in memory one after another, and so do vectors of a number a row
or a number a column; everything is float32. `places` says of each weight where its numbers, its rows, its
columns and its sums begin, and how many rows and columns it has. A program finds in `tiles` which weight it
works at and which part of it, and for itself what it needs of a whole vector, for that is cheaper than
another launch.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# ruff: noqa: N803

import triton
import triton.language as tl


@triton.jit
def _place(places, tiles):
    """Of this program's weight: its number and part, and what `places` says of it."""
    tile = tiles + 3 * tl.program_id(0)
    which, block, across = tl.load(tile), tl.load(tile + 1), tl.load(tile + 2)
    place = places + 6 * which
    numbers, rows_at, columns_at = tl.load(place), tl.load(place + 1), tl.load(place + 2)
    return which, block, across, numbers, rows_at, columns_at, tl.load(place + 4), tl.load(place + 5)


@triton.jit
def times_left(weights, u, product, places, tiles, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr):
    """W'u: tiles are of columns."""
    _, block, _, start, rows_at, columns_at, rows, columns = _place(places, tiles)
    column = block * BLOCK_C + tl.arange(0, BLOCK_C)
    known = column < columns
    total = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    for begin in range(0, rows, BLOCK_R):
        row = begin + tl.arange(0, BLOCK_R)
        within = (row < rows)[:, None] & known[None, :]
        tile = tl.load(weights + start + row[:, None] * columns + column[None, :], mask=within, other=0)
        total += tile * tl.load(u + rows_at + row, mask=row < rows, other=0)[:, None]
    tl.store(product + columns_at + column, tl.sum(total, axis=0), mask=known)


@triton.jit
def times_right(
    weights, left, v, product, places, tiles, epsilon, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr
):
    """v = W'u / |W'u|, which the first program of a weight keeps, and Wv: tiles are of rows."""
    _, block, _, start, rows_at, columns_at, rows, columns = _place(places, tiles)
    row = block * BLOCK_R + tl.arange(0, BLOCK_R)
    known = row < rows
    total = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    squares = tl.zeros([BLOCK_C], dtype=tl.float32)
    for begin in range(0, columns, BLOCK_C):
        column = begin + tl.arange(0, BLOCK_C)
        within = known[:, None] & (column < columns)[None, :]
        tile = tl.load(weights + start + row[:, None] * columns + column[None, :], mask=within, other=0)
        entry = tl.load(left + columns_at + column, mask=column < columns, other=0)
        total += tile * entry[None, :]
        squares += entry * entry
    length = tl.maximum(tl.sqrt_rn(tl.sum(squares, axis=0)), epsilon)
    tl.store(product + rows_at + row, tl.sum(total, axis=1) / length, mask=known)
    if block == 0:
        for begin in range(0, columns, BLOCK_C):
            column = begin + tl.arange(0, BLOCK_C)
            entry = tl.load(left + columns_at + column, mask=column < columns, other=0)
            tl.store(v + columns_at + column, entry / length, mask=column < columns)


@triton.jit
def divide(
    weights, product, u, sigma, result, places, tiles,
    BLOCK_ALL: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """sigma = |Wv|, u = Wv / sigma, and W / sigma: tiles are of rows and columns."""
    which, block, across, start, rows_at, _, rows, columns = _place(places, tiles)
    entries = tl.arange(0, BLOCK_ALL)
    whole = tl.load(product + rows_at + entries, mask=entries < rows, other=0)
    length = tl.sqrt_rn(tl.sum(whole * whole, axis=0))
    if (block == 0) & (across == 0):
        tl.store(u + rows_at + entries, whole / length, mask=entries < rows)
        tl.store(sigma + which, length)
    row = block * BLOCK_R + tl.arange(0, BLOCK_R)
    column = across * BLOCK_C + tl.arange(0, BLOCK_C)
    within = (row < rows)[:, None] & (column < columns)[None, :]
    place = start + row[:, None] * columns + column[None, :]
    tl.store(result + place, tl.load(weights + place, mask=within, other=0) / length, mask=within)


@triton.jit
def inner_products(gradient, normalized, partial, places, tiles, CHUNK: tl.constexpr, BLOCK: tl.constexpr):
    """Sums over chunks of gradient times normalised weight: tiles are of chunks."""
    which, chunk, _, start, _, _, rows, columns = _place(places, tiles)
    total = tl.zeros([BLOCK], dtype=tl.float32)
    last = tl.minimum((chunk + 1) * CHUNK, rows * columns)
    for begin in range(chunk * CHUNK, last, BLOCK):
        entry = begin + tl.arange(0, BLOCK)
        product = tl.load(gradient + start + entry, mask=entry < last, other=0)
        total += product * tl.load(normalized + start + entry, mask=entry < last, other=0)
    sums_at = tl.load(places + 6 * which + 3)
    tl.store(partial + sums_at + chunk, tl.sum(total, axis=0))


@triton.jit
def divide_backward(
    gradient, partial, u, v, sigma, result, places, tiles,
    CHUNK: tl.constexpr, BLOCK_ALL: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """(G - <G, W / sigma> u v') / sigma: tiles are of rows and columns."""
    which, block, across, start, rows_at, columns_at, rows, columns = _place(places, tiles)
    entries = tl.arange(0, BLOCK_ALL)
    chunks = (rows * columns + CHUNK - 1) // CHUNK
    sums = partial + tl.load(places + 6 * which + 3)
    inner = tl.sum(tl.load(sums + entries, mask=entries < chunks, other=0), axis=0)
    row = block * BLOCK_R + tl.arange(0, BLOCK_R)
    column = across * BLOCK_C + tl.arange(0, BLOCK_C)
    within = (row < rows)[:, None] & (column < columns)[None, :]
    place = start + row[:, None] * columns + column[None, :]
    left = tl.load(u + rows_at + row, mask=row < rows, other=0)
    right = tl.load(v + columns_at + column, mask=column < columns, other=0)
    found = tl.load(gradient + place, mask=within, other=0) - (inner * left)[:, None] * right[None, :]
    tl.store(result + place, found / tl.load(sigma + which), mask=within)
