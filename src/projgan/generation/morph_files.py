"""A request for a morph to a picture, a GIF or a video on disk."""

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
from projgan.generation.morphing import Morph, class_path, class_square, latent_path, morph_images, stop_steps
from projgan.generation.sampling import class_labels
from projgan.networks.resnet import Generator
from projgan.outputs import refuse_foreign
from projgan.pictures.animation import SHORTEST_GIF_FRAME, there_and_back, write_gif, write_mp4
from projgan.pictures.grids import enlargement, grid, write_png
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import generator_path, load_generator

Progress = Callable[[int, int], None]
MOST = 1000
"""Rows, columns and frames; more is surely a slip."""
MOST_BYTES = 2**29
"""Of pixels as they are drawn, latents and weights."""


@dataclass(frozen=True)
class MorphRequest:
    """What a person asks for; see `projgan morph --help`."""

    run: Path
    classes: list[str] | None = None
    square: bool = False
    seeds: tuple[int, ...] = (0,)
    truncations: tuple[float, ...] | None = None
    rows: int = 8
    columns: int | None = None
    """Of a picture; None is 10."""
    frames: int | None = None
    """Of an animation, one way; None is 30."""
    seconds: float | None = None
    """Of an animation, one way; None is 2."""
    out: Path = Path("morph.png")
    overwrite: bool = False
    """Whether a file that somebody else made may be written over."""
    ffmpeg: str | None = None
    """The program that writes MP4, if there is one."""
    device: torch.device | str = "cpu"

    @property
    def animated(self) -> bool:
        """Whether the steps are frames rather than columns."""
        return self.out.suffix.lower() != ".png"

    @property
    def steps(self) -> int:
        """Columns or frames."""
        given, default = (self.frames, 30) if self.animated else (self.columns, 10)
        return default if given is None else given

    @property
    def steps_option(self) -> str:
        """The option that says how many steps there are."""
        return "--frames" if self.animated else "--columns"

    @property
    def length(self) -> float:
        """Seconds of an animation, one way."""
        return 2.0 if self.seconds is None else self.seconds

    @property
    def frame_seconds(self) -> float:
        """How long each frame is shown."""
        return self.length / (self.steps - 1)


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
    truncations: list[float] | None
    frames: int | None
    """Of the animation, there and back."""


