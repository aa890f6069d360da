"""Which charts and grids a report shows, with what is said below them."""

from collections.abc import Sequence
from dataclasses import dataclass

from projgan.evaluation.rows import differing_keys
from projgan.listening import Count
from projgan.report import charts
from projgan.report.curves import LOSSES, loss_lines, metric_lines
from projgan.report.grids import draw_grids
from projgan.report.methods import Method
from projgan.report.results import MetricResult
from projgan.report.tables import titled

MOST_CLASSES = 20
"""More than these are not drawn, but for the ten best and the ten worst; all are in the JSON."""
IMAGES_SEEN = "real images seen by the discriminator"


@dataclass(frozen=True)
class Picture:
    """A chart or a grid of images."""

    name: str
    """Of its file, as in `curve-1-fid.svg`."""
    content: bytes
    title: str
    caption: str
    """What the title leaves unsaid; may be empty."""
    description: str
    """For readers who do not see it."""
    size: tuple[int, int] | None = None
    """Width and height in pixels, of a PNG."""


def interval_charts(methods: Sequence[Method], results: Sequence[MetricResult]) -> list[Picture]:
    """Draw one chart per metric, where there are methods to compare."""
    pictures = []
    for place, result in enumerate(results):
        measured = [
            (of.method, of.spread, [row.value for _, row in of.rows]) for of in result.methods if of.spread
        ]
        if len(methods) > 1 and measured:
            title = titled(result.metric)
            svg = charts.draw_intervals(title, measured, _names(methods))
            description = f"{result.metric.title} of each method"
            pictures.append(Picture(_file("interval", place, result.name), svg, title, "", description))
    return pictures


def metric_curves(methods: Sequence[Method], results: Sequence[MetricResult]) -> list[Picture]:
    """Draw one chart per metric that was measured on the way."""
    pictures = []
    for place, result in enumerate(results):
        lines = metric_lines(result, methods)
        if lines:
            title = titled(result.metric)
            svg = charts.draw_curves(title, IMAGES_SEEN, lines, _names(methods))
            description = f"{result.metric.title} against {IMAGES_SEEN}"
            name = _file("curve", place, result.name)
            pictures.append(Picture(name, svg, title, _otherwise(result), description))
    return pictures


def _otherwise(result: MetricResult) -> str:
    """Say in what a curve was measured otherwise than the table; empty where in nothing."""
    differing = differing_keys(result.curve_measurement, result.measurement)
    if not differing:
        return ""
    said = "; ".join(f"{key} {ours}, not {theirs}" for key, (ours, theirs) in differing.items())
    return f"Not the table's protocol, so do not compare with it: {said}."


def loss_curves(methods: Sequence[Method]) -> list[Picture]:
    """Draw both losses."""
    pictures = []
    for place, (key, title) in enumerate(LOSSES.items()):
        lines = loss_lines(key, methods)
        if lines:
            svg = charts.draw_curves(title, IMAGES_SEEN, lines, _names(methods))
            pictures.append(
                Picture(_file("loss", place, key), svg, title, "", f"{title} against {IMAGES_SEEN}")
            )
    return pictures


def class_bars(methods: Sequence[Method], results: Sequence[MetricResult]) -> list[Picture]:
    """Draw one chart per metric that has a value for each class."""
    pictures = []
    for place, result in enumerate(results):
        values = {of.method: of.per_class for of in result.methods if of.per_class}
        if values:
            classes, which = shown_classes(result, methods[0].runs[0].class_names)
            title = titled(result.metric)
            svg = charts.draw_class_bars(title, classes, values, _names(methods))
            caption = f"{result.metric.title} of {which}."
            spreads = [spread for of_class in values.values() for spread in of_class.values()]
            if any(spread.half_width is not None for spread in spreads):
                caption += " Lines are 95% Student-t intervals over seeds."
            name = _file("classes", place, result.name)
            pictures.append(Picture(name, svg, title, caption, f"{result.metric.title} of {which}"))
    return pictures


def shown_classes(result: MetricResult, class_names: Sequence[str]) -> tuple[list[str], str]:
    """Return the classes whose bars are drawn, and which they are in words."""
    means = {}
    for name in class_names:
        values = [of.per_class[name].value for of in result.methods if name in of.per_class]
        if values:
            means[name] = sum(values) / len(values)
    if len(means) <= MOST_CLASSES:
        return list(means), "each class"
    ordered = sorted(means, key=lambda name: means[name], reverse=result.metric.better == "higher")
    half = MOST_CLASSES // 2
    first, last = ("best", "worst") if result.metric.better else ("lowest", "highest")
    which = (
        f"the {half} {first} (above) and the {half} {last} (below) of {len(means)} classes, by the mean over "
        "methods"
    )
    return ordered[:half] + ordered[-half:], which


def image_grids(methods: Sequence[Method], progress: Count) -> list[Picture]:
    """Draw what each method generates."""
    pictures = []
    for place, drawn in enumerate(draw_grids(methods, progress)):
        run = methods[place].runs[0]
        caption = f"run {run.name}, seed {run.seed}, step {run.provenance.step:,}"
        name = _file("grid", place, drawn.method, "png")
        description = f"Images generated by {drawn.method}"
        pictures.append(
            Picture(name, drawn.png, drawn.method, caption, description, (drawn.width, drawn.height))
        )
    return pictures


def _names(methods: Sequence[Method]) -> list[str]:
    return [method.name for method in methods]


def _file(kind: str, place: int, name: str, ending: str = "svg") -> str:
    """Name a file by what is safe anywhere; its place keeps it apart from the others."""
    safe = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)
    return f"{kind}-{place + 1}-{safe[:60].lower()}.{ending}"
