"""Each metric over all methods: the last value of every seed, intervals, classes, and the way there."""

from collections.abc import Sequence
from dataclasses import dataclass

from projgan.errors import UserError, printable
from projgan.evaluation.rows import Measurement, MetricRow, differing_keys
from projgan.report.intervals import Spread, spread_of
from projgan.report.methods import Method
from projgan.report.metric_words import Metric, in_reading_order, metric_named
from projgan.report.runs import Run


@dataclass(frozen=True)
class MethodResult:
    """What one method reached."""

    method: str
    rows: tuple[tuple[Run, MetricRow], ...]
    """The last row of each seed that has one."""
    spread: Spread | None
    """None where no seed has one."""
    per_class: dict[str, Spread]
    """Empty where the rows have none."""

    @property
    def by_own_teacher(self) -> bool:
        """Whether a value is by a network that the run was trained against."""
        return any(row.by_own_teacher for _, row in self.rows)


@dataclass(frozen=True)
class Curve:
    """How a metric went in one run."""

    method: str
    run: str
    rows: tuple[MetricRow, ...]
    """In the order of their steps."""


@dataclass(frozen=True)
class MetricResult:
    """One metric, measured in one way, over all methods."""

    name: str
    metric: Metric
    measurement: Measurement
    versions: tuple[dict[str, str], ...]
    """The different ones behind the values."""
    methods: tuple[MethodResult, ...]
    curves: tuple[Curve, ...]
    """Of runs that were measured at two steps or more."""
    curve_measurement: Measurement
    """During training fewer images may have been measured than at the end."""

    def ranking(self) -> list[MethodResult]:
        """Methods that have a value by a fair judge, the best first; empty where no direction is known."""
        measured = [
            result for result in self.methods if result.spread is not None and not result.by_own_teacher
        ]
        if self.metric.better is None:
            return []
        sign = 1 if self.metric.better == "lower" else -1
        return sorted(measured, key=lambda result: sign * result.spread.value)  # type: ignore[union-attr]

    def rivals(self) -> list[MethodResult]:
        """Methods whose intervals overlap the best one's, so that they may be as good."""
        ranking = self.ranking()
        best = ranking[0].spread if ranking else None
        if best is None:
            return []
        return [other for other in ranking[1:] if other.spread and best.overlaps(other.spread)]

    @property
    def best(self) -> str | None:
        """The best method, if there are two or more and its interval overlaps none of the others'."""
        ranking = self.ranking()
        return ranking[0].method if len(ranking) > 1 and not self.rivals() else None


def measure_methods(methods: Sequence[Method]) -> list[MetricResult]:
    """Return one result per metric that any run has, in reading order.

    Raises:
        UserError: two runs measured one metric in different ways.
    """
    names = {row.metric for method in methods for run in method.runs for row in run.rows}
    return [_result(name, methods) for name in in_reading_order(names)]


def _result(name: str, methods: Sequence[Method]) -> MetricResult:
    runs = [run for method in methods for run in method.runs]
    candidates = {run.name: rows for run in runs if (rows := _last_rows(name, run))}
    measurement = _common_measurement(name, candidates)
    chosen = {
        run: next(row for row in reversed(rows) if row.measurement == measurement)
        for run, rows in candidates.items()
    }
    curve_measurement = _most_often(name, runs, measurement)
    versions: list[dict[str, str]] = []
    for row in chosen.values():
        if row.versions not in versions:
            versions.append(row.versions)
    return MetricResult(
        name=name,
        metric=metric_named(name),
        measurement=measurement,
        versions=tuple(versions),
        methods=tuple(_method_result(method, chosen) for method in methods),
        curves=_curves(name, methods, curve_measurement),
        curve_measurement=curve_measurement,
    )


def _last_rows(name: str, run: Run) -> list[MetricRow]:
    """Rows of a metric at the largest step it was measured at."""
    rows = [row for row in run.rows if row.metric == name]
    last = max((_step(row) for row in rows), default=0)
    return [row for row in rows if _step(row) == last]


def _step(row: MetricRow) -> int:
    return row.subject.step or 0


def _common_measurement(name: str, candidates: dict[str, list[MetricRow]]) -> Measurement:
    """The way of measuring that all runs share; of several, the one used last.

    Raises:
        UserError: there is none.
    """
    (first, first_rows), *others = candidates.items()
    common = [
        row.measurement
        for row in first_rows
        if all(any(row.measurement == other.measurement for other in rows) for _, rows in others)
    ]
    if common:
        return common[-1]
    ours = first_rows[-1].measurement
    other, theirs = next((run, rows[-1].measurement) for run, rows in others if rows[-1].measurement != ours)
    key, values = next(iter(differing_keys(ours, theirs).items()))
    one_value, other_value = (printable(str(value)) for value in values)
    raise UserError(
        f"{printable(name)} was measured with {key} {one_value} in {first} and {other_value} in {other}: "
        "numbers of unlike protocol cannot be compared; evaluate one of them again"
    )


def _most_often(name: str, runs: Sequence[Run], at_the_end: Measurement) -> Measurement:
    """The way of measuring with the most steps of all runs; the table's where it has as many."""
    counts: list[tuple[Measurement, set[tuple[str, int]]]] = [(at_the_end, set())]
    for run in runs:
        for row in run.rows:
            if row.metric != name:
                continue
            places = next((places for known, places in counts if known == row.measurement), None)
            if places is None:
                places = set()
                counts.append((row.measurement, places))
            places.add((run.name, _step(row)))
    return max(counts, key=lambda count: len(count[1]))[0]


def _method_result(method: Method, chosen: dict[str, MetricRow]) -> MethodResult:
    rows = tuple((run, chosen[run.name]) for run in method.runs if run.name in chosen)
    if not rows:
        return MethodResult(method.name, (), None, {})
    spread = spread_of([row.value for _, row in rows], [row.standard_error for _, row in rows])
    classes = [row.per_class for _, row in rows if row.per_class is not None]
    shared = [
        name for name in rows[0][0].class_names if classes and all(name in values for values in classes)
    ]
    per_class = {
        name: spread_of([values[name] for values in classes], [None] * len(classes)) for name in shared
    }
    return MethodResult(method.name, rows, spread, per_class)


def _curves(name: str, methods: Sequence[Method], measurement: Measurement) -> tuple[Curve, ...]:
    curves = []
    for method in methods:
        for run in method.runs:
            rows = [row for row in run.rows if row.metric == name and row.measurement == measurement]
            by_step = {_step(row): row for row in rows}  # of several at one step, the last line
            if len(by_step) > 1:
                ordered = tuple(by_step[step] for step in sorted(by_step))
                curves.append(Curve(method.name, run.name, ordered))
    return tuple(curves)
