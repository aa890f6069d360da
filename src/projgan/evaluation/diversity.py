"""Likeness of generated images of one class: a generator that repeats itself makes images too much alike.

The mean multi-scale structural similarity of random pairs within a class (Odena et al. 2017, section 4.2).
Of pixels alone, it needs no feature network and no real image; compare it with that of the real images.

Multi-scale structural similarity is Wang et al. 2003, equation 7, with the constants and weights they give:
an 11 x 11 Gaussian window of deviation 1.5, placed where it fits whole. The scales are the finest ones of
their five at which that window fits, their weights made to sum to 1: one below 22 pixels, two from 22, three
from 44, four from 88, five from 176. Images below 11 pixels have a window of their own size and a deviation
in proportion. Terms below zero count as zero, as in `tf.image.ssim_multiscale`, for a power of them does not
exist; at a single scale there is no power, and they stay.

The code of Odena et al. (msssim.py of tensorflow/models) keeps five scales at any size and shrinks the window
at the coarse ones. Below 176 pixels their numbers are others (.803 where these are .778, at 128 pixels) and
do not compare.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from projgan.data.tensors import as_torch
from projgan.errors import UserError
from projgan.evaluation.checks import checked_labels
from projgan.evaluation.estimates import Estimate, mean_of
from projgan.listening import Count, told

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, the finest first."""
WINDOW, DEVIATION = 11, 1.5
LUMINANCE_FLOOR, CONTRAST_FLOOR = (0.01 * 255) ** 2, (0.03 * 255) ** 2
IMAGES_FOR_AN_ERROR = 4
"""Of every class: two pairs that share none."""
PIXELS_AT_ONCE = 2**18
"""Pixels of one side of the pairs compared at once; some 15 float64 maps of them are held."""


@dataclass(frozen=True)
class WithinClassSimilarity:
    """Mean similarity of pairs within each class; lower is more diverse, 1 is one image only.

    In [0, 1]; where there is a single scale, in [-1, 1].
    """

    per_class: Tensor
    """float64 [num_classes], on the CPU."""
    mean: float
    """Over classes, each with equal weight."""
    standard_error: float | None
    """Of the mean, over the draw of images; None where a class has too few of them, and so a single pair
    that shares none."""
    scales: int
    """How many of the five, which the resolution sets; only numbers of equal scales compare."""


def within_class_ms_ssim(
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    pairs_per_class: int = 100,
    seed: int = 0,
    progress: Count | None = None,
) -> WithinClassSimilarity:
    """Return the mean similarity of random pairs of images within each class.

    Pairs come from random orders of the class, cut into twos: none has one image twice, and none shares an
    image with another until all images are used.

    Args:
        images: uint8 [N, C, H, W].
        labels: integers [N] in [0, num_classes).
        num_classes: at least 1.
        pairs_per_class: at least 2; 100 as published.
        seed: the same seed draws the same pairs.
        progress: is told classes done and in all.

    Raises:
        UserError: bad images or labels, a class with fewer than 2 images, or fewer than 2 pairs.
    """
    images = as_torch(images)
    labels, counts = _checked(images, labels, num_classes, pairs_per_class)
    generator = torch.Generator().manual_seed(seed)
    estimates = []
    for members in told(labels.argsort(stable=True).split(counts), num_classes, progress):
        pairs = _pairs(len(members), pairs_per_class, generator)
        similarities = torch.cat(list(_similarities(images, *members[pairs].to(images.device))))
        estimates.append(_over_images(similarities, pairs, len(members)))
    per_class = torch.tensor([estimate.value for estimate in estimates], dtype=torch.float64)
    errors = torch.tensor([estimate.standard_error for estimate in estimates], dtype=torch.float64)
    return WithinClassSimilarity(
        per_class,
        per_class.mean().item(),
        # Classes are drawn independently.
        errors.norm().item() / num_classes if min(counts) >= IMAGES_FOR_AN_ERROR else None,
        number_of_scales(*images.shape[2:]),
    )


def _over_images(similarities: Tensor, pairs: Tensor, count: int) -> Estimate:
    """Mean of similarities [P] of pairs [2, P] of a class, and its standard error over the draw of images.

    Of pairs that share no image it is s / sqrt(P); else by the jackknife, leaving out each image with its
    pairs (Efron & Tibshirani 1993, chapter 11), which is at most sqrt(2) times too large.
    """
    estimate = mean_of(similarities)
    if len(similarities) <= count // 2 or count < IMAGES_FOR_AN_ERROR:
        return estimate
    sums = torch.bincount(pairs.flatten(), similarities.repeat(2), count)
    without = (similarities.sum() - sums) / (
        len(similarities) - torch.bincount(pairs.flatten(), minlength=count)
    )
    variance = (count - 1) * without.var(correction=0)
    return Estimate(estimate.value, variance.sqrt().item())


