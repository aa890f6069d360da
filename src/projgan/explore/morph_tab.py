"""Morph: from one class to another, from one seed to another, and a slider through the path."""

import tempfile
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
from projgan.explore.bounds import refuse_many, rows_of, seed_of, truncation_of, typed, whole
from projgan.explore.markup import command, data_url, name_of, picture_url
from projgan.explore.sample_tab import choose_row, maker_of
from projgan.explore.subjects import Maker, Subject
from projgan.generation.morph_writing import frame_of
from projgan.generation.morphing import Morph, latent_path, linear_path, morph_images
from projgan.pictures.animation import there_and_back, write_gif, write_mp4

MOST_STEPS = 60
SECONDS = 2.0
"""Of an animation, one way; as `projgan morph` has it."""


def path_images(
    maker: Maker, first: int, last: int, seeds: list[int], steps: int, truncation: float | None
) -> Tensor:
    """Return what lies between two conditions, and two seeds if so many are given.

    Returns:
        uint8 [steps, C, R, R]; both ends are the images of `draw`.
    """
    bounds = None if truncation is None else [truncation]
    latents = latent_path(seeds, maker.generator.latent_size, steps, bounds)
    if maker.conditions is None:
        return morph_images(maker.generator, Morph(latents[None], None))[0]
    stops = maker.conditions[torch.tensor([first, last])]
    if not stops.is_floating_point():
        stops = F.one_hot(stops, len(maker.description.class_names))
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
    start, end = rows_of(first, maker)[0], rows_of(last, maker)[0]
    seeds = [seed_of(seed)] if typed(to_seed) is None else [seed_of(seed), seed_of(typed(to_seed))]
    count, bound = whole(steps, "the steps", 2, MOST_STEPS), truncation_of(truncation)
    if start == end and len(set(seeds)) == 1:
        raise UserError("nothing changes: choose two classes, or another seed to go to")
    refuse_many(count, maker.generator.resolution)
    images = path_images(maker, start, end, seeds, count, bound)
    saved = animations([frame_of(image[None]) for image in images], ffmpeg)
    ends = [_end(maker, start, seeds[0]), _end(maker, end, seeds[-1])]
    return _player(images, ends, saved) + _command(subject, maker, start, end, seeds, count, bound)


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


def _end(maker: Maker, row: int, seed: int) -> str:
    return f"{name_of(maker.rows[row])} · {seed}" if maker.rows[row] else f"seed {seed}"


def _command(
    subject: Subject, maker: Maker, first: int, last: int, seeds: list[int], steps: int, bound: float | None
) -> Markup:
    if maker.generator.condition == "vector":
        return Markup("")  # the command goes from column to column, not from value to value
    words: list[object] = ["morph", subject.given]
    if maker.conditions is not None:
        words += ["--classes", *dict.fromkeys((maker.rows[first], maker.rows[last]))]
    words += ["--seed", *seeds, "--rows", 1, "--frames", steps]
    words += [] if bound is None else ["--truncation", f"{bound:g}"]
    return command(*words, "--out", "morph.gif")


def lay_out(subject: Subject, ffmpeg: str | None) -> widgets.Control:
    """Lay out the tab; returns its seed."""
    maker = maker_of(subject)
    with widgets.row():
        first = choose_row(maker, "From", 0)
        last = choose_row(maker, "To", min(1, len(maker.rows) - 1))
        seed = widgets.whole("Seed", 0)
        to_seed = widgets.optional("To seed", "same")
        steps = widgets.whole("Steps", 24)
        truncation = widgets.optional("Truncation", "none")
        draw_now = widgets.button("Morph")
    images = widgets.html(script="morph")
    inputs = [first, last, seed, to_seed, steps, truncation]
    events = [draw_now.click, *(field.submit for field in inputs[2:])]
    widgets.respond(events, partial(morphed, subject, ffmpeg=ffmpeg), inputs, [images])
    return seed