def write_morph(
    request: MorphRequest,
    sampled: Progress | None = None,
    written: Progress | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> WrittenMorph:
    """Generate a morph and write it as PNG, GIF or MP4, by the name of the file.

    Args:
        request: what to morph.
        sampled: told of (images made, all).
        written: told of (frames written, all).
        said: told which classes are left out of all, if any are.

    Raises:
        UserError: an unknown class, nothing that changes, a number out of range, a file that is not a
            generator or cannot be written, or no ffmpeg for MP4.
    """
    _check(request)
    path = generator_path(request.run)
    generator, description = load_generator(path, request.device)
    labels = _labels(request, generator, description)
    if request.classes == ["all"] and description.words_on_empty:
        said(description.words_on_empty)
    _check_size(request, generator)
    make_folder(request.out.parent)
    if not os.access(request.out.parent, os.W_OK):
        raise UserError(f"--out {request.out}: its folder cannot be written")
    images = morph_images(generator, plan(request, generator, labels), sampled)
    names = [description.class_names[label] for label in labels or ()]
    frames = None
    if not request.animated:
        write_png(_picture(request, images, names), request.out)
    else:
        pictures = there_and_back([_frame(images[:, step]) for step in range(request.steps)])
        frames = len(pictures)
        if request.ffmpeg and request.out.suffix.lower() == ".mp4":
            write_mp4(pictures, request.out, request.frame_seconds, request.ffmpeg, written)
        else:
            write_gif(pictures, request.out, request.frame_seconds, written)
    return WrittenMorph(
        generator=str(path),
        out=str(request.out),
        rows=request.rows,
        steps=request.steps,
        classes=names or None,
        class_steps=stop_steps(len(names), request.steps) if names and not request.square else None,
        seeds=list(request.seeds),
        truncations=None if request.truncations is None else list(request.truncations),
        frames=frames,
    )


def plan(request: MorphRequest, generator: Generator, labels: list[int] | None) -> Morph:
    """Turn a request into the latents and mixing weights of every image."""

    def row(offset: int) -> Tensor:
        seeds = [seed + offset for seed in request.seeds]
        return latent_path(seeds, generator.latent_size, request.steps, request.truncations)

    offsets = [0] * request.rows if request.square else range(request.rows)
    latents = torch.stack([row(offset) for offset in offsets])
    if labels is None or generator.num_classes is None:
        return Morph(latents, None)
    if request.square:
        weights = class_square(labels, generator.num_classes, request.rows, request.steps)
    else:
        weights = class_path(labels, generator.num_classes, request.steps).expand(request.rows, -1, -1)
    return Morph(latents, weights)


def _check(request: MorphRequest) -> None:
    suffix = request.out.suffix.lower()
    if suffix not in {".png", ".gif", ".mp4"}:
        raise UserError(f"--out {request.out}: a morph is a FILE.png, FILE.gif or FILE.mp4")
    refuse_foreign([request.out], request.overwrite)
    if suffix == ".mp4" and request.ffmpeg is None:
        raise UserError(f"--out {request.out}: no program ffmpeg is found; install it, or give FILE.gif")
    _check_options(request)
    if not 2 <= request.steps <= MOST:
        raise UserError(f"{request.steps_option} is {request.steps}; it must be from 2 to {MOST}")
    if not 1 <= request.rows <= MOST:
        raise UserError(f"--rows is {request.rows}; it must be from 1 to {MOST}")
    if not 0 < request.frame_seconds <= 60:
        raise UserError(f"--seconds is {request.seconds}; it must be above 0, and at most 60 a frame")
    if suffix == ".gif" and request.frame_seconds < SHORTEST_GIF_FRAME - 1e-9:
        raise UserError(
            f"--frames {request.steps} are too many for {request.length:g} seconds of GIF, which holds "
            f"{int(request.length / SHORTEST_GIF_FRAME + 1e-9) + 1}; give fewer, or more --seconds"
        )
    if not request.seeds or not all(0 <= seed < 2**63 - request.rows for seed in request.seeds):
        raise UserError(f"--seed is {_list(request.seeds)}; each must be from 0 to 2**63")
    bounds = request.truncations
    if bounds is not None and not (bounds and all(0 < bound < 10 for bound in bounds)):
        raise UserError(f"--truncation is {_list(bounds)}; each must be above 0 and below 10")
    stops = max(len(request.seeds), len(bounds or ()))
    if request.steps < stops:
        raise UserError(f"{request.steps_option} {request.steps} is too few to pass through {stops} values")


def _check_options(request: MorphRequest) -> None:
    """Refuse options that would do nothing."""
    if request.animated and request.columns is not None:
        raise UserError("--columns is for a picture; the steps of an animation are --frames")
    if not request.animated and (request.frames is not None or request.seconds is not None):
        raise UserError("--frames and --seconds are for .gif and .mp4; the steps of a picture are --columns")
    if not request.square:
        return
    if request.animated:
        raise UserError("--square is a picture; to animate, walk around it: --classes A B D C A")
    if request.rows < 2:
        raise UserError(f"--rows is {request.rows}; a square has at least 2")
    if len(request.seeds) > 1 or len(request.truncations or ()) > 1:
        raise UserError("--square goes from class to class alone; give one --seed and one --truncation")


def _labels(request: MorphRequest, generator: Generator, description: NetworkDescription) -> list[int] | None:
    """Return the classes of the stops; refuse a request in which nothing changes."""
    class_names = description.class_names
    moves = len(set(request.seeds)) > 1 or len(set(request.truncations or ())) > 1
    if generator.num_classes is None:
        if request.classes is not None or request.square:
            raise UserError(f"{request.run}: an unconditional generator has no classes to morph")
        if not moves:
            raise UserError("nothing changes: give several seeds or truncations, as in --seed 3 8")
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


def _picture(request: MorphRequest, images: Tensor, names: list[str]) -> Image.Image:
    pictures = images.flatten(0, 1)
    if request.square:
        gap = [""] * (request.steps - 2)
        return grid(pictures, request.steps, None, [names[0], *gap, names[1]], [names[2], *gap, names[3]])
    headings: list[list[str]] = [[] for _ in range(request.steps)]
    for stop, name in zip(stop_steps(len(names), request.steps), names, strict=True):
        headings[stop].append(name)
    bounds = request.truncations or ()
    for stop, bound in zip(stop_steps(len(bounds), request.steps), bounds, strict=True):
        headings[stop].append(f"±{bound:g}")
    row_names = [
        f"seed {_list([seed + row for seed in request.seeds], ' to ')}" for row in range(request.rows)
    ]
    return grid(pictures, request.steps, row_names, [", ".join(heading) for heading in headings])


def _frame(images: Tensor) -> Image.Image:
    """All rows at one step, side by side in the rectangle that is most nearly square and leaves no hole."""
    side = math.ceil(math.sqrt(len(images)))
    return grid(
        images, next((width for width in range(side, 2 * side + 1) if len(images) % width == 0), side)
    )


def _list(values: "list[int] | tuple[float, ...]", between: str = " ") -> str:
    return between.join(str(value) for value in values)
