"""Oracle: the similarity written out again in numpy with scipy's two-dimensional convolution."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation import diversity
from projgan.evaluation.diversity import ms_ssim, number_of_scales, within_class_ms_ssim
from projgan.evaluation.estimates import mean_of


def by_scipy(first: np.ndarray, second: np.ndarray, scales: int) -> float:
    """[C, H, W] each."""
    size = min(11, *first.shape[1:])
    places = np.arange(size) - (size - 1) / 2
    window = np.exp(-(places[:, None] ** 2 + places**2) / (2 * (1.5 * size / 11) ** 2))
    window /= window.sum()

    def blur(maps: np.ndarray) -> np.ndarray:
        return np.stack([convolve2d(channel, window, mode="valid") for channel in maps])

    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    weights /= weights.sum()
    product = 1.0
    for scale in range(scales):
        mu_1, mu_2 = blur(first), blur(second)
        var_1, var_2 = blur(first**2) - mu_1**2, blur(second**2) - mu_2**2
        contrast = (2 * (blur(first * second) - mu_1 * mu_2) + 58.5225) / (var_1 + var_2 + 58.5225)
        luminance = (2 * mu_1 * mu_2 + 6.5025) / (mu_1**2 + mu_2**2 + 6.5025)
        term = (luminance * contrast if scale == scales - 1 else contrast).mean()
        if scales == 1:
            return float(term)
        product *= max(term, 0.0) ** weights[scale]
        _, height, width = first.shape
        halves = [image[:, : height // 2 * 2, : width // 2 * 2] for image in (first, second)]
        first, second = (
            half.reshape(len(half), height // 2, 2, width // 2, 2).mean(axis=(2, 4)) for half in halves
        )
    return product


def related(shape: tuple[int, ...], noise: float) -> tuple[Tensor, Tensor]:
    """Smooth images, and the same with noise."""
    coarse = torch.rand(shape[0], shape[1], 4, 4, dtype=torch.float64)
    image = 255 * torch.nn.functional.interpolate(coarse, shape[2:], mode="bilinear")
    other = image + noise * torch.randn(shape, dtype=torch.float64)
    return image.floor().clamp(0, 255), other.floor().clamp(0, 255)


@pytest.mark.parametrize(
    ("height", "width", "scales"),
    [(8, 8, 1), (5, 9, 1), (11, 12, 1), (21, 40, 1), (22, 22, 2), (45, 47, 3), (89, 88, 4), (176, 177, 5)],
)
def test_against_the_formula_in_numpy(height: int, width: int, scales: int) -> None:
    assert number_of_scales(height, width) == scales
    for channels, noise in [(1, 10.0), (3, 60.0)]:
        first, second = related((2, channels, height, width), noise)
        expected = [by_scipy(a.numpy(), b.numpy(), scales) for a, b in zip(first, second, strict=True)]
        assert 0.01 < expected[0] < 0.99
        assert ms_ssim(first, second).tolist() == pytest.approx(expected, rel=1e-10)


def test_flat_images_by_hand() -> None:
    """Without contrast only the luminance is left, to the weight of the last scale: one scale has 1."""
    first, second = (torch.full((1, 1, 16, 16), level, dtype=torch.float64) for level in (100.0, 200.0))
    expected = (2 * 100 * 200 + 6.5025) / (100**2 + 200**2 + 6.5025)
    assert ms_ssim(first, second).item() == pytest.approx(expected, rel=1e-12)


def test_a_negative_image_counts_as_nothing_alike() -> None:
    first, _ = related((1, 1, 32, 32), 0)
    assert ms_ssim(first, 255 - first).item() == 0


def test_at_a_single_scale_unlike_images_are_below_nought() -> None:
    """Counted as nought, they would raise the mean of noise, which is like noise by chance only."""
    first, second = (torch.randint(256, (400, 1, 8, 8)).double() for _ in range(2))
    found = ms_ssim(first, second)
    expected = [
        by_scipy(one.numpy(), other.numpy(), 1) for one, other in zip(first[:9], second[:9], strict=True)
    ]
    assert found[:9].tolist() == pytest.approx(expected, rel=1e-10)
    assert min(expected) < 0
    assert found.clamp(min=0).mean() > 0.05 > 4 * mean_of(found).value


@pytest.mark.parametrize("size", [8, 32, 64])
def test_one_image_repeated_is_1(size: int) -> None:
    images = torch.randint(256, (2, 3, size, size)).byte().repeat_interleave(5, dim=0)
    result = within_class_ms_ssim(images, torch.arange(2).repeat_interleave(5), 2, pairs_per_class=8)
    assert result.per_class.tolist() == pytest.approx([1, 1], abs=1e-12)
    assert (result.mean, result.standard_error) == pytest.approx((1, 0), abs=1e-12)


def test_all_pairs_of_a_class_of_two_are_its_pair() -> None:
    """Class 0 has one pair, class 1 three: every draw of many is near their mean."""
    images = related((5, 1, 12, 12), 0)[0].byte()
    labels = torch.tensor([1, 0, 1, 0, 1])
    result = within_class_ms_ssim(images, labels, 2, pairs_per_class=300)
    assert result.standard_error is None  # one pair says nothing of another
    arrays = images.double().numpy()
    assert result.per_class[0].item() == pytest.approx(by_scipy(arrays[1], arrays[3], 1), rel=1e-10)
    three = [by_scipy(arrays[a], arrays[b], 1) for a, b in [(0, 2), (0, 4), (2, 4)]]
    error = np.std(three) / math.sqrt(300)
    assert abs(result.per_class[1].item() - np.mean(three)) < 4 * error
    assert result.mean == pytest.approx(result.per_class.mean().item(), rel=1e-14)


@pytest.mark.parametrize(("pairs", "most"), [(10, 1.3), (30, 1.8), (200, 1.8)])
def test_the_error_is_the_spread_over_fresh_images(pairs: int, most: float) -> None:
    """More pairs than half the images share images: they tell less than as many others."""
    values, errors = [], []
    for seed in range(60):
        images = related((40, 1, 8, 8), 0)[0].byte()
        result = within_class_ms_ssim(images, torch.arange(40) % 2, 2, pairs_per_class=pairs, seed=seed)
        values.append(result.mean)
        errors.append(result.standard_error)
    assert 0.75 < np.mean(errors) / np.std(values, ddof=1) < most


def test_the_seed_draws_the_pairs_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = related((30, 3, 8, 8), 0)[0].byte(), torch.arange(30) % 3
    told: list[tuple[int, int]] = []
    first = within_class_ms_ssim(
        images, labels, 3, 7, seed=1, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert within_class_ms_ssim(images, labels, 3, 7, seed=2).mean != first.mean
    monkeypatch.setattr(diversity, "PIXELS_AT_ONCE", 3 * 8 * 8 * 2)
    again = within_class_ms_ssim(images, labels, 3, 7, seed=1)
    assert again.per_class.tolist() == pytest.approx(first.per_class.tolist(), rel=1e-13)


def test_pairs_are_of_two_images_and_share_none_until_all_are_used() -> None:
    pairs = diversity._pairs(11, 12, torch.Generator().manual_seed(0))
    assert pairs.shape == (2, 12)
    assert (pairs[0] != pairs[1]).all()
    for start in (0, 5):
        assert pairs[:, start : start + 5].unique().numel() == 10


@pytest.mark.parametrize(
    ("images", "labels", "arguments", "message"),
    [
        (torch.zeros(4, 1, 8, 8), torch.zeros(4).long(), (1,), "images must be uint8 .* torch.float32"),
        (torch.zeros(4, 8, 8).byte(), torch.zeros(4).long(), (1,), r"images must be uint8 \[N, C, H, W\]"),
        (torch.zeros(4, 1, 8, 8).byte(), torch.zeros(3).long(), (1,), r"labels must be \[4\]"),
        (torch.zeros(4, 1, 8, 8).byte(), torch.tensor([0, 0, 0, 1]), (2,), r"class 1 has 1 image\(s\)"),
        (torch.zeros(4, 1, 8, 8).byte(), torch.zeros(4).long(), (2,), r"class 1 has 0 image\(s\)"),
        (torch.zeros(4, 1, 8, 8).byte(), torch.zeros(4).long(), (1, 1), "pairs_per_class is 1"),
        (torch.zeros(4, 1, 8, 8).byte(), torch.zeros(4).long(), (0,), "num_classes is 0"),
    ],
)
def test_bad_inputs(images: Tensor, labels: Tensor, arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        within_class_ms_ssim(images, labels, *arguments)
