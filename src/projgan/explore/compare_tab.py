"""Compare: several runs side by side at the same seeds and the same class."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from projgan.explore import widgets
from projgan.explore.bounds import refuse_many, seed_of, truncation_of, whole
from projgan.explore.markup import Shown, heading, name_of, note, pictures
from projgan.explore.sample_tab import draw
from projgan.explore.subjects import Subject

MOST_COMPARED = 32
"""Images of each run."""


def common_rows(subjects: Sequence[Subject]) -> list[str]:
    """Every class of any of them by name, in the order in which they are met."""
    names = [name for subject in subjects if subject.maker for name in subject.maker.rows if name]
    return list(dict.fromkeys(names))


def compared(subjects: Sequence[Subject], row: Any, seed: Any, count: Any, truncation: Any) -> Markup:
    """Draw the same seeds of a class from each.

    Raises:
        UserError: a number out of its range.
    """
    names = common_rows(subjects)
    name = names[whole(row, "a class", 0, len(names) - 1)] if names else ""
    first, bound = seed_of(seed), truncation_of(truncation)
    seeds = range(first, first + whole(count, "the count", 1, MOST_COMPARED))
    return Markup("").join(_row(subject, name, list(seeds), bound) for subject in subjects)


def _row(subject: Subject, name: str, seeds: list[int], bound: float | None) -> Markup:
    name_of_run = heading(subject.name)
    if subject.maker is None:
        return name_of_run + note(f"Not shown: {subject.why_no_maker}.")
    maker = subject.maker
    if maker.conditions is not None and name not in maker.rows:
        return name_of_run + note(f"It knows no {name}.")
    row = maker.rows.index(name) if maker.conditions is not None else 0
    refuse_many(len(seeds), maker.generator.resolution)
    images = draw(maker, [(row, seed) for seed in seeds], bound)
    shown = [Shown(image, f"seed {seed}") for seed, image in zip(seeds, images, strict=True)]
    about = note(f"{maker.description.provenance.step:,} steps; unconditional: it meets no class.")
    if maker.conditions is not None:
        about = note(f"{maker.description.provenance.step:,} steps")
    return name_of_run + about + pictures(shown, f"Images of {subject.name}")


def lay_out(subjects: Sequence[Subject]) -> None:
    """Lay out the tab."""
    names = [name_of(name) for name in common_rows(subjects)]
    with widgets.row():
        row = widgets.choice("Class", names, 0) if names else widgets.memory(None)
        seed = widgets.whole("First seed", 0)
        count = widgets.whole("Images", 8)
        truncation = widgets.optional("Truncation", "none")
        draw_now = widgets.button("Compare")
    images = widgets.html()
    inputs = [row, seed, count, truncation]
    events = [draw_now.click, *(field.submit for field in inputs[1:]), *([row.change] if names else [])]
    widgets.respond(events, partial(compared, subjects), inputs, [images])
