"""Training: losses, numbers and sample grids of a run directory, read again as it is written."""

import datetime
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup
from pydantic import ValidationError

from projgan.config import RunConfig
from projgan.data.decode import open_image, to_eight_bits
from projgan.errors import UserError
from projgan.evaluation.rows import MetricRow
from projgan.explore import widgets
from projgan.explore.bounds import whole
from projgan.explore.markup import note, picture_url
from projgan.explore.subjects import Subject
from projgan.report.charts import Line, draw_curves
from projgan.report.curves import LOSSES, loss_points
from projgan.report.metric_words import in_reading_order, metric_named
from projgan.report.numbers import alone, with_error
from projgan.storage.run_directory import RunDirectory

REFRESH_SECONDS = 4.0
MOST_CHARTS = 6
LARGEST_GRID = 64 * 2**20
"""Bytes of a sample grid's file."""

Fingerprint = tuple[tuple[int, int], ...]
Rows = list[MetricRow]


def fingerprint_of(run: RunDirectory) -> Fingerprint:
    """Return what changes when the run writes: the times and sizes of its files."""
    grids = grid_steps(run)
    newest = [run.samples_at(grids[-1])] if grids else []
    return tuple(_stamp(path) for path in (run.stats, run.metrics, *newest))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def grid_steps(run: RunDirectory) -> list[int]:
    """Return the steps of the sample grids, ascending."""
    digits = (path.stem.partition("-")[2] for path in run.samples.glob("step-*.png"))
    return sorted(int(text) for text in digits if text.isascii() and text.isdigit() and len(text) < 16)


def followed(subject: Subject, wanted: Any) -> Markup:
    """Draw how a run goes, with the last sample grid up to a step.

    Raises:
        UserError: no step of the run.
    """
    run, config = subject.run, subject.config
    if run is None or config is None:
        return note("Only a run directory has a training to show; this is a generator's file.")
    at = whole(wanted, "the step", 0, config.training.steps)
    stats = run.read_stats()
    charts: list[Markup] = [] if not stats else [_losses(stats)]
    rows = _checked(run.read_metrics())
    return Markup('{}<div class="pg-training"><div class="pg-charts">{}</div>{}</div>').format(
        _progress(run, config, stats), Markup("").join(charts + _curves(rows)) + _table(rows), _grid(run, at)
    )


def _progress(run: RunDirectory, config: RunConfig, stats: list[dict[str, Any]]) -> Markup:
    if not stats:
        return note("Nothing is written yet; the first row comes with the first losses.")
    last = stats[-1]
    words = [f"step {last['step']:,} of {config.training.steps:,}"]
    if isinstance(last.get("images_seen"), int):
        words.append(f"{last['images_seen']:,} images seen")
    if isinstance(last.get("images_per_second"), int | float):
        words.append(f"{last['images_per_second']:,.0f} images a second")
    written = datetime.datetime.fromtimestamp(_stamp(run.stats)[0] / 1e9).astimezone()
    words.append(f"last written {written:%Y-%m-%d %H:%M:%S}")
    done = 100 * min(1.0, last["step"] / config.training.steps)
    return Markup(
        '<div class="pg-progress"><i style="width:{:.1f}%"></i></div><p class="pg-note pg-status">{}</p>'
    ).format(done, " · ".join(words))


def _losses(stats: list[dict[str, Any]]) -> Markup:
    lines = [Line(title, loss_points(stats, key), mean=True) for key, title in LOSSES.items()]
    lines = [line for line in lines if line.points]
    if not lines:
        return Markup("")
    return _chart(draw_curves("Losses", "images seen", lines, [line.method for line in lines]))


def _chart(svg: bytes) -> Markup:
    return Markup('<div class="pg-chart">{}</div>').format(
        Markup(svg.decode())  # noqa: S704 - matplotlib escapes its texts
    )


def _checked(rows: Iterable[dict[str, Any]]) -> Rows:
    found = []
    for row in rows:
        try:
            found.append(MetricRow.model_validate(row))
        except ValidationError:
            continue  # a file may be of another version, and this is only a look
    return found


