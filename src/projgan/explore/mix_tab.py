"""Mix: a slider per class, and the images of that mixture."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from markupsafe import Markup

from projgan.errors import UserError
from projgan.explore import widgets
from projgan.explore.bounds import (
    MOST_IMAGES,
    number,
    refuse_many,
    seed_of,
    truncation_of,
    whole,
)
from projgan.explore.markup import Shown, command, name_of, pictures
from projgan.explore.sample_tab import maker_of
from projgan.explore.subjects import MOST_ROWS, Maker, Subject
from projgan.generation.conditions_in_words import MIXES
from projgan.generation.sampling import sample

MOST_SLIDERS = 12
"""At once; of more classes, some are chosen."""
DEVIATIONS = 3.0


@dataclass(frozen=True)
class Scale:
    """What a slider goes over."""

    name: str
    low: float
    high: float
    start: float
    step: float


def columns_of(maker: Maker) -> list[int]:
    """Labels or columns that can be mixed."""
    return maker.description.present_classes


def scale_of(maker: Maker, column: int, place: int) -> Scale:
    """The slider of a label or a column; the first two of a class start at one half."""
    name = maker.description.class_names[column]
    units = maker.description.standardization
    if units is not None:
        mean, reach = units.means[column], DEVIATIONS * units.deviations[column]
        return Scale(
            name, *(float(f"{value:.4g}") for value in (mean - reach, mean + reach, mean, reach / 60))
        )
    start = (0.5 if place < 2 else 0.0) if maker.generator.condition == "class" else float(place == 0)
    return Scale(name, 0.0, 1.0, start, 0.01)


def mixture(maker: Maker, columns: Sequence[int], values: Sequence[Any]) -> dict[str, float]:
    """Return the mixture that the sliders say, by name; weights of classes are brought to a sum of 1.

    Raises:
        UserError: a number out of its range, or all weights are 0.
    """
    found = {}
    for place, (column, value) in enumerate(zip(columns, values, strict=True)):
        scale = scale_of(maker, column, place)
        slack = 1e-6 * (scale.high - scale.low)
        found[scale.name] = number(
            value, f"the slider of {scale.name}", scale.low - slack, scale.high + slack
        )
    if maker.generator.condition != "class":
        return {name: float(f"{value:.6g}") for name, value in found.items()}
    total = sum(found.values())
    if total <= 0:
        raise UserError("all sliders are at 0; move one of them up")
    return {name: float(f"{value / total:.6g}") for name, value in found.items() if value > 0}


def mixed(
    subject: Subject, chosen: Any, values: Sequence[Any], seed: Any, count: Any, truncation: Any
) -> Markup:
    """Draw `count` seeds of a mixture of the chosen classes.

    Raises:
        UserError: a number out of its range, or nothing to mix.
    """
    maker = maker_of(subject)
    columns = _chosen(maker, chosen)
    if not columns:
        raise UserError("no class is chosen; choose those to mix")
    first, bound = seed_of(seed), truncation_of(truncation)
    seeds = range(first, first + whole(count, "the count", 1, MOST_IMAGES))
    refuse_many(len(seeds), maker.generator.resolution)
    weights = mixture(maker, columns[:MOST_SLIDERS], values[: len(columns)])
    about = maker.description
    condition = MIXES[str(maker.generator.condition)](
        weights, about.class_names, about.standardization, about.empty_classes
    )
    lanes = sample(maker.generator, seeds, condition.expand(len(seeds), -1), bound)
    images = [image for lane in lanes for image in lane]
    shown = [Shown(image, f"seed {seed}") for seed, image in zip(seeds, images, strict=True)]
    words: list[object] = ["sample", subject.given, "--mix"]
    words += [",".join(f"{name}={weight:.6g}" for name, weight in weights.items())]
    words += ["--count", len(seeds), "--seed", first]
    words += [] if bound is None else ["--truncation", f"{bound:g}"]
    return pictures(shown, "Images of the mixture") + command(*words, "--out", "mix.png")


def _chosen(maker: Maker, chosen: Any) -> list[int]:
    """The labels or columns that are chosen."""
    names = maker.description.class_names
    asked = chosen if isinstance(chosen, list | range) else [chosen]
    columns = [whole(one, "a class", 0, len(names) - 1) for one in asked]
    if not set(columns) <= set(columns_of(maker)) or len(set(columns)) < len(columns):
        raise UserError("a class is chosen twice, or one that had no images in training; choose others")
    return columns


def lay_out(subject: Subject) -> widgets.Control:
    """Lay out the tab; returns its seed."""
    maker = maker_of(subject)
    known = columns_of(maker)
    first = known[:MOST_SLIDERS]
    columns: list[int | None] = [*first]
    names = [name_of(name) for name in maker.description.class_names[:MOST_ROWS]]
    chosen = widgets.memory(first)
    if len(known) > MOST_SLIDERS:
        chosen = widgets.choice("Classes to mix", names, first[:4], MOST_SLIDERS)
        columns = [*first[:4]] + [None] * (MOST_SLIDERS - 4)
    with widgets.row("pg-sliders"):
        sliders = [_slider(maker, column, place) for place, column in enumerate(columns)]
    with widgets.row():
        seed = widgets.whole("First seed", 0)
        count = widgets.whole("Images", 8)
        truncation = widgets.optional("Truncation", "none")
        draw_now = widgets.button("Mix")
    images = widgets.html()

    def answer(chosen: Any, seed: Any, count: Any, truncation: Any, *values: Any) -> Markup:
        return mixed(subject, chosen, values, seed, count, truncation)

    events = [draw_now.click, *(slider.release for slider in sliders)]
    events += [field.submit for field in (seed, count, truncation)]
    widgets.respond(events, answer, [chosen, seed, count, truncation, *sliders], [images])
    if len(known) > MOST_SLIDERS:
        widgets.respond([chosen.change], partial(_moved, maker), [chosen], sliders, quiet=True)
    return seed


def _slider(maker: Maker, column: int | None, place: int) -> widgets.Control:
    if column is None:
        return widgets.slider("", 0.0, 1.0, 0.0, 0.01, shown=False)
    scale = scale_of(maker, column, place)
    return widgets.slider(name_of(scale.name), scale.low, scale.high, scale.start, scale.step)


def _moved(maker: Maker, chosen: Any) -> tuple[Any, ...]:
    """The sliders of other classes; those beyond are hidden."""
    columns = _chosen(maker, chosen or [])
    scales = [scale_of(maker, column, place) for place, column in enumerate(columns)]
    moved = [
        widgets.moved_slider(name_of(one.name), one.low, one.high, one.start, one.step) for one in scales
    ]
    return (*moved, *(widgets.hidden() for _ in range(MOST_SLIDERS - len(moved))))
