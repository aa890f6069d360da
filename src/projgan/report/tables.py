"""The tables of a report, cell by cell, the same for HTML and Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

from projgan.durations import duration
from projgan.report.costs import MethodCost
from projgan.report.intervals import spread_of
from projgan.report.methods import Method, in_words
from projgan.report.metric_words import Metric
from projgan.report.protocol import protocol_rows
from projgan.report.results import MethodResult, MetricResult
from projgan.report.runs import Run

ARROWS = {"lower": "\u00a0↓", "higher": "\u00a0↑", None: ""}
"""Behind a space at which no line breaks."""
DIRECTIONS = {"lower": "lower is better", "higher": "higher is better", None: "neither is better by itself"}
NOTHING = "–"
MOST_METRICS = 11
"""Columns of a table that fits 1,200 pixels."""
OWN_TEACHER = "by its own teacher"


@dataclass(frozen=True)
class Cell:
    """Text, with a smaller note under it."""

    text: str
    note: str = ""
    bold: bool = False
    colour: int | None = None
    """Place of the method whose colour marks the cell."""


@dataclass(frozen=True)
class Table:
    """Headers, and rows as wide; the first column names the row."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    text_columns: int = 1
    """How many columns are text, from the left; the others are numbers."""


def titled(metric: Metric) -> str:
    """The title with an arrow towards the better values."""
    return metric.title + ARROWS[metric.better] + (f" [{metric.unit}]" if metric.unit else "")


def side_by_side(results: Sequence[MetricResult]) -> list[Sequence[MetricResult]]:
    """Split metrics among as few tables as fit a page, and evenly."""
    tables = -(-len(results) // MOST_METRICS)
    size = -(-len(results) // max(tables, 1))
    return [results[start : start + size] for start in range(0, len(results), size or 1)]


def results_table(methods: Sequence[Method], results: Sequence[MetricResult]) -> Table:
    """A row per method, a column per metric."""
    rows = []
    for place, method in enumerate(methods):
        found = [result.methods[place] for result in results]
        seeds = max((of.spread.seeds for of in found if of.spread), default=0)
        cells = [Cell(method.name, colour=place), Cell(str(seeds))]
        cells += [
            _result(of, seeds, best=result.best == method.name)
            for result, of in zip(results, found, strict=True)
        ]
        rows.append(tuple(cells))
    return Table(("method", "seeds", *(titled(result.metric) for result in results)), tuple(rows))


def _result(of: MethodResult, seeds: int, *, best: bool) -> Cell:
    if of.spread is None:
        return Cell(NOTHING)
    notes = [f"{of.spread.seeds} of the seeds"] if of.spread.seeds < seeds else []
    notes += [OWN_TEACHER] if of.by_own_teacher else []
    return Cell(str(of.spread), ", ".join(notes), bold=best)


def seeds_table(methods: Sequence[Method], results: Sequence[MetricResult]) -> Table:
    """A row per run, a column per metric."""
    rows = []
    for place, method in enumerate(methods):
        for run in method.runs:
            values = [_value_of(run, result, place) for result in results]
            rows.append((Cell(method.name, colour=place), Cell(run.name), Cell(str(run.seed)), *values))
    headers = ("method", "run", "seed", *(titled(result.metric) for result in results))
    return Table(headers, tuple(rows), text_columns=2)


def _value_of(run: Run, result: MetricResult, place: int) -> Cell:
    for other, row in result.methods[place].rows:
        if other is run:
            spread = spread_of([row.value], [row.standard_error])
            return Cell(str(spread), OWN_TEACHER if row.by_own_teacher else "")
    return Cell(NOTHING)


def settings_table(methods: Sequence[Method]) -> Table:
    """A row per method, a column per setting in which they differ."""
    keys = list(methods[0].settings)
    return Table(
        ("method", *keys),
        tuple(
            (Cell(method.name, colour=place), *(Cell(in_words(method.settings[key])) for key in keys))
            for place, method in enumerate(methods)
        ),
        text_columns=1 + len(keys),
    )


def metrics_table(results: Sequence[MetricResult]) -> Table:
    """What each metric is."""
    return Table(
        ("metric", "in the JSON", "better", "what it is"),
        tuple(
            tuple(
                map(
                    Cell,
                    (
                        result.metric.title,
                        result.name,
                        DIRECTIONS[result.metric.better],
                        result.metric.explanation,
                    ),
                )
            )
            for result in results
        ),
        text_columns=4,
    )


def costs_table(costs: Sequence[MethodCost]) -> Table:
    """Parameters, length and speed of each method."""
    rows = []
    for place, cost in enumerate(costs):
        rate, seconds = cost.images_per_second, cost.training_seconds
        rows.append(
            (
                Cell(cost.method, colour=place),
                Cell(f"{cost.generator_parameters:,}"),
                Cell(
                    NOTHING if cost.discriminator_parameters is None else f"{cost.discriminator_parameters:,}"
                ),
                Cell(_range([run.steps for run in cost.runs])),
                Cell(_range([run.images_seen for run in cost.runs])),
                Cell(NOTHING if rate is None else f"{rate:,.0f}"),
                Cell(NOTHING if seconds is None else duration(seconds)),
            )
        )
    headers = (
        "method",
        "parameters of G",
        "parameters of D",
        "steps",
        "images seen",
        "images/s",
        "time a seed",
    )
    return Table(headers, tuple(rows))


def _range(numbers: Sequence[int]) -> str:
    lowest, highest = min(numbers), max(numbers)
    return f"{lowest:,}" if lowest == highest else f"{lowest:,} to {highest:,}"


def protocol_table(results: Sequence[MetricResult]) -> Table:
    """A row per key of the measurements; values that hold for some metrics only name them."""
    rows = []
    for words, values in protocol_rows(results):
        for place, (value, metrics) in enumerate(values):
            rows.append((Cell("" if place else words), Cell(_short(value)), Cell(metrics or "all")))
    return Table(("what", "how", "for"), tuple(rows), text_columns=3)


def _short(value: str) -> str:
    """A checksum by its first characters, as people compare them; the JSON has all of it."""
    return f"{value[:16]}…" if len(value) == 64 and value.isalnum() else value
