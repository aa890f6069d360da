"""Sample: a class, a seed, a truncation, and the images that `projgan sample` gives for them."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from markupsafe import Markup
from torch import Tensor

from projgan.errors import UserError, visible
from projgan.explore import widgets
from projgan.explore.bounds import (
    MOST_IMAGES,
    most_images,
    refuse_many,
    rows_of,
    seed_of,
    truncation_of,
    whole,
)
from projgan.explore.markup import Shown, command, heading, name_of, note, pictures
from projgan.explore.subjects import Maker, Subject
from projgan.generation.sampling import sample

Kept = tuple[int, int, float | None]
"""A condition's position, a seed and a truncation."""
MOST_KEPT = 64


def draw(maker: Maker, places: Sequence[tuple[int, int]], truncation: float | None = None) -> list[Tensor]:
    """Return one image uint8 [C, R, R] for each (condition, seed)."""
    rows, seeds = [row for row, _ in places], [seed for _, seed in places]
    conditions = None if maker.conditions is None else maker.conditions[torch.tensor(rows)]
    return [image for lane in sample(maker.generator, seeds, conditions, truncation) for image in lane]


def caption_of(maker: Maker, row: int, seed: int) -> str:
    """Name an image."""
    return f"{maker.rows[row]} · {seed}" if maker.rows[row] else f"seed {seed}"


def sampled(
    subject: Subject, chosen: Any, seed: Any, count: Any, truncation: Any, kept: list[Kept]
) -> Markup:
    """Draw `count` seeds of each chosen class.

    Raises:
        UserError: a number out of its range, or more images than a page should hold.
    """
    maker = maker_of(subject)
    rows, first, bound = rows_of(chosen, maker), seed_of(seed), truncation_of(truncation)
    seeds = range(first, first + whole(count, "the count", 1, MOST_IMAGES))
    places = [(row, seed) for row in rows for seed in seeds]
    refuse_many(len(places), maker.generator.resolution)
    images = iter(draw(maker, places, bound))
    parts = [_class(maker, row, [(row, seed, bound) for seed in seeds], images, kept) for row in rows]
    return Markup("").join(parts) + command_of(subject, rows, first, len(seeds), bound)


def _class(maker: Maker, row: int, places: list[Kept], images: Iterator[Tensor], kept: list[Kept]) -> Markup:
    """The images of a class under its name."""
    shown = [
        Shown(next(images), f"seed {place[1]}", place, marked=place in kept, what=maker.rows[row])
        for place in places
    ]
    return heading(maker.rows[row]) + pictures(shown, maker.rows[row] or "Images")


def command_of(subject: Subject, rows: Sequence[int], seed: int, count: int, bound: float | None) -> Markup:
    """The `projgan sample` of these images."""
    maker = maker_of(subject)
    words: list[object] = ["sample", subject.given]
    if maker.generator.condition in ("class", "multi-hot") and len(rows) < len(maker.rows):
        words += ["--class", *(maker.rows[row] for row in rows)]
    words += ["--count", count, "--seed", seed]
    words += [] if bound is None else ["--truncation", f"{bound:g}"]
    return command(*words, "--out", "images.png")


def maker_of(subject: Subject) -> Maker:
    """Return the generator.

    Raises:
        UserError: there is none.
    """
    if subject.maker is None:
        raise UserError(f"{subject.name}: {subject.why_no_maker}")
    return subject.maker


def toggled(subject: Subject, picked: dict[str, Any], kept: list[Kept]) -> list[Kept]:
    """Keep the image that was clicked, or let it go if it was kept.

    Raises:
        UserError: no image, or more than can be kept.
    """
    maker = maker_of(subject)
    row = whole(picked.get("row"), "a class", 0, len(maker.rows) - 1)
    one = (row, seed_of(picked.get("seed")), truncation_of(picked.get("truncation")))
    if one in kept:
        return [other for other in kept if other != one]
    if len(kept) >= MOST_KEPT:
        raise UserError(f"{MOST_KEPT} images are kept, which is the most; click some of them to let them go")
    return [*kept, one]


def shelf(subject: Subject, kept: list[Kept]) -> Markup:
    """Draw what is kept."""
    maker = maker_of(subject)
    if not kept:
        return note("Click an image to keep it; Mix and Morph then start from its seed.")
    drawn = [draw(maker, [(row, seed)], bound)[0] for row, seed, bound in kept]
    shown = [
        Shown(image, _kept_caption(maker, one), one, marked=True)
        for one, image in zip(kept, drawn, strict=True)
    ]
    return note("Kept; click one to let it go.") + pictures(shown, "Kept images")


def _kept_caption(maker: Maker, one: Kept) -> str:
    row, seed, bound = one
    return caption_of(maker, row, seed) + ("" if bound is None else f" · ±{bound:g}")


def about(maker: Maker) -> str:
    """Say in a line what a generator is."""
    about, network = maker.description.provenance, maker.generator
    what = "columns" if network.condition == "vector" else "classes"
    classes = f"{len(maker.description.class_names)} {what}, " if maker.conditions is not None else ""
    averaged = ", averaged weights" if about.averaged else ""
    return (
        f"{network.resolution}x{network.resolution} pixels, {classes}trained on {visible(about.data)} for "
        f"{about.step:,} steps{averaged}."
    )


def seed_for_others(picked: dict[str, Any], count: int) -> Any:
    """The seed of a clicked image, for each of the other tabs."""
    seed = seed_of(picked.get("seed"))
    return tuple([seed] * count) if count > 1 else seed


MOST_AT_FIRST = 10
"""Classes that are drawn at first."""


def lay_out(subject: Subject, shown: widgets.Event) -> widgets.Event:
    """Lay out the tab; returns the event of a click on an image."""
    maker = maker_of(subject)
    few = list(range(min(MOST_AT_FIRST, len(maker.rows))))
    with widgets.column("pg-sample"):
        classes = choose_row(maker, "Classes", few)
        with widgets.row():
            seed = widgets.whole("First seed", 0)
            count = widgets.whole(
                "Images of each", min(8, most_images(maker.generator.resolution) // len(few))
            )
            truncation = widgets.optional("Truncation", "none")
            draw_now = widgets.button("Draw")
        kept = widgets.memory([])
        kept_images = widgets.html(shelf(subject, []), "pick")
        images = widgets.html("", "pick")
    inputs = [classes, seed, count, truncation, kept]
    events = [shown, draw_now.click, *(field.submit for field in (seed, count, truncation))]
    events += [classes.change] if maker.conditions is not None else []
    widgets.respond(events, partial(sampled, subject), inputs, [images])
    for place in (images, kept_images):
        widgets.respond(
            [place.select], partial(_kept, subject), [kept], [kept, kept_images], told=True, quiet=True
        )
    return images.select


def _kept(subject: Subject, picked: dict[str, Any], kept: list[Kept]) -> tuple[list[Kept], Markup]:
    now = toggled(subject, picked, kept)
    return now, shelf(subject, now)


def choose_row(maker: Maker, label: str, chosen: int | list[int]) -> widgets.Control:
    """A control for conditions; where there are none, one that says nothing."""
    if maker.conditions is None:
        return widgets.memory(None)
    return widgets.choice(label, [name_of(name) for name in maker.rows], chosen)
