"""What was measured, and what may be said of it beside a published number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from projgan.errors import UserError
from projgan.evaluation.metric_names import public_name
from projgan.evaluation.rows import Measurement, MetricRow, differing_keys
from projgan.report.intervals import Spread, spread_of
from projgan.report.metric_words import metric_named
from reproduction.tables import MeasuredProtocol, Published

Verdict = Literal["agrees", "better", "worse", "no interval"]


@dataclass(frozen=True)
class Cell:
    """One number of one row: empty where nothing was measured."""

    metric: str
    """As it is called with the features in hand."""
    protocol: str
    spread: Spread | None = None
    values: tuple[float, ...] = ()
    """One of every seed."""
    seeds: tuple[int, ...] = ()
    step: int | None = None
    measurement: Measurement | None = None


@dataclass(frozen=True)
class MeasuredRun:
    """A run of a row, and all that was measured of it."""

    name: str
    seed: int
    steps: int
    """Of the whole training: numbers of an earlier state fill no cell."""
    rows: tuple[MetricRow, ...]


def find_row(run: MeasuredRun, metric: str, protocol: MeasuredProtocol, features: str) -> MetricRow | None:
    """Return the last number of a run's end that was made so, or None.

    Args:
        run: with its numbers.
        metric: as it is called with these features.
        protocol: how many images.
        features: name of the feature network, as measurements record it.
    """
    found = None
    for row in run.rows:
        how = row.measurement
        counted = protocol.generated_images in (None, how.generated_images) and (
            protocol.real_images in (None, how.real_images) or how.real_images == 0
        )
        alike = (how.protocol, how.features, how.truncation) == (protocol.recorded_name, features, None)
        if row.metric == metric and alike and counted and row.subject.step == run.steps:
            found = row
    return found


def read_cell(runs: Sequence[MeasuredRun], metric: str, protocol: MeasuredProtocol, features: str) -> Cell:
    """Read one number of all seeds of a row.

    Raises:
        UserError: two seeds were measured in different ways.
    """
    rows = [(run, row) for run in runs if (row := find_row(run, metric, protocol, features))]
    if not rows:
        return Cell(metric, protocol.title)
    (first, found), *others = rows
    for run, row in others:
        for key, values in differing_keys(found.measurement, row.measurement).items():
            raise UserError(
                f"{metric} was measured with {key} {values[0]} in {first.name} and {values[1]} in "
                f"{run.name}: numbers of unlike protocol do not share a cell"
            )
    values = tuple(row.value for _, row in rows)
    spread = spread_of(values, [row.standard_error for _, row in rows])
    seeds = tuple(run.seed for run, _ in rows)
    return Cell(metric, protocol.title, spread, values, seeds, found.subject.step, found.measurement)


def judge(spread: Spread, published: Published) -> Verdict:
    """Compare a 95% interval with a published value, or with its own interval where it has one.

    `agrees` where the two share a point; else on which side of the published one ours lies.
    """
    ours = spread.interval
    if ours is None:
        return "no interval"
    margin = published.uncertainty or 0.0
    lower, upper = published.value - margin, published.value + margin
    if ours.lower <= upper and lower <= ours.upper:
        return "agrees"
    is_lower = ours.upper < lower
    return "better" if is_lower == (metric_named(published.metric).better == "lower") else "worse"


def obstacle(
    cell: Cell, published: Published, fingerprints: Sequence[str], departs: str | None
) -> str | None:
    """Say why a measured number may not be judged by a published one; None where it may.

    Args:
        cell: with a number in it.
        published: the number beside it.
        fingerprints: of the published experiment's images.
        departs: how the training departs from the published one, or None.
    """
    how = cell.measurement
    assert how is not None
    if cell.metric != published.metric or how.features != "inception":
        return f"features of {how.features}, not Inception"
    if cell.protocol != published.protocol:
        return f"protocol {cell.protocol}, not {published.protocol}"
    if how.data_fingerprint not in fingerprints:
        return "images of an unknown checksum"
    return None if departs is None else f"trained with {departs}"


def name_with(metric: str, features: str) -> str:
    """What a number is called with these features."""
    return public_name(metric, features == "inception")
