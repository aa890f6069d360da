"""Scores of generated images from features or class logits: pure functions, float64 inside."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation.checks import checked_labels, checked_pair, checked_rows
from projgan.evaluation.estimates import Estimate, evenly, mean_of, share_of

ROWS_AT_ONCE = 1024
"""Rows of a kernel matrix held at once."""
SUBSET_SIZE = 1000
"""Images of each kind in a subset of a kernel distance, as published."""
IMAGES_OF_ERROR = 5000
"""Images of each kind that the error of a kernel distance is taken from: its cost is that of all pairs."""


def kernel_distance(
    real: Tensor, generated: Tensor, subsets: int = 100, subset_size: int | None = None, seed: int = 0
) -> Estimate:
    """Return the kernel distance (KID; Bińkowski et al. 2018, section 4) averaged over random subsets.

    Each subset, drawn without replacement, gives the unbiased squared maximum mean discrepancy with the
    kernel (x·y / D + 1)³, which may be negative.

    Args:
        real: float [N, D].
        generated: float [M, D].
        subsets: at least 2.
        subset_size: images of each kind in a subset, from 2 to min(N, M); None takes the 1000 of the
            published protocol, or min(N, M) where that is less.
        seed: the same seed draws the same subsets.

    Returns:
        The mean over subsets, and its standard error over the draw of images and of subsets: the root of the
        summed squares of the error of all images, as in `kernel_distance_of_all`, and of the published
        deviation over subsets / sqrt(subsets). The latter alone would shrink to nought as subsets become
        the whole. The former is taken from `IMAGES_OF_ERROR` images of each kind, evenly over the sets.

    Raises:
        UserError: bad features, fewer than 2 subsets, or a subset size out of range.
    """
    real, generated = checked_pair(real, generated)
    if subsets < 2:
        raise UserError(f"subsets is {subsets}; at least 2 are needed for an error")
    fewest = min(len(real), len(generated))
    subset_size = min(SUBSET_SIZE, fewest) if subset_size is None else subset_size
    if not 2 <= subset_size <= fewest:
        raise UserError(
            f"subset_size is {subset_size}; it must lie between 2 and the smaller number of images, {fewest}"
        )
    generator = torch.Generator().manual_seed(seed)
    values = [
        _kernel_moments(
            real[_draw(len(real), subset_size, generator).to(real.device)],
            generated[_draw(len(generated), subset_size, generator).to(generated.device)],
        ).distance
        for _ in range(subsets)
    ]
    of_subsets = mean_of(torch.tensor(values, dtype=torch.float64))
    some = (evenly(features, IMAGES_OF_ERROR) for features in (real, generated))
    of_images = _kernel_moments(*some).standard_error(len(real), len(generated))
    return Estimate(of_subsets.value, math.hypot(of_images, of_subsets.standard_error))


def kernel_distance_of_all(real: Tensor, generated: Tensor) -> Estimate:
    """Return the unbiased squared maximum mean discrepancy of all images, with `kernel_distance`'s kernel.

    Gretton et al. 2012, lemma 6. Its standard error is over the draw of real and of generated images; where
    the two sets are alike it is some 20% too large, for a part that cannot be negative is estimated.

    Args:
        real: float [N, D], N >= 2.
        generated: float [M, D], M >= 2.

    Raises:
        UserError: bad features.
    """
    moments = _kernel_moments(*checked_pair(real, generated))
    return Estimate(moments.distance, moments.standard_error(len(real), len(generated)))


@dataclass(frozen=True)
class _KernelMoments:
    """What the distance of two sets and its error are made of.

    The error is that of Hoeffding's decomposition (1948) of the two-sample U-statistic. Every image has a
    term of its own, which vanishes where the sets are alike; every pair has a remainder, the kernel less its
    mean over either image.
    """

    distance: float
    of_real: float
    """Variance over real images of what an image adds by itself."""
    of_generated: float
    """Likewise."""
    of_pairs: tuple[float, float, float]
    """Mean squared remainder of two real images, of two generated ones, and of one of each."""

    def standard_error(self, real: int, generated: int) -> float:
        """Of the distance between so many images of each kind."""
        within_real, within_generated, between = self.of_pairs
        of_images = 4 * self.of_real / real + 4 * self.of_generated / generated
        of_pairs = (
            2 * within_real / (real * (real - 1))
            + 2 * within_generated / (generated * (generated - 1))
            + 4 * between / (real * generated)
        )
        return math.sqrt(max(0.0, of_images) + of_pairs)


def _kernel_moments(real: Tensor, generated: Tensor) -> _KernelMoments:
    real, generated = real.double(), generated.double()
    within_real, pairs_of_real = _within(real)
    within_generated, pairs_of_generated = _within(generated)
    over_columns, over_rows, squares = _kernel_sums(real, generated)
    between_of_real, between_of_generated = over_columns / len(generated), over_rows / len(real)
    between = _remainder(squares / (len(real) * len(generated)), between_of_real, between_of_generated)
    return _KernelMoments(
        (within_real.mean() + within_generated.mean() - 2 * between_of_real.mean()).item(),
        _own_variance(within_real - between_of_real, pairs_of_real, between / len(generated)),
        _own_variance(within_generated - between_of_generated, pairs_of_generated, between / len(real)),
        (pairs_of_real, pairs_of_generated, between),
    )


def _within(features: Tensor) -> tuple[Tensor, float]:
    """Mean kernel [N] of every image with the others of its set, and the mean squared remainder."""
    sums, _, squares = _kernel_sums(features, features)
    itself = _kernel_of_itself(features)
    others = len(features) - 1
    means = (sums - itself) / others
    return means, _remainder((squares - itself.square().sum()) / (len(features) * others), means, means)


def _remainder(mean_square: Tensor, over_one: Tensor, over_other: Tensor) -> float:
    """Of a kernel with this mean square over pairs, and these means over either image of a pair."""
    variance = mean_square - over_one.mean().square()
    return max(0.0, (variance - over_one.var(correction=1) - over_other.var(correction=1)).item())


def _own_variance(terms: Tensor, within: float, between: float) -> float:
    """Variance of terms [N] less what comes of taking them over finitely many others; it may be negative."""
    return terms.var(correction=1).item() - within / (len(terms) - 1) - between


def _draw(count: int, size: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(count, generator=generator)[:size]


def _kernel_sums(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of the kernel matrix over its columns [N] and over its rows [M], and of its squares."""
    over_columns = []
    over_rows = second.new_zeros(len(second))
    squares = second.new_zeros(())
    for rows in first.split(ROWS_AT_ONCE):
        kernel = (rows @ second.T / first.shape[1] + 1) ** 3
        over_columns.append(kernel.sum(dim=1))
        over_rows += kernel.sum(dim=0)
        squares += kernel.square().sum()
    return torch.cat(over_columns), over_rows, squares


