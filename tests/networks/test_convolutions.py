"""Every fast convolution against the plain one, torch's, scipy's, and finite differences."""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import correlate2d
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gpu.launches import Launches
from projgan.networks import convolutions, winograd
from projgan.networks.convolutions import (
    PLAIN,
    WINOGRAD_CHANNELS,
    Convolution,
    conv2d,
    conv2d_downsample,
    downsample,
    folding,
    plain_conv2d,
    upsample,
    upsample_conv2d,
)
from projgan.networks.layers import Conv3x3, UpsampleConv2d
from projgan.networks.spectral_norm import SpectralNormConv2d, SpectralNormConv2dDownsample

F64 = torch.float64


def repeated(images: Tensor) -> Tensor:
    return images.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def averaged(images: Tensor) -> Tensor:
    corners = [images[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return sum(corners) / 4


def test_upsample_repeats_and_downsample_averages_pixels() -> None:
    small = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    large = torch.tensor(
        [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0], [3.0, 3.0, 4.0, 4.0]]]]
    )
    torch.testing.assert_close(upsample(small), large, rtol=0, atol=0)
    rows = torch.arange(16.0).view(1, 1, 4, 4)
    expected = torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]])
    torch.testing.assert_close(downsample(rows), expected, rtol=0, atol=0)


FOLDED = {
    "upsample": (upsample_conv2d, lambda x, w, b: F.conv2d(repeated(x), w, b, padding=1)),
    "downsample": (conv2d_downsample, lambda x, w, b: averaged(F.conv2d(x, w, b, padding=1))),
}


@pytest.mark.parametrize(("change", "launches"), [("upsample", 4), ("downsample", 2)])
def test_kernels_are_folded_by_one_product(change: str, launches: int) -> None:
    """And a convolution; upsampling reads a kernel in another order and writes it in another."""
    weight = torch.randn(6, 5, 3, 3).contiguous(memory_format=torch.channels_last)
    images = torch.randn(2, 5, 4, 4).contiguous(memory_format=torch.channels_last)
    FOLDED[change][0](images, weight, None)
    with Launches("cpu") as counter:
        FOLDED[change][0](images, weight, None)
    assert counter.launches == launches, counter.counts


def test_what_folds_is_made_for_gradients_also_by_who_wants_none() -> None:
    images, weight, bias = leaves(F64, 2, 3, 5, 4, 4)
    folding.cache_clear()
    with torch.inference_mode():
        upsample_conv2d(images, weight, bias)
    upsample_conv2d(images, weight, bias).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize("name", FOLDED)
