"""What the discriminator thinks: r(x) and r(y|x) of generated images, and of one from outside."""

import base64
import binascii
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from markupsafe import Markup
from torch import Tensor

from projgan.data.configured import fit_of
from projgan.data.decode import decode, open_image
from projgan.errors import UserError
from projgan.explore import widgets
from projgan.explore.bounds import refuse_many, rows_of, seed_of, truncation_of, whole
from projgan.explore.markup import Shown, bars, note, pictures
from projgan.explore.sample_tab import choose_row, draw, maker_of
from projgan.explore.subjects import Subject
from projgan.inspection.inspection import READINGS, Inspection, inspect

MOST_JUDGED = 16
MOST_BARS = 10
LARGEST_UPLOAD = 20 * 2**20
"""Bytes of an image's file."""


def why_silent(subject: Subject) -> str:
    """Say why there is no opinion to ask for; "" where there is one."""
    if subject.maker is None:
        return f"{subject.name}: {subject.why_no_maker}."
    if subject.discriminator is None:
        return subject.why_no_discriminator
    if subject.maker.generator.condition not in ("class", None):
        return "The condition of this run is not one class an image, and only classes are asked about."
    return ""


def opinions(subject: Subject, row: Any, seed: Any, count: Any, truncation: Any) -> Markup:
    """Ask about generated images of one class.

    Raises:
        UserError: no discriminator, or a number out of its range.
    """
    _refuse_silent(subject)
    maker = maker_of(subject)
    chosen, first = rows_of(row, maker)[0], seed_of(seed)
    places = [(chosen, first + index) for index in range(whole(count, "the count", 1, MOST_JUDGED))]
    refuse_many(len(places), maker.generator.resolution)
    images = draw(maker, places, truncation_of(truncation))
    captions = [f"seed {seed}" for _, seed in places]
    return _cards(subject, torch.stack(images), captions, None if maker.conditions is None else chosen)


def judged(subject: Subject, picked: dict[str, Any]) -> Markup:
    """Ask about an image that the browser sends as text.

    Raises:
        UserError: no discriminator, or what is sent is too large, or no image that can be read safely.
    """
    _refuse_silent(subject)
    maker = maker_of(subject)
    content = _bytes_of(picked.get("content"), picked.get("bytes"))
    opened, network = open_image(content, "the image"), maker.generator
    how = fit_of(maker.description.provenance.settings)
    image = decode(opened, network.resolution, network.channels, "the image", how)
    return _cards(subject, torch.from_numpy(image)[None], ["your image, as the network sees it"], None)


def _bytes_of(sent: Any, size: Any) -> bytes:
    """`data:image/png;base64,...` -> bytes; the length is checked first."""
    if not isinstance(sent, str):
        raise UserError("no image was sent; choose a file")
    too_large = isinstance(size, int | float) and size > LARGEST_UPLOAD  # the page does not send such a one
    if too_large or len(sent) > 4 * LARGEST_UPLOAD // 3 + 200:
        raise UserError(f"the image's file is larger than the {LARGEST_UPLOAD // 2**20} MB accepted")
    try:
        return base64.b64decode(sent.partition(",")[2], validate=True)
    except binascii.Error:
        raise UserError("no image was sent; choose a file") from None


def _refuse_silent(subject: Subject) -> None:
    why = why_silent(subject)
    if why:
        raise UserError(why)


def opinion_of(subject: Subject, images: Tensor, label: int = 0) -> Inspection:
    """Return what the discriminator says of images, as if each had the label at a position of the rows."""
    maker = maker_of(subject)
    assert subject.discriminator is not None, "is refused before"
    if READINGS[subject.method].score_name == "":
        return inspect(subject.discriminator, subject.method, images, torch.zeros(len(images)).long())
    classes = torch.tensor(maker.description.present_classes)
    labels = classes[label].repeat(len(images))
    return inspect(subject.discriminator, subject.method, images, labels, classes=classes)


def _cards(subject: Subject, images: Tensor, captions: Sequence[str], own: int | None) -> Markup:
    found = opinion_of(subject, images, own or 0)
    scores = None if found.class_scores is None else found.class_scores.double()
    largest = 1.0 if scores is None else float(scores.abs().max())
    shown = []
    for place, caption in enumerate(captions):
        words = Markup('<p class="pg-real">r(x) = <b>{:+.2f}</b></p>').format(found.marginal[place].item())
        under = words if scores is None else words + _bars(subject, scores[place], largest, own)
        shown.append(Shown(images[place], caption, under=under))
    return Markup('<div class="pg-opinions">{}</div>').format(pictures(shown, "Opinions")) + _words(subject)


def _bars(subject: Subject, scores: Tensor, largest: float, own: int | None) -> Markup:
    """All classes in their order, or the best ones of many."""
    names = [maker_of(subject).rows[place] for place in range(len(scores))]
    places = list(range(len(names)))
    if len(names) > MOST_BARS:
        best = scores.argsort(descending=True, stable=True)[:MOST_BARS].tolist()
        places = best if own is None or own in best else [*best[:-1], own]
    marked = places.index(own) if own in places else None
    return bars([names[place] for place in places], scores[places].tolist(), largest, marked)


def _words(subject: Subject) -> Markup:
    name, total = READINGS[subject.method].score_name, len(maker_of(subject).rows)
    lines = ["r(x): how real the image looks, whatever its class. Higher is more real to this discriminator."]
    if name:
        many = f", the best {MOST_BARS} of {total}" if total > MOST_BARS else ""
        lines.append(
            f"The bars: {name} of each class{many}, up to a number that all classes of an image share."
        )
        lines.append(
            "They say how much better a label fits real images than generated ones, which is no probability "
            "of the class: see the guide on wrong labels."
            if name == "r(y|x)"
            else "They are a classifier's, learned beside the discriminator."
        )
    return note(*lines)


UPLOAD = (
    '<label class="pg-upload">An image of yours; it stays on this machine'
    '<input type="file" accept="image/*"></label>'
)


def lay_out(subject: Subject) -> None:
    """Lay out the tab, or say why there is nothing to ask."""
    why = why_silent(subject)
    if why:
        widgets.html(note(why))
        return
    maker = maker_of(subject)
    with widgets.row():
        row = choose_row(maker, "Class", 0)
        seed = widgets.whole("First seed", 0)
        count = widgets.whole("Images", 6)
        truncation = widgets.optional("Truncation", "none")
        ask = widgets.button("Ask")
    upload = widgets.html(UPLOAD, "upload")
    answer = widgets.html()
    inputs = [row, seed, count, truncation]
    events = [ask.click, *(field.submit for field in inputs[1:])]
    widgets.respond(events, partial(opinions, subject), inputs, [answer])
    widgets.respond([upload.upload], partial(judged, subject), [], [answer], told=True)
