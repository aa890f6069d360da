"""Morph: from one class to another, from one seed to another, and a slider through the path."""

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from markupsafe import Markup
from PIL import Image
from torch import Tensor

from projgan.errors import UserError
from projgan.explore import widgets
from projgan.explore.bounds import most_images, places_of, refuse_many, seed_of, truncation_of, typed, whole
from projgan.explore.markup import command, data_url, name_of, picture_url
from projgan.explore.sample_tab import maker_of
from projgan.explore.subjects import Maker, Subject
from projgan.generation.morph_writing import frame_of
from projgan.generation.morphing import Morph, linear_path, morph_images, path_through
from projgan.generation.sampling import latents_of
from projgan.pictures.animation import there_and_back, write_gif, write_mp4

MOST_STEPS = 60
SECONDS = 2.0
"""Of an animation, one way; as `projgan morph` has it."""


@dataclass(frozen=True)
class End:
    """Where a path begins or ends."""

    row: int
    """A condition's position; behind those, that of a found image."""
    seed: int | None
    """None where the latent is that of a found image."""
    latent: Tensor
    """[latent_size]."""
    weights: Tensor | None
    """Over the classes, or another vector, [K]; None where nothing is met."""


def ends_of(
    maker: Maker, first: int, last: int, seed: int, to_seed: int | None, truncation: float | None
) -> tuple[End, End]:
    """Return both ends of a path.

    A found image brings its own latent, which is not truncated; the other end keeps it if no seed is given.

    Raises:
        UserError: a seed for the end where that is a found image.
    """
    known = len(maker.rows)
    if last >= known and to_seed is not None:
        raise UserError(f"{maker.found[last - known].name} has its own latent; empty the field To seed")

    def end(row: int, seed: int | None, stays: Tensor | None = None) -> End:
        if row >= known:
            found = maker.found[row - known]
            return End(row, None, found.latent, found.weights)
        latent = stays if seed is None else latents_of([seed], maker.generator.latent_size, truncation)[0]
        assert latent is not None, "the beginning has a seed"
        return End(row, seed, latent, _weights(maker, row))

    start = end(first, seed)
    return start, end(last, start.seed if to_seed is None else to_seed, start.latent)


def _weights(maker: Maker, row: int) -> Tensor | None:
    condition = maker.condition_of(row)
    if condition is None or condition.is_floating_point():
        return condition
    return F.one_hot(condition, len(maker.description.class_names)).float()


def path_images(maker: Maker, start: End, end: End, steps: int) -> Tensor:
    """Return what lies between two ends, uint8 [steps, C, R, R]; at the ends are their own images."""
    latents = path_through(torch.stack([start.latent, end.latent]), steps)
    if start.weights is None or end.weights is None:
        return morph_images(maker.generator, Morph(latents[None], None))[0]
    stops = torch.stack([start.weights, end.weights])
    weights = linear_path(stops.double(), steps).float()
    return morph_images(maker.generator, Morph(latents[None], weights[None]))[0]


def morphed(
    subject: Subject,
    first: Any,
    last: Any,
    seed: Any,
    to_seed: Any,
    steps: Any,
    truncation: Any,
    ffmpeg: str | None = None,
) -> Markup:
    """Draw a path with a slider through it, and the animation to save.

    Raises:
        UserError: a number out of its range, or nothing changes on the way.
    """
    maker = maker_of(subject)
    places = [places_of(place, "a class", len(end_names(maker)))[0] for place in (first, last)]
    to = None if typed(to_seed) is None else seed_of(typed(to_seed))
    count, bound = whole(steps, "the steps", 2, MOST_STEPS), truncation_of(truncation)
    ends = ends_of(maker, places[0], places[1], seed_of(seed), to, bound)
    if ends[0].row == ends[1].row and torch.equal(ends[0].latent, ends[1].latent):
        raise UserError("nothing changes: choose two classes, or another seed to go to")
    refuse_many(count, maker.generator.resolution)
    images = path_images(maker, *ends, count)
    saved = animations([frame_of(image[None]) for image in images], ffmpeg)
    names = [_name_of_end(maker, end) for end in ends]
    return _player(images, names, saved) + _command(subject, maker, *ends, count, bound)


