"""Found images: what `projgan invert` found of images, and the same latents in other classes."""

from functools import partial
from typing import Any

import torch
from markupsafe import Markup

from projgan.explore import widgets
from projgan.explore.bounds import most_images, places_of, refuse_many, rows_of
from projgan.explore.found import FoundImage
from projgan.explore.markup import Shown, heading, name_of, note, pictures
from projgan.explore.sample_tab import choose_row, maker_of
from projgan.explore.subjects import Maker, Subject
from projgan.generation.sampling import sample_latents

LEAST_WEIGHT = 0.01
"""Of a class that is named."""
AT_FIRST = 10
"""Images, and classes of each, that are drawn at first where there is room."""


def drawn(subject: Subject, images: Any, classes: Any) -> Markup:
    """Draw each of the chosen images as it was found, and its latent in each of the chosen classes.

    Raises:
        UserError: no image, one that is not there, or more than a page should hold.
    """
    maker = maker_of(subject)
    chosen = [maker.found[place] for place in places_of(images, "an image", len(maker.found))]
    rows = rows_of(classes, maker) if maker.conditions is not None and classes else []
    refuse_many(len(chosen) * (1 + len(rows)), maker.generator.resolution)
    return Markup("").join(_line(maker, one, rows) for one in chosen)


def _line(maker: Maker, one: FoundImage, rows: list[int]) -> Markup:
    latents, weights = one.latent.expand(1 + len(rows), -1), None
    captions = [_as_found(maker, one), *(maker.rows[row] for row in rows)]
    if one.weights is not None:
        labels = [maker.condition_of(row) for row in rows]
        others = torch.eye(len(one.weights))[[int(label) for label in labels if label is not None]]
        weights = torch.cat([one.weights[None], others])
    images = [image for lane in sample_latents(maker.generator, latents, weights) for image in lane]
    shown = [Shown(image, caption) for image, caption in zip(images, captions, strict=True)]
    return heading(one.name) + pictures(shown, one.name)


def _as_found(maker: Maker, one: FoundImage) -> str:
    """Say of what class or mixture an image was found."""
    if one.weights is None:
        return "as found"
    places = [
        int(place) for place in one.weights.argsort(descending=True) if one.weights[place] >= LEAST_WEIGHT
    ]
    names = [name_of(maker.description.class_names[place]) for place in places[:3]]
    if len(places) > 1:
        names = [f"{name} {one.weights[place]:.2f}" for name, place in zip(names, places, strict=False)]
    return f"as found: {', '.join(names)}"


def lay_out(subject: Subject, shown: widgets.Event) -> None:
    """Lay out the tab."""
    maker = maker_of(subject)
    widgets.html(note("Images that were looked for in this generator. Morph goes from and to them too."))
    names = [name_of(one.name) for one in maker.found]
    with widgets.row():
        few = min(AT_FIRST, len(names), most_images(maker.generator.resolution))
        room = min(AT_FIRST, len(maker.rows), most_images(maker.generator.resolution) // few - 1)
        images = widgets.choice("Images", names, list(range(few)))
        classes = choose_row(maker, "The same in other classes", list(range(room)))
        draw_now = widgets.button("Draw")
    events = [shown, draw_now.click, images.change]
    events += [classes.change] if maker.conditions is not None else []
    widgets.respond(events, partial(drawn, subject), [images, classes], [widgets.html()])
