"""Charts as SVG: the only module that draws with matplotlib. The same numbers give the same bytes."""

import io
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from projgan.errors import printable
from projgan.overwriting import SIGN
from projgan.report.intervals import Spread

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
"""Okabe and Ito's, which colour-blind readers tell apart; the yellow, too pale for lines, is replaced."""
DASHES = ("-", "--", ":", "-.")
SHOWN_FONT = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"
"""Of the texts; all of these are narrower than the font that made the layout."""
CLASSES_PER_PANEL = 10
TITLE_LETTERS = 48
"""In a line of a title, which would end at the edge of the chart without."""
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "projgan",
    "font.size": 9,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that the layout is the same anywhere
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.labelcolor": "#333333",
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "text.parse_math": False,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


@dataclass(frozen=True)
class Line:
    """A curve: one seed's, thin, or a method's mean."""

    method: str
    points: tuple[tuple[float, float], ...]
    mean: bool


def colour_of(index: int) -> str:
    """Colour of the method at a place."""
    return COLOURS[index % len(COLOURS)]


def _set_title(axes: Axes, title: str) -> None:
    axes.set_title(textwrap.fill(title, TITLE_LETTERS), loc="left")


def draw_curves(title: str, x_label: str, lines: Sequence[Line], methods: Sequence[str]) -> bytes:
    """Draw thin lines for seeds under thick ones for means; returns SVG."""
    with _figure(5.0, 3.1 + 0.17 * _legend_rows(methods)) as figure:
        axes = figure.subplots()
        for line in sorted(lines, key=lambda line: line.mean):
            index = methods.index(line.method)
            look: dict[str, Any] = (
                {"linewidth": 1.9, "zorder": 3} if line.mean else {"linewidth": 0.7, "alpha": 0.45}
            )
            axes.plot(
                *zip(*line.points, strict=True),
                color=colour_of(index),
                linestyle=DASHES[index // len(COLOURS) % len(DASHES)],
                label=line.method if line.mean else None,
                marker="o" if len(line.points) <= 12 and line.mean else None,
                markersize=3.5,
                **look,
            )
        axes.set(xlabel=x_label)
        _set_title(axes, title)
        axes.xaxis.set_major_formatter(FuncFormatter(_short_number))
        axes.margins(x=0.02)
        _legend(figure, axes, methods)
        return _svg(figure)


def draw_intervals(
    title: str, results: Sequence[tuple[str, Spread, Sequence[float]]], methods: Sequence[str]
) -> bytes:
    """Draw a row per method: every seed's value, their mean, and its interval; returns SVG.

    Args:
        title: the metric and its direction.
        results: name, spread and values of each method, from the top.
        methods: every method of the report, for the colours.
    """
    longest = max(len(name) for name, _, _ in results)
    width = 5.0 + 0.065 * max(0, longest - 24)  # inches a letter, so that the rows keep their place
    with _figure(width, 0.75 + 0.32 * len(results)) as figure:
        axes = figure.subplots()
        for place, (name, spread, values) in enumerate(results):
            colour = colour_of(methods.index(name))
            if len(values) > 1:
                axes.plot(values, [place - 0.27] * len(values), "o", color=colour, markersize=3, mew=0)
            axes.errorbar(
                [spread.value],
                [place],
                xerr=None if spread.half_width is None else [spread.half_width],
                fmt="D",
                color=colour,
                markersize=4.5,
                capsize=3,
                linewidth=1.6,
            )
        axes.set_yticks(range(len(results)), [name for name, _, _ in results])
        axes.set_ylim(len(results) - 0.45, -0.65)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        _set_title(axes, title)
        return _svg(figure)


def draw_class_bars(
    title: str, classes: Sequence[str], values: dict[str, dict[str, Spread]], methods: Sequence[str]
) -> bytes:
    """Draw bars grouped by class, one per method, in panels of ten classes; returns SVG.

    Args:
        title: the metric and its direction.
        classes: names, from the left.
        values: of each method, of each class.
        methods: every method of the report, for the colours.
    """
    panels = [
        classes[start : start + CLASSES_PER_PANEL] for start in range(0, len(classes), CLASSES_PER_PANEL)
    ]
    longest = max(len(shortened(name)) for name in classes)
    turned = longest * len(panels[0]) > 80
    height = 2.1 + (0.06 * longest if turned else 0)
    with _figure(9.2, height * len(panels) + 0.4 + 0.17 * _legend_rows(methods)) as figure:
        rows = figure.subplots(len(panels), 1, sharey=True, squeeze=False)[:, 0]
        width = 0.84 / len(values)
        for axes, panel in zip(rows, panels, strict=True):
            for place, (method, of_class) in enumerate(values.items()):
                known = [(index, of_class[name]) for index, name in enumerate(panel) if name in of_class]
                lefts = [index - 0.42 + (place + 0.5) * width for index, _ in known]
                axes.bar(
                    lefts,
                    [spread.value for _, spread in known],
                    width * 0.92,
                    color=colour_of(methods.index(method)),
                    label=method,
                )
                _error_bars(axes, lefts, [spread for _, spread in known])
            turn: dict[str, Any] = (
                {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if turned else {}
            )
            axes.set_xticks(range(len(panel)), list(map(shortened, panel)), **turn)
            axes.set_xlim(-0.55, len(panels[0]) - 0.45)
            axes.tick_params(axis="x", length=0)
            axes.grid(visible=False, axis="x")
        rows[0].set_title(title, loc="left")
        _legend(figure, rows[0], methods)
        return _svg(figure)


def _error_bars(axes: Any, places: Sequence[float], spreads: Sequence[Spread]) -> None:
    known = [
        (place, spread)
        for place, spread in zip(places, spreads, strict=True)
        if spread.half_width is not None
    ]
    if known:
        axes.errorbar(
            [place for place, _ in known],
            [spread.value for _, spread in known],
            yerr=[spread.half_width for _, spread in known],
            fmt="none",
            ecolor="#333333",
            elinewidth=0.8,
        )


def shortened(name: str, longest: int = 22) -> str:
    """Cut a name that would not fit, and quote what cannot be printed."""
    name = printable(name)
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _legend_rows(methods: Sequence[str]) -> int:
    return -(-len(methods) // _legend_columns(methods))


def _legend_columns(methods: Sequence[str]) -> int:
    return max(1, min(4, 62 // (max(map(len, methods)) + 6)))


def _legend(figure: Figure, axes: Any, methods: Sequence[str]) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if len(methods) > 1 and handles:
        figure.legend(
            handles, labels, loc="outside lower left", ncols=_legend_columns(methods), handlelength=1.4
        )


def _short_number(value: float, place: int | None = None) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


@contextmanager
def _figure(width: float, height: float) -> Iterator[Figure]:
    """A figure in inches, not known to pyplot, in the report's style whatever the person's own is."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Figure) -> bytes:
    content = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with warnings.catch_warnings():
        # The reader's browser may have a letter that the font of the layout lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(content, format="svg", transparent=True, metadata=nothing)
    svg = content.getvalue()
    svg = svg[svg.index("<svg") :]
    # Names such as axes_1 serve nobody and would be there once per chart of a page.
    svg = svg.replace("'DejaVu Sans'", SHOWN_FONT)
    svg = re.sub(r'<g id="\w+_\d+">', "<g>", svg)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.S)
    return f"{svg}<!-- {SIGN} -->\n".encode()
