"""Scores of generated images from features or class logits: pure functions, float64 inside."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation.checks import checked_labels, checked_pair, checked_rows
from projgan.evaluation.estimates import Estimate, mean_of

ROWS_AT_ONCE = 1024
"""Rows of a kernel matrix held at once."""


def kernel_distance(
    real: Tensor, generated: Tensor, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> Estimate:
    """Return the kernel distance (KID; Bińkowski et al. 2018, section 4) averaged over random subsets.

    Each subset, drawn without replacement, gives the unbiased squared maximum mean discrepancy with the
    kernel (x·y / D + 1)³, which may be negative.

    Args:
        real: float [N, D].
        generated: float [M, D].
        subsets: at least 2.
        subset_size: images of each kind in a subset, from 2 to min(N, M); 1000 is the published protocol.
        seed: the same seed draws the same subsets.

    Returns:
        The mean over subsets and its standard error, the published deviation over subsets / sqrt(subsets).
        Subsets share images once subsets × subset_size exceeds N or M; the error is then of the draw of
        subsets alone, less than that of the images, which `kernel_distance_of_all` estimates.

    Raises:
        UserError: bad features, fewer than 2 subsets, or a subset size out of range.
    """
    real, generated = checked_pair(real, generated)
    if subsets < 2:
        raise UserError(f"subsets is {subsets}; at least 2 are needed for an error")
    if not 2 <= subset_size <= min(len(real), len(generated)):
        raise UserError(
            f"subset_size is {subset_size}; it must lie between 2 and the smaller number of images, "
            f"{min(len(real), len(generated))}"
        )
    generator = torch.Generator().manual_seed(seed)
    values = [
        kernel_distance_of_all(
            real[_draw(len(real), subset_size, generator).to(real.device)],
            generated[_draw(len(generated), subset_size, generator).to(generated.device)],
        ).value
        for _ in range(subsets)
    ]
    return mean_of(torch.tensor(values, dtype=torch.float64))


def kernel_distance_of_all(real: Tensor, generated: Tensor) -> Estimate:
    """Return the unbiased squared maximum mean discrepancy of all images, with `kernel_distance`'s kernel.

    Gretton et al. 2012, lemma 6. Its standard error is that of the first-order term of the two-sample
    U-statistic (Hoeffding 1948): right where the distance is well above zero; at zero that term vanishes.

    Args:
        real: float [N, D], N >= 2.
        generated: float [M, D], M >= 2.

    Raises:
        UserError: bad features.
    """
    real, generated = (features.double() for features in checked_pair(real, generated))
    count_real, count_generated = len(real), len(generated)
    within_real = (_kernel_sums(real, real)[0] - _kernel_of_itself(real)) / (count_real - 1)
    within_generated = (_kernel_sums(generated, generated)[0] - _kernel_of_itself(generated)) / (
        count_generated - 1
    )
    between_of_real, between_of_generated = _kernel_sums(real, generated)
    between_of_real /= count_generated
    between_of_generated /= count_real
    value = within_real.mean() + within_generated.mean() - 2 * between_of_real.mean()
    # Every image takes part twice: as the first and as the second of a pair.
    variance = 4 * (
        (within_real - between_of_real).var(correction=1) / count_real
        + (within_generated - between_of_generated).var(correction=1) / count_generated
    )
    return Estimate(value.item(), math.sqrt(variance.item()))


def _draw(count: int, size: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(count, generator=generator)[:size]


def _kernel_sums(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of the kernel matrix over its columns [N] and over its rows [M]."""
    over_columns = []
    over_rows = second.new_zeros(len(second))
    for rows in first.split(ROWS_AT_ONCE):
        kernel = (rows @ second.T / first.shape[1] + 1) ** 3
        over_columns.append(kernel.sum(dim=1))
        over_rows += kernel.sum(dim=0)
    return torch.cat(over_columns), over_rows


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
    first. Fewer images give a lower score: 10 splits of 5,000 are the published protocol.

    Args:
        logits: float [N, K], N >= splits.
        splits: at least 1.

    Raises:
        UserError: bad logits, or fewer images than splits.
    """
    logits = checked_rows(logits, "logits", at_least=1)
    if not 1 <= splits <= len(logits):
        raise UserError(f"splits is {splits}; it must lie between 1 and the number of images, {len(logits)}")
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
    own = class_logits.gather(1, labels[:, None])
    return mean_of((class_logits >= own).sum(dim=1) <= k)
