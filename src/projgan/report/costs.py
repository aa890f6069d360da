"""What each method cost, as far as a run's statistics tell; the hardware is not among them."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from projgan.report.methods import Method
from projgan.report.runs import Run


@dataclass(frozen=True)
class RunCost:
    """Cost of one run."""

    run: str
    seed: int
    steps: int
    images_seen: int
    images_per_second: float | None
    """Median over the rows of statistics; None where there are none."""
    training_seconds: float | None
    """Sum over the rows of images seen since the row before, over the row's rate."""


@dataclass(frozen=True)
class MethodCost:
    """Cost of one method: of networks, once; of time, per seed."""

    method: str
    generator_parameters: int
    discriminator_parameters: int | None
    runs: tuple[RunCost, ...]

    @property
    def images_per_second(self) -> float | None:
        """Median over the seeds."""
        rates = [run.images_per_second for run in self.runs if run.images_per_second is not None]
        return statistics.median(rates) if rates else None

    @property
    def training_seconds(self) -> float | None:
        """Mean over the seeds."""
        times = [run.training_seconds for run in self.runs if run.training_seconds is not None]
        return statistics.fmean(times) if times else None


def costs_of(methods: Sequence[Method]) -> list[MethodCost]:
    """Return what each method cost."""
    return [
        MethodCost(
            method.name,
            method.runs[0].generator_parameters,
            method.runs[0].discriminator_parameters,
            tuple(map(_cost, method.runs)),
        )
        for method in methods
    ]


def _cost(run: Run) -> RunCost:
    rates, seconds, seen = [], 0.0, 0
    for row in run.stats:
        rate, images = row.get("images_per_second"), row.get("images_seen")
        if not isinstance(rate, int | float) or not isinstance(images, int) or not 0 < rate < math.inf:
            continue
        rates.append(float(rate))
        seconds += (images - seen) / rate
        seen = images
    return RunCost(
        run.name,
        run.seed,
        run.provenance.step,
        run.provenance.images_seen,
        statistics.median(rates) if rates else None,
        seconds if rates else None,
    )
