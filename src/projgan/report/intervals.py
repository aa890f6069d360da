"""95% intervals: over seeds by Student's t, or of one run by its own standard error."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from projgan.evaluation.estimates import Interval
from projgan.report.numbers import with_error

CONFIDENCE = 0.95
NORMAL_QUANTILE = 1.959964
"""Standard errors to either side that hold 95% of a normal distribution."""


@dataclass(frozen=True)
class Spread:
    """A mean with how far it can be trusted, and why."""

    value: float
    half_width: float | None
    """Half the 95% interval; None where nothing is known."""
    kind: Literal["student-t", "standard-error"] | None
    """Over seeds; or of the one seed's draw of images, which says nothing of another training."""
    seeds: int

    @property
    def interval(self) -> Interval | None:
        """The interval with its bounds."""
        if self.half_width is None:
            return None
        return Interval(self.value, self.value - self.half_width, self.value + self.half_width)

    def __str__(self) -> str:
        return with_error(self.value, self.half_width)

    def overlaps(self, other: "Spread") -> bool:
        """Whether the intervals share a point; also where either has none, for nothing tells them apart."""
        ours, theirs = self.interval, other.interval
        if ours is None or theirs is None:
            return True
        return ours.lower <= theirs.upper and theirs.lower <= ours.upper


def spread_of(values: Sequence[float], standard_errors: Sequence[float | None]) -> Spread:
    """Return the mean of one value per seed with its interval.

    Args:
        values: N >= 1 values, one per seed.
        standard_errors: of each value, or None. Of one value they are its interval; that of more is at least
            what they make it, for values may be alike by chance.
    """
    mean = math.fsum(values) / len(values)
    if len(values) > 1:
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
        half = student_t_quantile(CONFIDENCE, len(values) - 1) * deviation / math.sqrt(len(values))
        known = [error for error in standard_errors if error is not None]
        of_images = NORMAL_QUANTILE * math.hypot(*known) / len(values)
        return Spread(mean, max(half, of_images), "student-t", len(values))
    error = standard_errors[0]
    if error is None:
        return Spread(mean, None, None, 1)
    return Spread(mean, NORMAL_QUANTILE * error, "standard-error", 1)


def student_t_quantile(confidence: float, freedom: int) -> float:
    """Return the t for which P(|T| < t) is `confidence`, for `freedom` >= 1 degrees of freedom."""
    lower, upper = 0.0, math.pi / 2
    for _ in range(100):  # each halves the error
        middle = (lower + upper) / 2
        if _central_probability(middle, freedom) < confidence:
            lower = middle
        else:
            upper = middle
    return math.tan(lower) * math.sqrt(freedom)


def _central_probability(angle: float, freedom: int) -> float:
    """P(|T| < tan(angle) sqrt(freedom)), Abramowitz & Stegun 26.7.3 and 26.7.4."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2 == 1
    term = cosine if odd else 1.0
    total = 0.0
    for power in range(1 if odd else 0, freedom - 1, 2):
        total += term
        term *= cosine**2 * (power + 1) / (power + 2)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
