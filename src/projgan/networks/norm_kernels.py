"""Triton kernels for a norm, gain, bias and ReLU: each map is read once and written once.

Torch's own take types that differ, and a bias along channels, number by number: on an H200 at a fifth of the
rate of a copy. Maps are [rows, channels] here, in the order of memory that `torch.channels_last` gives: a row
is one pixel of one image. Numbers are float32 inside, whatever the maps are. No sum is taken in an order that
chance decides, so the same input gives the same bits. ReLU is a choice, not a maximum, so that NaN stays NaN.
"""

# Triton reads the body of a kernel: `~` and bare names are its own.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# ruff: noqa: N803

import triton
import triton.language as tl


@triton.jit
def moments(maps, partial, rows, channels, count, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr):
    """Of each channel in one chunk of the rows of a part: the sum of x - p and of its square.

    p is the part's first row, near enough to the mean that the squares do not cancel. Programs are
    [channels, chunks, parts]; `partial` is [parts, chunks, 2, channels]; a chunk has `count` rows.
    """
    channel = tl.program_id(0) * BLOCK_C + tl.arange(0, BLOCK_C)
    chunk, part = tl.program_id(1), tl.program_id(2)
    known = channel < channels
    start = maps + part.to(tl.int64) * rows * channels
    pivot = tl.load(start + channel, mask=known, other=0).to(tl.float32)
    first = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    second = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    last = tl.minimum((chunk + 1) * count, rows)
    for begin in range(chunk * count, last, BLOCK_R):
        row = begin + tl.arange(0, BLOCK_R)
        within = (row < last)[:, None] & known[None, :]
        place = row.to(tl.int64)[:, None] * channels + channel[None, :]
        number = tl.load(start + place, mask=within, other=0).to(tl.float32)
        number = tl.where(within, number - pivot[None, :], 0.0)
        first += number
        second += number * number
    to = partial + (part * tl.num_programs(1) + chunk) * 2 * channels + channel
    tl.store(to, tl.sum(first, axis=0), mask=known)
    tl.store(to + channels, tl.sum(second, axis=0), mask=known)


