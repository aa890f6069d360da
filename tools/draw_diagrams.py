"""Draw the documentation's diagrams: `python tools/draw_diagrams.py docs/images`."""

import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

mpl.rcParams["svg.hashsalt"] = "projgan"  # the same drawing is the same file
INK, SOFT, LABEL = "#1b3a4b", "#d7ecf0", "#ffe8c2"


def box(
    axes: Axes, x: float, y: float, words: str, width: float = 1.9, colour: str = SOFT, size: float = 11
) -> None:
    """A rounded box with its centre at (x, y)."""
    height = 0.62
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0.06",
            fc=colour,
            ec=INK,
            lw=1.2,
        )
    )
    axes.text(x, y, words, ha="center", va="center", color=INK, fontsize=size)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=14, color=INK, lw=1.3))


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    return figure, axes


def projection() -> Figure:
    """Equation 3: two terms of one logit; narrow, so that a phone shows its words in a size to read."""
    figure, axes = canvas(6.4, 4.7)
    left, right, middle = 1.6, 4.8, 3.2
    box(axes, left, 4.25, "image x", 2.3, size=14)
    box(axes, left, 3.1, "trunk φ(x)", 2.3, size=14)
    box(axes, left, 1.75, "ψ: one number", 2.3, size=14)
    box(axes, right, 4.25, "class y", 2.3, LABEL, size=14)
    box(axes, right, 3.1, "vector y'V", 2.3, LABEL, size=14)
    box(axes, right, 1.75, "inner product", 2.3, size=14)
    box(axes, middle, 0.4, "sum: f(x, y)", 2.3, size=14)
    axes.text(1.75, 1.0, "marginal", fontsize=12, color=INK, ha="right", va="center")
    axes.text(4.65, 1.0, "conditional", fontsize=12, color=INK, ha="left", va="center")
    for start, end in (
        ((left, 3.88), (left, 3.47)),
        ((right, 3.88), (right, 3.47)),
        ((left, 2.73), (left, 2.12)),
        ((right, 2.73), (right, 2.12)),
        ((2.81, 2.85), (3.7, 2.12)),
        ((left + 0.2, 1.38), (middle - 0.4, 0.77)),
        ((right - 0.2, 1.38), (middle + 0.4, 0.77)),
    ):
        arrow(axes, start, end)
    return figure


def pipeline() -> Figure:
    """From images to pictures and numbers."""
    figure, axes = canvas(11.4, 2.6)
    for x, words in ((1.1, "images\nwith labels"), (3.5, "train"), (6.0, "run directory")):
        box(axes, x, 1.3, words, 1.75)
    for x, y, words in ((8.7, 2.2, "sample · morph"), (8.7, 1.3, "evaluate"), (8.7, 0.4, "inspect")):
        box(axes, x, y, words, 1.9)
    box(axes, 10.6, 1.3, "compare", 1.2)
    for start, end in (
        ((2.05, 1.3), (2.52, 1.3)),
        ((4.45, 1.3), (5.02, 1.3)),
        ((6.96, 1.45), (7.66, 2.15)),
        ((6.96, 1.3), (7.66, 1.3)),
        ((6.96, 1.15), (7.66, 0.45)),
        ((9.73, 1.3), (9.92, 1.3)),
    ):
        arrow(axes, start, end)
    return figure


DIAGRAMS = {"projection": projection, "pipeline": pipeline}


def main() -> None:
    folder = Path(sys.argv[1])
    for name, draw in DIAGRAMS.items():
        figure = draw()
        figure.savefig(
            folder / f"{name}.svg", bbox_inches="tight", facecolor="white", metadata={"Date": None}
        )


if __name__ == "__main__":
    main()
