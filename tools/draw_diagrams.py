"""Draw the documentation's diagrams: `python tools/draw_diagrams.py docs/images`."""

import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

mpl.rcParams["svg.hashsalt"] = "projgan"  # the same drawing is the same file
INK, SOFT, LABEL = "#1b3a4b", "#d7ecf0", "#ffe8c2"


def box(axes: Axes, x: float, y: float, words: str, width: float = 1.9, colour: str = SOFT) -> None:
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
    axes.text(x, y, words, ha="center", va="center", color=INK, fontsize=11)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=14, color=INK, lw=1.3))


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    return figure, axes


def projection() -> Figure:
    """Equation 3: two terms of one logit."""
    figure, axes = canvas(9.6, 3.4)
    box(axes, 1.1, 1.7, "image x", 1.5)
    box(axes, 3.4, 1.7, "trunk\nφ(x)", 1.5)
    box(axes, 5.9, 2.7, "ψ: one number", 1.9)
    box(axes, 5.9, 1.5, "inner product", 1.9)
    box(axes, 3.4, 0.45, "class y", 1.5, LABEL)
    box(axes, 5.9, 0.45, "vector y'V", 1.9, LABEL)
    box(axes, 8.5, 2.1, "f(x, y)", 1.4)
    axes.text(7.15, 2.82, "marginal", fontsize=9, color=INK, ha="left")
    axes.text(7.15, 1.42, "conditional", fontsize=9, color=INK, ha="left")
    axes.text(8.5, 1.52, "their sum", fontsize=9, color=INK, ha="center")
    for start, end in (
        ((1.92, 1.7), (2.56, 1.7)),
        ((4.22, 1.85), (4.88, 2.6)),
        ((4.22, 1.65), (4.88, 1.52)),
        ((4.22, 0.45), (4.88, 0.45)),
        ((5.9, 0.84), (5.9, 1.12)),
        ((6.92, 2.66), (7.72, 2.25)),
        ((6.92, 1.54), (7.72, 1.95)),
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