@triton.jit
def statistics(
    maps, partial, shift, mean, variance, running_mean, running_variance, momentum,
    rows, channels, numbers, chunks, parts,
    SHIFTED: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Mean and variance [parts, channels] from `moments`, and the running ones, moved part by part.

    `shift` is what the maps lack of their bias; only the running mean knows of it. A part has `numbers`.
    """
    channel = tl.program_id(0) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = channel < channels
    chunk = tl.arange(0, BLOCK_K)
    within = (chunk < chunks)[:, None] & known[None, :]
    moving_mean = tl.load(running_mean + channel, mask=known, other=0).to(tl.float32)
    moving_variance = tl.load(running_variance + channel, mask=known, other=0).to(tl.float32)
    bias = tl.zeros([BLOCK_C], dtype=tl.float32)
    if SHIFTED:
        bias = tl.load(shift + channel, mask=known, other=0).to(tl.float32)
    pivots = maps + channel
    for part in range(parts):
        place = partial + (part * chunks + chunk)[:, None] * 2 * channels + channel[None, :]
        first = tl.sum(tl.load(place, mask=within, other=0), axis=0) / rows
        second = tl.sum(tl.load(place + channels, mask=within, other=0), axis=0) / rows
        found = tl.load(pivots, mask=known, other=0).to(tl.float32) + first
        pivots += numbers
        spread = second - first * first
        spread = tl.where(spread < 0, 0.0, spread)
        tl.store(mean + part * channels + channel, found, mask=known)
        tl.store(variance + part * channels + channel, spread, mask=known)
        moving_mean += momentum * (found + bias - moving_mean)
        moving_variance += momentum * (spread * (rows / (rows - 1.0)) - moving_variance)
    tl.store(running_mean + channel, moving_mean, mask=known)
    tl.store(running_variance + channel, moving_variance, mask=known)


@triton.jit
def _affine(image, part, channel, known, gain, bias, mean, variance, epsilon, channels, stride):
    """Of an image: its factor and offset, and its part's mean and 1 / deviation."""
    middle = tl.load(mean + part * channels + channel, mask=known, other=0)
    scale = 1 / tl.sqrt_rn(tl.load(variance + part * channels + channel, mask=known, other=1) + epsilon)
    factor = tl.load(gain + image * stride + channel, mask=known, other=0).to(tl.float32) * scale
    offset = tl.load(bias + image * stride + channel, mask=known, other=0).to(tl.float32) - middle * factor
    return factor, offset, middle, scale


@triton.jit
def normalize_rectify(
    maps, result, gain, bias, mean, variance, epsilon, pixels, channels, stride, images_of_part,
    BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """max(0, x a + c): programs are [pixels, images, channels]; gain and bias [N, channels] or one row."""
    image = tl.program_id(1)
    channel = tl.program_id(2) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = channel < channels
    factor, offset, _, _ = _affine(
        image, image // images_of_part, channel, known, gain, bias, mean, variance, epsilon, channels, stride
    )
    pixel = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    within = (pixel < pixels)[:, None] & known[None, :]
    place = (image.to(tl.int64) * pixels + pixel)[:, None] * channels + channel[None, :]
    number = tl.load(maps + place, mask=within, other=0).to(tl.float32)
    number = number * factor[None, :] + offset[None, :]
    number = tl.where(number < 0, 0.0, number)
    tl.store(result + place, number.to(result.dtype.element_ty), mask=within)


@triton.jit
def gradient_sums(
    maps, gradient, for_bias, for_gain, gain, bias, mean, variance, epsilon,
    pixels, channels, stride, images_of_part, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Of each image and channel, over pixels: what passes the ReLU, and that times x - mean."""
    image = tl.program_id(0)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = channel < channels
    factor, offset, middle, _ = _affine(
        image, image // images_of_part, channel, known, gain, bias, mean, variance, epsilon, channels, stride
    )
    passed_sum = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    product_sum = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    for begin in range(0, pixels, BLOCK_R):
        pixel = begin + tl.arange(0, BLOCK_R)
        within = (pixel < pixels)[:, None] & known[None, :]
        place = (image.to(tl.int64) * pixels + pixel)[:, None] * channels + channel[None, :]
        number = tl.load(maps + place, mask=within, other=0).to(tl.float32)
        passed = tl.load(gradient + place, mask=within, other=0).to(tl.float32)
        passed = tl.where(number * factor[None, :] + offset[None, :] <= 0, 0.0, passed)
        passed_sum += passed
        product_sum += passed * (number - middle[None, :])
    tl.store(for_bias + image * channels + channel, tl.sum(passed_sum, axis=0), mask=known)
    tl.store(for_gain + image * channels + channel, tl.sum(product_sum, axis=0), mask=known)


@triton.jit
def slopes(
    for_bias, for_gain, gain, mean, variance, slope, constant, epsilon, numbers, channels, stride,
    images_of_part, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """How the gradient of a part's maps depends on them through mean and variance; scales `for_gain`.

    Programs are [parts, channels]; `numbers` are those of one channel of a part.
    """
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    part = tl.program_id(0)
    known = channel < channels
    middle = tl.load(mean + part * channels + channel, mask=known, other=0)
    scale = 1 / tl.sqrt_rn(tl.load(variance + part * channels + channel, mask=known, other=1) + epsilon)
    of_gain = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    of_bias = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    for begin in range(0, images_of_part, BLOCK_R):
        index = begin + tl.arange(0, BLOCK_R)
        within = (index < images_of_part)[:, None] & known[None, :]
        image = part * images_of_part + index
        place = image[:, None] * channels + channel[None, :]
        times = tl.load(gain + image[:, None] * stride + channel[None, :], mask=within, other=0)
        scaled = tl.load(for_gain + place, mask=within, other=0) * scale[None, :]
        tl.store(for_gain + place, scaled, mask=within)
        times = times.to(tl.float32)
        of_gain += times * scaled
        of_bias += times * tl.load(for_bias + place, mask=within, other=0)
    found = -scale * scale * tl.sum(of_gain, axis=0) / numbers
    tl.store(slope + part * channels + channel, found, mask=known)
    found = -scale * tl.sum(of_bias, axis=0) / numbers - middle * found
    tl.store(constant + part * channels + channel, found, mask=known)


@triton.jit
def normalize_rectify_backward(
    maps, gradient, result, gain, bias, mean, variance, slope, constant, epsilon,
    pixels, channels, stride, images_of_part, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """What passes the ReLU times a, plus x times the slope of its part, plus a constant of it."""
    image = tl.program_id(1)
    part = image // images_of_part
    channel = tl.program_id(2) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = channel < channels
    factor, offset, _, _ = _affine(
        image, part, channel, known, gain, bias, mean, variance, epsilon, channels, stride
    )
    rise = tl.load(slope + part * channels + channel, mask=known, other=0)
    level = tl.load(constant + part * channels + channel, mask=known, other=0)
    pixel = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    within = (pixel < pixels)[:, None] & known[None, :]
    place = (image.to(tl.int64) * pixels + pixel)[:, None] * channels + channel[None, :]
    number = tl.load(maps + place, mask=within, other=0).to(tl.float32)
    passed = tl.load(gradient + place, mask=within, other=0).to(tl.float32)
    passed = tl.where(number * factor[None, :] + offset[None, :] <= 0, 0.0, passed)
    found = passed * factor[None, :] + number * rise[None, :] + level[None, :]
    tl.store(result + place, found.to(result.dtype.element_ty), mask=within)