def end_names(maker: Maker) -> list[str]:
    """What a path can begin and end with: conditions, then found images."""
    return [*(name_of(row) or "a seed" for row in maker.rows), *(name_of(one.name) for one in maker.found)]


def animations(frames: list[Image.Image], ffmpeg: str | None) -> dict[str, bytes]:
    """Return the bytes of a GIF, and of an MP4 where there is ffmpeg, that go there and back."""
    seconds, frames = SECONDS / (len(frames) - 1), there_and_back(frames)
    with tempfile.TemporaryDirectory() as folder:
        gif, mp4 = Path(folder) / "morph.gif", Path(folder) / "morph.mp4"
        write_gif(frames, gif, seconds)
        found = {"gif": gif.read_bytes()}
        if ffmpeg:
            write_mp4(frames, mp4, seconds, ffmpeg)
            found["mp4"] = mp4.read_bytes()
    return found


KINDS = {"gif": "image/gif", "mp4": "video/mp4"}


def _player(images: Tensor, ends: list[str], saved: dict[str, bytes]) -> Markup:
    urls = [picture_url(image) for image in images]
    middle = len(urls) // 2
    frames = Markup("").join(
        Markup(
            '<button type="button" class="pg-frame" data-step="{}" aria-label="step {}" aria-pressed="{}">'
            '<img src="{}" alt=""></button>'
        ).format(step, step + 1, "true" if step == middle else "false", url)
        for step, url in enumerate(urls)
    )
    links = Markup(" ").join(
        Markup('<a class="pg-save" download="morph.{}" href="{}">Save as {}</a>').format(
            kind, data_url(content, KINDS[kind]), kind.upper()
        )
        for kind, content in saved.items()
    )
    return Markup(
        '<div class="pg-morph"><img class="pg-large" src="{}" alt="step {} of {}">'
        '<div class="pg-slide"><span>{}</span><input type="range" min="0" max="{}" value="{}" '
        'aria-label="Step of the path"><span>{}</span></div>'
        '<div class="pg-strip" role="group" aria-label="Steps">{}</div><p>{}</p></div>'
    ).format(urls[middle], middle + 1, len(urls), ends[0], len(urls) - 1, middle, ends[1], frames, links)


def _name_of_end(maker: Maker, end: End) -> str:
    name = end_names(maker)[end.row]
    if end.seed is None:
        return name
    return f"{name} · {end.seed}" if maker.rows[end.row] else f"seed {end.seed}"


def _command(subject: Subject, maker: Maker, start: End, end: End, steps: int, bound: float | None) -> Markup:
    if maker.generator.condition == "vector":
        return Markup("")  # the command goes from column to column, not from value to value
    if start.seed is None or end.seed is None:
        return Markup("")  # it goes through all images of a file
    words: list[object] = ["morph", subject.given]
    if maker.conditions is not None:
        words += ["--classes", *dict.fromkeys((maker.rows[start.row], maker.rows[end.row]))]
    words += ["--seed", *dict.fromkeys((start.seed, end.seed)), "--rows", 1, "--frames", steps]
    words += [] if bound is None else ["--truncation", f"{bound:g}"]
    return command(*words, "--out", "morph.gif")


def lay_out(subject: Subject, ffmpeg: str | None) -> widgets.Control:
    """Lay out the tab; returns its seed."""
    maker = maker_of(subject)
    with widgets.row():
        first, last = _choose_end(maker, "From", 0), _choose_end(maker, "To", 1)
        seed = widgets.whole("Seed", 0)
        to_seed = widgets.optional("To seed", "same")
        steps = widgets.whole("Steps", min(24, most_images(maker.generator.resolution)))
        truncation = widgets.optional("Truncation", "none")
        draw_now = widgets.button("Morph")
    images = widgets.html(script="morph")
    inputs = [first, last, seed, to_seed, steps, truncation]
    events = [draw_now.click, *(field.submit for field in inputs[2:])]
    widgets.respond(events, partial(morphed, subject, ffmpeg=ffmpeg), inputs, [images])
    return seed


def _choose_end(maker: Maker, label: str, place: int) -> widgets.Control:
    """A control for an end of the path; where there is one alone, one that says nothing."""
    names = end_names(maker)
    chosen = min(place, len(maker.rows) - 1)
    return widgets.choice(label, names, chosen) if len(names) > 1 else widgets.memory(0)
