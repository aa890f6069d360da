"""A request for a morph carried out: a picture, a GIF or a video on disk."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from projgan.errors import UserError
from projgan.files import make_folder
from projgan.generation.conditions_in_words import class_labels
from projgan.generation.morphing import (
    Morph,
    class_path,
    class_square,
    latent_path,
    linear_path,
    morph_images,
    path_through,
    stop_steps,
)
from projgan.generation.request import MorphRequest
from projgan.listening import Count
from projgan.networks.resnet import Generator
from projgan.overwriting import refuse_foreign
from projgan.pictures.animation import there_and_back, write_gif, write_mp4
from projgan.pictures.grids import enlargement, grid, write_png
from projgan.storage.checkpoint_generators import open_generator
from projgan.storage.latents_file import Latents, load_latents
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import generator_path, weights_sha256

MOST_BYTES = 2**29
"""Of pixels as they are drawn, latents and weights."""


@dataclass(frozen=True)
class WrittenMorph:
    """Which file was written, and what of; the fields are those of `--json`."""

    generator: str
    out: str
    rows: int
    steps: int
    classes: list[str] | None
    """The stops, in order; for a square the corners: upper left and right, lower left and right."""
    class_steps: list[int] | None
    """The steps at which a picture or an animation is exactly at each class; None for a square."""
    seeds: list[int]
    """The stops of the first row; row n adds n to each, but all rows of a square share one."""
    latents: str | None
    """The file of latents, where the stops are from one."""
    truncations: list[float] | None
    frames: int | None
    """Of the animation, there and back."""


def write_morph(
    run: Path,
    request: MorphRequest,
    device: torch.device | str = "cpu",
    ffmpeg: str | None = None,
    sampled: Count | None = None,
    written: Count | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> WrittenMorph:
    """Generate a morph and write it as PNG, GIF or MP4, by the name of the file.

    Args:
        run: a run directory, a generator's file, or the name of a published model.
        request: what to morph.
        device: where.
        ffmpeg: the program that writes MP4, if there is one.
        sampled: told of (images made, all).
        written: told of (frames written, all).
        said: told which classes are left out of all, if any are.

    Raises:
        UserError: an unknown class, nothing that changes, a file that is not a generator or cannot be
            written, or no ffmpeg for MP4.
    """
    refuse_foreign([request.out], request.overwrite)
    is_video = request.out.suffix.lower() == ".mp4"
    if is_video and ffmpeg is None:
        raise UserError(f"--out {request.out}: no program ffmpeg is found; install it, or give FILE.gif")
    path = generator_path(run)
    generator, description = open_generator(path, device)
    found = None if request.latents is None else latents_found(request.latents, generator)
    labels = _labels(run, request, generator, description, found)
    if request.classes == ("all",) and description.words_on_empty:
        said(description.words_on_empty)
    _check_size(request, generator)
    make_folder(request.out.parent)
    if not os.access(request.out.parent, os.W_OK):
        raise UserError(f"--out {request.out}: its folder cannot be written")
    images = morph_images(generator, plan(request, generator, labels, found), sampled)
    names = [description.class_names[label] for label in labels or ()]
    frames = None
    if not request.animated:
        write_png(_picture(request, images, names, found), request.out)
    else:
        pictures = there_and_back([frame_of(images[:, step]) for step in range(request.steps)])
        frames = len(pictures)
        if is_video and ffmpeg is not None:
            write_mp4(pictures, request.out, request.frame_seconds, ffmpeg, written)
        else:
            write_gif(pictures, request.out, request.frame_seconds, written)
    return WrittenMorph(
        generator=str(path),
        out=str(request.out),
        rows=request.rows,
        steps=request.steps,
        classes=names or None,
        class_steps=stop_steps(len(names), request.steps) if names and not request.square else None,
        seeds=[] if found else list(request.seed),
        latents=None if request.latents is None else str(request.latents),
        truncations=None if request.truncation is None else list(request.truncation),
        frames=frames,
    )


def plan(
    request: MorphRequest, generator: Generator, labels: list[int] | None, found: Latents | None = None
) -> Morph:
    """Turn a request into the latents and mixing weights of every image."""

    def row(offset: int) -> Tensor:
        if found is not None:
            return path_through(found.latents, request.steps)
        seeds = [seed + offset for seed in request.seed]
        return latent_path(seeds, generator.latent_size, request.steps, request.truncation)

    offsets = [0] * request.rows if request.square else range(request.rows)
    latents = torch.stack([row(offset) for offset in offsets])
    if generator.num_classes is None:
        return Morph(latents, None)
    if labels is None:
        assert found is not None, "no classes are asked for"
        assert found.weights is not None, "as `latents_found` has seen to"
        return Morph(latents, linear_path(found.weights.double(), request.steps).float()[None])
    if request.square:
        weights = class_square(labels, generator.num_classes, request.rows, request.steps)
    else:
        weights = class_path(labels, generator.num_classes, request.steps).expand(request.rows, -1, -1)
    return Morph(latents, weights)


def latents_found(path: Path, generator: Generator) -> Latents:
    """Read the latents that are to be passed through.

    Raises:
        UserError: no such file, or one of another generator.
    """
    found = load_latents(path)
    refuse_latents_of_another(path, found, generator)
    return found


def refuse_latents_of_another(path: Path, found: Latents, generator: Generator) -> None:
    """Refuse latents that were not found in a generator; errors as in `latents_found`."""
    if found.description.generator_sha256 != weights_sha256(generator):
        raise UserError(f"{path}: found in another generator; `projgan invert` this one, or morph that one")
    if (
        generator.condition not in (None, "class")
        or found.latents.shape[1] != generator.latent_size
        or ((None if found.weights is None else found.weights.shape[1]) != generator.num_classes)
    ):
        raise UserError(f"{path}: its latents are not this generator's; damaged")


def _labels(
    run: Path,
    request: MorphRequest,
    generator: Generator,
    description: NetworkDescription,
    found: Latents | None,
) -> list[int] | None:
    """Return the classes of the stops, None for those found; refuse a request in which nothing changes."""
    class_names = description.class_names
    moves = len(set(request.seed)) > 1 or len(set(request.truncation or ())) > 1
    if found is not None:
        moves = len(found.latents) > 1
        if len(found.latents) > request.steps:
            raise UserError(
                f"{request.steps_option} {request.steps} is too few for {len(found.latents)} latents"
            )
    if generator.num_classes is None:
        if request.classes is not None or request.square:
            raise UserError(f"{run}: an unconditional generator has no classes to morph")
        if not moves:
            raise UserError("nothing changes: give several seeds or truncations, as in --seed 3 8")
        return None
    if found is not None and not request.classes:
        if not moves:
            raise UserError(
                f"{request.latents}: one latent, so nothing changes; name classes, or give several images"
            )
        return None
    if not request.classes:
        raise UserError("--classes: name the classes to pass through, or one that stays")
    labels = class_labels(request.classes, class_names, description.empty_classes)
    if request.square and len(labels) != 4:
        raise UserError(f"--square has four corners, and --classes names {len(labels)}; name four")
    if len(set(labels)) == 1 and not moves:
        raise UserError(
            f"--classes names {class_names[labels[0]]!r} alone, so nothing changes; name another class, "
            "or several seeds or truncations, as in --seed 3 8"
        )
    if not request.square and len(labels) > request.steps:
        raise UserError(
            f"{request.steps_option} {request.steps} is too few to pass through {len(labels)} classes"
        )
    return labels


def _check_size(request: MorphRequest, generator: Generator) -> None:
    side = generator.resolution * enlargement(generator.resolution)
    most = MOST_BYTES // (3 * side**2 + 8 * generator.latent_size + 8 * (generator.num_classes or 0))
    if request.rows * request.steps > most:
        raise UserError(
            f"--rows {request.rows} and {request.steps_option} {request.steps} make "
            f"{request.rows * request.steps} images, too many; of this generator there may be {most}"
        )


def _picture(request: MorphRequest, images: Tensor, names: list[str], found: Latents | None) -> Image.Image:
    pictures = images.flatten(0, 1)
    if request.square:
        gap = [""] * (request.steps - 2)
        return grid(pictures, request.steps, None, [names[0], *gap, names[1]], [names[2], *gap, names[3]])
    headings: list[list[str]] = [[] for _ in range(request.steps)]
    for stop, name in zip(stop_steps(len(names), request.steps), names, strict=True):
        headings[stop].append(name)
    bounds = request.truncation or ()
    for stop, bound in zip(stop_steps(len(bounds), request.steps), bounds, strict=True):
        headings[stop].append(f"±{bound:g}")
    pictured = [Path(str(row.get("image"))).stem for row in found.description.rows] if found else []
    for stop, name in zip(stop_steps(len(pictured), request.steps), pictured, strict=True):
        headings[stop].append(name)
    row_names = [
        request.latents.name
        if request.latents
        else f"seed {' to '.join(str(seed + row) for seed in request.seed)}"
        for row in range(request.rows)
    ]
    return grid(pictures, request.steps, row_names, [", ".join(heading) for heading in headings])


def frame_of(images: Tensor) -> Image.Image:
    """All rows at one step, side by side in the rectangle that is most nearly square and leaves no hole."""
    side = math.ceil(math.sqrt(len(images)))
    return grid(
        images, next((width for width in range(side, 2 * side + 1) if len(images) % width == 0), side)
    )