def _kernel_of_itself(features: Tensor) -> Tensor:
    return (features.square().mean(dim=1) + 1) ** 3


@dataclass(frozen=True)
class InceptionScore:
    """The score of each split summed up as published: mean and standard deviation (over n, not n - 1)."""

    mean: float
    """From 1, all images alike or none recognised, to the number of classes."""
    std: float
    """Over splits; 0 for one."""
    splits: int
    """Parts the images were cut into."""

    @property
    def standard_error(self) -> float | None:
        """Of the mean over splits, over the draw of images: s / sqrt(splits); None for one split."""
        return None if self.splits == 1 else self.std / math.sqrt(self.splits - 1)


def inception_score(logits: Tensor, splits: int = 10) -> InceptionScore:
    """Return the Inception score exp(E KL(p(y|x) || p(y))) (Salimans et al. 2016, section 4).

    Splits are consecutive images in the order given, as published, so images sorted by class must be shuffled
    first. Fewer images give a lower score, one alone always 1: 10 splits of 5,000 are the published protocol.

    Args:
        logits: float [N, K], N >= 2 splits.
        splits: at least 1.

    Raises:
        UserError: bad logits, or fewer than two images a split.
    """
    logits = checked_rows(logits, "logits")
    if not 1 <= splits <= len(logits) // 2:
        raise UserError(
            f"splits is {splits}; it must lie between 1 and half the number of images, {len(logits) // 2}, "
            "for the score of one image is 1 whatever it shows"
        )
    ends = [len(logits) * split // splits for split in range(splits + 1)]
    scores = torch.stack([_inception_score_of(logits[start:end]) for start, end in pairwise(ends)])
    return InceptionScore(scores.mean().item(), scores.std(correction=0).item(), splits)


def _inception_score_of(logits: Tensor) -> Tensor:
    log_conditional = logits.double().log_softmax(dim=1)
    log_marginal = log_conditional.logsumexp(dim=0) - math.log(len(logits))
    return (log_conditional.exp() * (log_conditional - log_marginal)).sum(dim=1).mean().exp()


def top_k_accuracy(class_logits: Tensor, labels: Tensor, k: int = 1) -> Estimate:
    """Return the share of images, in [0, 1], whose label is among the k largest logits.

    A tie is no hit: a classifier that says the same of all classes scores 0.

    Args:
        class_logits: float [N, K], N >= 2.
        labels: integers [N] in [0, K).
        k: from 1 to K.

    Raises:
        UserError: bad logits or labels, or k out of range.
    """
    class_logits = checked_rows(class_logits, "class logits")
    num_classes = class_logits.shape[1]
    if not 1 <= k <= num_classes:
        raise UserError(f"k is {k}; it must lie between 1 and the number of classes, {num_classes}")
    labels = checked_labels(labels, "labels", len(class_logits), num_classes).to(class_logits.device)
    return share_of(hits(class_logits, labels, k))


def hits(class_logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    """Return of each image whether its label is among the k largest logits, bool [N]; a tie is no hit.

    Args:
        class_logits: float [N, K].
        labels: int64 [N] in [0, K), on the same device.
        k: from 1 to K.
    """
    own = class_logits.gather(1, labels[:, None])
    return (class_logits >= own).sum(dim=1) <= k
