"""A report before it is written: everything it says and shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from projgan.listening import Count
from projgan.report.costs import MethodCost, costs_of
from projgan.report.methods import Method, group_runs
from projgan.report.pictures import (
    Picture,
    class_bars,
    image_grids,
    interval_charts,
    loss_curves,
    metric_curves,
)
from projgan.report.protocol import warnings_of
from projgan.report.results import MetricResult, measure_methods
from projgan.report.runs import read_runs
from projgan.report.summary import findings, what_errors_are, what_was_compared


@dataclass(frozen=True)
class Report:
    """One report over one run or more."""

    title: str
    opening: str
    """What was compared, in a sentence."""
    findings: tuple[str, ...]
    errors: str
    """What ± means; empty where there is none."""
    warnings: tuple[str, ...]
    methods: tuple[Method, ...]
    results: tuple[MetricResult, ...]
    costs: tuple[MethodCost, ...]
    intervals: tuple[Picture, ...]
    metric_curves: tuple[Picture, ...]
    class_bars: tuple[Picture, ...]
    losses: tuple[Picture, ...]
    grids: tuple[Picture, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All of them, in the order of the page."""
        return (*self.intervals, *self.metric_curves, *self.losses, *self.class_bars, *self.grids)


def build_report(run_dirs: Sequence[Path], progress: Count = lambda done, total: None) -> Report:
    """Read runs and draw what a report over them shows.

    Args:
        run_dirs: run directories on the same images; metrics are optional.
        progress: called with the number of images sampled and of all to be sampled.

    Raises:
        UserError: no run, a folder that is no run, runs on other data, metrics of unlike protocol.
    """
    methods = group_runs(read_runs(run_dirs))
    results = measure_methods(methods)
    what = f"{len(methods)} methods" if len(methods) > 1 else methods[0].name
    return Report(
        title=f"{what} on {methods[0].runs[0].provenance.data}",
        opening=what_was_compared(methods),
        findings=tuple(findings(results)),
        errors=what_errors_are(results),
        warnings=tuple(warnings_of(methods, results)),
        methods=tuple(methods),
        results=tuple(results),
        costs=tuple(costs_of(methods)),
        intervals=tuple(interval_charts(methods, results)),
        metric_curves=tuple(metric_curves(methods, results)),
        class_bars=tuple(class_bars(methods, results)),
        losses=tuple(loss_curves(methods)),
        grids=tuple(image_grids(methods, progress)),
    )
