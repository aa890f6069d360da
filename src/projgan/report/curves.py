"""Numbers on the way: every seed's curve, and the mean of each method where its seeds share a place."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from projgan.report.charts import Line
from projgan.report.methods import Method
from projgan.report.results import MetricResult

LARGEST_POINTS = 150
"""Points of a drawn curve; of longer ones, neighbours are averaged."""

Points = tuple[tuple[float, float], ...]

LOSSES = {
    "loss_generator": "Generator's loss",
    "loss_discriminator": "Discriminator's loss",
}
"""Keys of the rows of statistics, with titles."""


def metric_lines(result: MetricResult, methods: Sequence[Method]) -> list[Line]:
    """Return the lines of a metric against images seen."""
    curves = {
        curve.run: tuple(
            (float(row.subject.images_seen), row.value)
            for row in curve.rows
            if row.subject.images_seen is not None
        )
        for curve in result.curves
    }
    return _with_means(methods, {name: points for name, points in curves.items() if points})


def loss_lines(key: str, methods: Sequence[Method]) -> list[Line]:
    """Return the lines of a loss against images seen."""
    curves = {run.name: loss_points(run.stats, key) for method in methods for run in method.runs}
    return _with_means(methods, {name: points for name, points in curves.items() if points})


def loss_points(stats: Sequence[dict[str, Any]], key: str) -> Points:
    """Return a loss against images seen, of the rows that have it, thinned to what a chart can show."""
    points = tuple(
        (float(row["images_seen"]), float(row[key]))
        for row in stats
        if isinstance(row.get("images_seen"), int)
        and isinstance(row.get(key), int | float)
        and math.isfinite(row[key])
    )
    return _thin(points)


def _thin(points: Points) -> Points:
    """Average neighbours so that few enough points are left."""
    size = -(-len(points) // LARGEST_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size or 1)]
    return tuple((group[-1][0], statistics.fmean(value for _, value in group)) for group in groups)


def _with_means(methods: Sequence[Method], curves: dict[str, Points]) -> list[Line]:
    lines = []
    for method in methods:
        of_seeds = [curves[run.name] for run in method.runs if run.name in curves]
        if len(of_seeds) > 1:
            lines += [Line(method.name, points, mean=False) for points in of_seeds]
        if of_seeds:
            lines.append(Line(method.name, mean_curve(of_seeds), mean=True))
    return [line for line in lines if line.points]


def mean_curve(curves: Sequence[Points]) -> Points:
    """Return the mean of several curves at the places that all of them have."""
    values = [dict(points) for points in curves]
    shared = sorted(set(values[0]).intersection(*values[1:]))
    return tuple((place, statistics.fmean(curve[place] for curve in values)) for place in shared)