def number_of_scales(height: int, width: int) -> int:
    """Return at how many of the five scales the window fits into an image; at least 1."""
    fitting = [scale for scale in range(5) if min(height, width) >> scale >= WINDOW]
    return max(1, len(fitting))


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """Return the multi-scale structural similarity [N] of pairs of images, float64 [N, C, H, W] in [0, 255].

    The terms are means over pixels and channels.
    """
    scales = number_of_scales(*first.shape[2:])
    if scales == 1:
        return _structural_similarity(first, second)[0]
    weights = torch.tensor(WEIGHTS[:scales], dtype=torch.float64)
    similarity = torch.ones(len(first), dtype=torch.float64, device=first.device)
    for scale, weight in enumerate((weights / weights.sum()).tolist()):
        whole, contrast = _structural_similarity(first, second)
        similarity *= (whole if scale == scales - 1 else contrast).clamp(min=0) ** weight
        if scale < scales - 1:
            first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
    return similarity


def _structural_similarity(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Mean similarity [N] and its contrast-structure term [N]."""
    mean_first, mean_second = _blur(first), _blur(second)
    variances = _blur(first.square() + second.square()) - mean_first.square() - mean_second.square()
    covariance = _blur(first * second) - mean_first * mean_second
    contrast = (2 * covariance + CONTRAST_FLOOR) / (variances + CONTRAST_FLOOR)
    luminance = (2 * mean_first * mean_second + LUMINANCE_FLOOR) / (
        mean_first.square() + mean_second.square() + LUMINANCE_FLOOR
    )
    return (luminance * contrast).mean(dim=(1, 2, 3)), contrast.mean(dim=(1, 2, 3))


def _blur(maps: Tensor) -> Tensor:
    """Weighted means under every whole window, [N, C, H, W] -> [N, C, H - size + 1, W - size + 1]."""
    height, width = maps.shape[2:]
    size = min(WINDOW, height, width)
    over_rows, over_columns = (_windows(length, size).to(maps) for length in (height, width))
    return over_rows @ maps @ over_columns.T


def _windows(length: int, size: int) -> Tensor:
    """One window a row, float64 [length - size + 1, length]; their product is faster than a convolution."""
    places = torch.arange(length - size + 1)[:, None] + (size - 1) / 2 - torch.arange(length)
    deviation = DEVIATION * size / WINDOW
    windows = (-(places.double() / deviation).square() / 2).exp() * (places.abs() <= (size - 1) / 2)
    return windows / windows.sum(dim=1, keepdim=True)


def _pairs(count: int, pairs: int, generator: torch.Generator) -> Tensor:
    """Places of the first and of the second images, int64 [2, pairs]."""
    orders = -(-pairs // (count // 2))
    drawn = [torch.randperm(count, generator=generator)[: count // 2 * 2].view(-1, 2) for _ in range(orders)]
    return torch.cat(drawn)[:pairs].T


def _similarities(images: Tensor, first: Tensor, second: Tensor) -> Iterator[Tensor]:
    at_once = max(1, PIXELS_AT_ONCE // images[0].numel())
    for one, other in zip(first.split(at_once), second.split(at_once), strict=True):
        yield ms_ssim(images[one].double(), images[other].double()).cpu()


def _checked(
    images: Tensor, labels: Tensor, num_classes: int, pairs_per_class: int
) -> tuple[Tensor, list[int]]:
    if images.dim() != 4 or images.dtype != torch.uint8 or 0 in images.shape[1:]:
        raise UserError(f"images must be uint8 [N, C, H, W]; these are {images.dtype} {list(images.shape)}")
    if num_classes < 1:
        raise UserError(f"num_classes is {num_classes}; it must be at least 1")
    if pairs_per_class < 2:
        raise UserError(f"pairs_per_class is {pairs_per_class}; at least 2 are needed for an error")
    labels = checked_labels(labels, "labels", len(images), num_classes).cpu()
    counts = torch.bincount(labels, minlength=num_classes).tolist()
    for label, count in enumerate(counts):
        if count < 2:
            raise UserError(f"class {label} has {count} image(s); a pair needs 2: add images")
    return labels, counts