@pytest.mark.parametrize(("dtype", "tolerance"), [(F64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4, 6), (1, 1, 1, 2, 2), (3, 16, 8, 8, 8), (2, 7, 2, 16, 2)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_folded_convolutions_equal_the_two_steps_they_replace(
    name: str, dtype: torch.dtype, tolerance: float, shape: tuple[int, ...], with_bias: bool
) -> None:
    folded, plain = FOLDED[name]
    count, inputs, outputs, height, width = shape
    images = torch.randn(count, inputs, height, width, dtype=dtype, requires_grad=True)
    weight = torch.randn(outputs, inputs, 3, 3, dtype=dtype, requires_grad=True)
    bias = torch.randn(outputs, dtype=dtype, requires_grad=True) if with_bias else None
    leaves = [images, weight] + ([bias] if with_bias else [])
    expected, found = plain(images, weight, bias), folded(images, weight, bias)
    assert found.shape == expected.shape
    direction = torch.randn_like(expected)
    pairs = [(found, expected)]
    pairs += zip(
        torch.autograd.grad(found, leaves, direction),
        torch.autograd.grad(expected, leaves, direction),
        strict=True,
    )
    for ours, theirs in pairs:
        scale = theirs.abs().max().item()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("name", FOLDED)
def test_folded_convolutions_equal_scipy(name: str) -> None:
    """An oracle without torch: correlations one channel at a time, zeros beyond the border."""
    draws = np.random.default_rng(0)
    images, weight = draws.normal(size=(2, 3, 4, 6)), draws.normal(size=(5, 3, 3, 3))
    before = images.repeat(2, axis=2).repeat(2, axis=3) if name == "upsample" else images
    maps = np.array(
        [
            [sum(correlate2d(a, b, mode="same") for a, b in zip(x, w, strict=True)) for w in weight]
            for x in before
        ]
    )
    if name == "downsample":
        maps = maps.reshape(2, 5, 2, 2, 3, 2).mean(axis=(3, 5))
    found = FOLDED[name][0](torch.from_numpy(images), torch.from_numpy(weight), None)
    np.testing.assert_allclose(found.numpy(), maps, rtol=0, atol=1e-12)


def test_upsample_conv_layer_is_the_function_with_its_own_weight_and_bias() -> None:
    layer = UpsampleConv2d(3, 4).double()
    images = torch.randn(2, 3, 5, 5, dtype=F64)
    expected = F.conv2d(repeated(images), layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(images), expected, rtol=0, atol=1e-12)


def test_a_1x1_convolution_commutes_with_resampling() -> None:
    conv = nn.Conv2d(3, 5, 1).double()
    images = torch.randn(2, 3, 6, 4, dtype=F64)
    torch.testing.assert_close(upsample(conv(images)), conv(repeated(images)), rtol=0, atol=1e-13)
    torch.testing.assert_close(conv(downsample(images)), averaged(conv(images)), rtol=0, atol=1e-13)


def leaves(dtype: torch.dtype, *shape: int) -> list[Tensor]:
    """Images, weight and bias for [count, inputs, outputs, height, width], of size near 1 after the layer."""
    count, inputs, outputs, height, width = shape
    images = torch.randn(count, inputs, height, width, dtype=F64)
    weight = torch.randn(outputs, inputs, 3, 3, dtype=F64) / (3 * inputs**0.5)
    bias = torch.randn(outputs, dtype=F64)
    return [tensor.to(dtype).requires_grad_() for tensor in (images, weight, bias)]


def relative_error(found: Tensor, expected: Tensor) -> float:
    return ((found.double() - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize(
    "shape", [(2, 3, 5, 4, 8), (1, 1, 1, 4, 4), (3, 100, 97, 8, 12), (9, 128, 128, 16, 16)]
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(F64, 1e-13), (torch.float32, 1e-5)])
@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
def test_winograd_equals_the_direct_convolution_in_outputs_and_gradients(
    shape: tuple[int, ...], dtype: torch.dtype, tolerance: float, memory: torch.memory_format
) -> None:
    images, weight, bias = leaves(dtype, *shape)
    exact = [tensor.detach().double().requires_grad_() for tensor in (images, weight, bias)]
    expected = F.conv2d(*exact, padding=1)
    found = winograd.conv2d(images.contiguous(memory_format=memory), weight, bias)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert relative_error(found, expected) < tolerance
    direction = torch.randn_like(expected).contiguous(memory_format=memory)
    gradients = torch.autograd.grad(found, [images, weight, bias], direction.to(dtype))
    for ours, theirs in zip(gradients, torch.autograd.grad(expected, exact, direction), strict=True):
        assert relative_error(ours, theirs) < tolerance


def test_winograd_without_bias_and_with_gradients_of_some_inputs_only() -> None:
    images, weight, _ = leaves(F64, 2, 3, 5, 8, 4)
    expected = F.conv2d(images, weight, padding=1)
    found = winograd.conv2d(images, weight.detach(), None)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    direction = torch.randn_like(expected)
    (ours,) = torch.autograd.grad(found, [images], direction)
    (theirs,) = torch.autograd.grad(expected, [images], direction)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-13)


def test_gradients_of_winograd_are_those_of_finite_differences_twice() -> None:
    """Gradient penalties differentiate a gradient."""
    inputs = leaves(F64, 1, 2, 3, 4, 8)
    assert torch.autograd.gradcheck(winograd.conv2d, inputs)
    assert torch.autograd.gradgradcheck(winograd.conv2d, inputs)


def test_winograd_in_parts_of_the_images_is_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    images, weight, bias = leaves(F64, 8, 3, 5, 4, 8)
    expected = winograd.conv2d(images, weight, bias)
    gradients = torch.autograd.grad(expected.square().sum(), [images, weight, bias])
    monkeypatch.setattr(winograd, "_PART", 3 * 3 * 4 * 8 * 36 // 16)
    # Three images would fit, but parts of eight are to be of one size.
    assert winograd._parts(8, 3 * 4 * 8) == [slice(start, start + 2) for start in (0, 2, 4, 6)]
    found = winograd.conv2d(images, weight, bias)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    in_parts = torch.autograd.grad(found.square().sum(), [images, weight, bias])
    for ours, theirs in zip(in_parts, gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One image a part; afterwards torch has as many threads as before."""
    monkeypatch.setattr(winograd, "_PART", 1)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def by_threads(count: int) -> tuple[list[Tensor], set[int]]:
    """Result and gradients in float32 on so many of torch's threads, and which threads computed them."""
    torch.manual_seed(0)
    torch.set_num_threads(count)
    images, weight, bias = leaves(torch.float32, 7, 16, 24, 8, 8)
    seen: set[int] = set()
    transform = winograd._transform_input

    def watched(images: Tensor) -> Tensor:
        assert torch.get_num_threads() == 1
        seen.add(threading.get_ident())
        time.sleep(0.01)  # or one thread might be done before the other has begun
        return transform(images)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "_transform_input", watched)
        found = winograd.conv2d(images, weight, bias)
        gradients = torch.autograd.grad(found, [images, weight, bias], torch.randn_like(found))
    return [found, *gradients], seen


@pytest.mark.usefixtures("in_parts")
def test_threads_share_the_images_and_change_nothing() -> None:
    (alone, one), (together, three) = by_threads(1), by_threads(3)
    assert one == {threading.get_ident()}
    assert len(three) >= 3  # of each of three passes, at least in the first one
    assert threading.get_ident() not in three
    for ours, theirs in zip(together, alone, strict=True):
        assert relative_error(ours, theirs.double()) < 1e-5
    for number in (0, 1):  # the images and their gradients are each computed for itself, whoever does it
        assert torch.equal(together[number], alone[number])


@pytest.mark.usefixtures("in_parts")
def test_threads_leave_the_number_of_threads_as_it_was() -> None:
    by_threads(2)
    assert torch.get_num_threads() == 2
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 2


@pytest.mark.usefixtures("in_parts")
def test_threads_infer_where_the_caller_does() -> None:
    torch.set_num_threads(2)
    with torch.inference_mode():
        images, weight = torch.randn(4, 3, 4, 4), torch.randn(5, 3, 3, 3)
        found = winograd.conv2d(images, weight, None)
    torch.testing.assert_close(found, F.conv2d(images, weight, padding=1), rtol=0, atol=1e-4)


@pytest.mark.usefixtures("in_parts")
def test_gradients_of_gradients_pass_through_threads_too() -> None:
    torch.set_num_threads(2)
    images, weight, bias = leaves(F64, 3, 2, 3, 4, 4)
    found = []
    for convolve in (winograd.conv2d, plain_conv2d):
        torch.manual_seed(0)
        outputs = convolve(images, weight, bias)
        (slope,) = torch.autograd.grad(outputs.square().sum(), images, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), [images, weight, bias]))
    for ours, theirs in zip(*found, strict=True):
        assert relative_error(ours, theirs) < 1e-12


@pytest.mark.usefixtures("in_parts")
def test_who_watches_operations_sees_all_of_them() -> None:
    torch.set_num_threads(2)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        winograd.conv2d(torch.randn(4, 3, 4, 4), torch.randn(5, 3, 3, 3), None)
    # 36 products of a row of 3 and a matrix of 5 columns an image, and the transforms.
    kernel, images, pixels = 36 * 9 * 3 * 5, 4 * 36 * 36 * 3, 4 * 16 * 36 * 5
    assert counter.get_total_flops() == 2 * (kernel + images + 4 * 36 * 3 * 5 + pixels)


def used(
    monkeypatch: pytest.MonkeyPatch, channels: int, height: int = 8, products: int = 0, tiles: int = 0
) -> str:
    calls = []
    monkeypatch.setattr(winograd, "conv2d", lambda *inputs: calls.append("winograd"))
    monkeypatch.setattr(convolutions, "WINOGRAD_PRODUCTS", products)
    monkeypatch.setattr(convolutions, "WINOGRAD_TILES", tiles)
    conv2d(torch.zeros(1, channels, height, 8), torch.zeros(channels, channels, 3, 3), None)
    return calls[0] if calls else "direct"


@pytest.mark.usefixtures("in_parts")
def test_winograd_is_used_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert used(monkeypatch, WINOGRAD_CHANNELS) == "winograd"
    assert used(monkeypatch, WINOGRAD_CHANNELS - 1) == "direct"
    assert used(monkeypatch, WINOGRAD_CHANNELS, height=6) == "direct"
    products = 8 * 8 * WINOGRAD_CHANNELS**2 * 9
    for threads in (1, 2):
        torch.set_num_threads(threads)
        assert used(monkeypatch, WINOGRAD_CHANNELS, products=products // threads) == "winograd"
        assert used(monkeypatch, WINOGRAD_CHANNELS, products=products // threads + 1) == "direct"
        assert used(monkeypatch, WINOGRAD_CHANNELS, tiles=4 // threads) == "winograd"
        assert used(monkeypatch, WINOGRAD_CHANNELS, tiles=4 // threads + 1) == "direct"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert used(monkeypatch, WINOGRAD_CHANNELS) == "direct"


@pytest.mark.parametrize("fast", PLAIN)
def test_every_convolution_equals_its_plain_form(fast: Convolution) -> None:
    size = 1 if "1x1" in fast.__name__ else 3
    images = torch.randn(2, 100, 8, 8, dtype=F64)
    weight, bias = torch.randn(96, 100, size, size, dtype=F64), torch.randn(96, dtype=F64)
    plain = PLAIN[fast](images, weight, bias)
    torch.testing.assert_close(fast(images, weight, bias), plain, rtol=0, atol=1e-11)


def test_layers_use_the_fast_convolutions() -> None:
    layers = [Conv3x3(2, 3), UpsampleConv2d(2, 3), SpectralNormConv2dDownsample(2, 3)]
    assert [layer.convolve for layer in layers] == [conv2d, upsample_conv2d, conv2d_downsample]
    assert SpectralNormConv2d(2, 3, 3).convolve is conv2d
    assert all(fast is not plain for fast, plain in itertools.islice(PLAIN.items(), 1, None))
    assert PLAIN[conv2d] is plain_conv2d