def _groups(rows: Rows) -> list[Rows]:
    """Numbers that one curve may hold, in the order of the report: one metric under one protocol."""
    order = in_reading_order({row.metric for row in rows})
    groups: list[Rows] = []
    for row in sorted(rows, key=lambda row: order.index(row.metric)):
        for group in groups:
            if (group[0].metric, group[0].measurement) == (row.metric, row.measurement):
                group.append(row)
                break
        else:
            groups.append([row])
    return groups


def _curves(rows: Rows) -> list[Markup]:
    charts: list[Markup] = []
    for group in _groups(rows):
        points = {
            float(row.subject.images_seen): row.value for row in group if row.subject.images_seen is not None
        }
        if len(points) > 1 and len(charts) < MOST_CHARTS:
            title = f"{_title(group[0])}, {group[0].measurement.features}"
            line = Line(title, tuple(sorted(points.items())), mean=True)
            charts.append(_chart(draw_curves(title, "images seen", [line], [title])))
    return charts


def _title(row: MetricRow) -> str:
    metric = metric_named(row.metric)
    return metric.title + (f" ({metric.better} is better)" if metric.better else "")


def _table(rows: Rows) -> Markup:
    if not rows:
        return note(
            "No number has been measured yet: projgan evaluate RUN, or --evaluation.every STEPS in training."
        )
    lines = Markup("").join(
        Markup("<tr><th scope='row'>{}</th><td>{}</td><td>{}</td><td>{:,}</td></tr>").format(
            _title(row),
            alone(row.value) if row.standard_error is None else with_error(row.value, row.standard_error),
            row.measurement.features + (", its own teacher" if row.by_own_teacher else ""),
            row.measurement.generated_images,
        )
        for row in (group[-1] for group in _groups(rows))
    )
    return Markup(
        '<div class="pg-scroll"><table class="pg-table"><thead><tr><th>newest number</th>'
        "<th>value ± standard error</th><th>features</th><th>images</th></tr></thead>"
        "<tbody>{}</tbody></table></div>"
    ).format(lines)


def _grid(run: RunDirectory, at: int) -> Markup:
    steps = [step for step in grid_steps(run) if step <= at] or grid_steps(run)[:1]
    if not steps:
        return note("No sample grid yet: --sampling.every STEPS says how often one is drawn.")
    path = run.samples_at(steps[-1])
    try:
        if path.stat().st_size > LARGEST_GRID:
            return note(f"The sample grid of step {steps[-1]:,} is too large to be shown.")
        url = picture_url(to_eight_bits(open_image(path.read_bytes(), path.name), path.name))
    except (OSError, UserError) as error:
        return note(f"The sample grid of step {steps[-1]:,} cannot be read: {error}")
    return Markup(
        '<figure class="pg-grid"><img src="{}" alt="{}"><figcaption>{}</figcaption></figure>'
    ).format(url, f"Sample grid of step {steps[-1]}", f"Sample grid of step {steps[-1]:,}")


def _changed(subject: Subject, wanted: Any, seen: Any) -> tuple[Any, Any]:
    """What there is to draw since `seen`, if anything."""
    assert subject.run is not None, "only a run has a clock"
    now = fingerprint_of(subject.run)
    return (widgets.unchanged(), widgets.unchanged()) if now == seen else (now, followed(subject, wanted))


def lay_out(subject: Subject) -> None:
    """Lay out the tab; it follows the run while the page is open."""
    run, config = subject.run, subject.config
    if run is None or config is None:
        widgets.html(followed(subject, 0))
        return
    most = config.training.steps
    grids = widgets.slider("Sample grid up to step", 0, most, most, 1)
    shown, seen = widgets.html(), widgets.memory(None)
    widgets.respond([grids.release], partial(followed, subject), [grids], [shown], quiet=True)
    tick = widgets.clock(REFRESH_SECONDS).tick
    widgets.respond([tick], partial(_changed, subject), [grids, seen], [seen, shown], quiet=True)
