"""A request to enlarge carried out: PNGs four times as large as images of any kind, and a comparison."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from projgan.data.class_folders import image_name
from projgan.data.decode import IMAGE_SUFFIXES, UnreadableImageError, to_eight_bits
from projgan.data.sources.folder import open_file
from projgan.data.tensors import as_tensor
from projgan.errors import UserError, printable
from projgan.listening import Count, told
from projgan.networks.super_resolution import FACTOR
from projgan.overwriting import claim_folder, refuse_foreign
from projgan.pictures.grids import write_png
from projgan.pictures.pillow import from_pil, to_pil
from projgan.storage.network_file import generator_path, load_super_resolution_generator, weights_sha256
from projgan.super_resolution.enlarging import comparison, super_resolve
from projgan.super_resolution.request import SuperResolutionRequest

MOST_PIXELS = 2**16
"""Of one image to be enlarged; the generator needs some 40 KiB for each at full width: 2.4 GiB."""
MOST_IMAGES = 100_000
COMPARED, DRAWS_COMPARED = 10, 3
"""Columns and drawn rows of the picture that compares."""
COMPARISON = "comparison.png"


@dataclass
class WrittenImages:
    """What was written; the fields are those of `--json`."""

    generator: str
    seeds: list[int]
    comparison: str
    """Of the first image and those of its size."""
    files: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Why, one line for each."""
    compared: int = 0
    """Images in the comparison: the first one and the next ones of its size."""


def enlarge_images(
    run: Path,
    images: Path,
    request: SuperResolutionRequest,
    device: torch.device | str = "cpu",
    progress: Count | None = None,
) -> WrittenImages:
    """Enlarge one image or all in a folder; one PNG for each image and draw, and `comparison.png`.

    Args:
        run: a run of super-resolution, or its generator's file.
        images: a folder, or one image.
        request: how often, and where to.
        device: where.
        progress: told of (images enlarged, all).

    Raises:
        UserError: no generator of super-resolution, no images, one that cannot be taken, or a folder with
            other things, or with images of another call.
    """
    seeds = request.seeds
    path = generator_path(run)
    generator, _ = load_super_resolution_generator(path, device)
    paths = image_paths(images)
    refuse_among_images(request.out, images)
    written = WrittenImages(str(path), seeds, str(request.out / COMPARISON))
    readable = _readable(paths, request.on_unreadable == "skip", written.skipped)
    stems = _stems(readable)
    names = [_name(stem, seed) for stem in stems for seed in seeds]
    _claim(images, request, generator, [COMPARISON, *names])
    compared: list[tuple[Tensor, list[Tensor]]] = []
    for image, stem in told(zip(readable, stems, strict=True), len(readable), progress):
        small = as_tensor(from_pil(_read(image), generator.channels))[None]
        outputs = list(super_resolve(generator, small, seeds))
        for seed, output in zip(seeds, outputs, strict=True):
            file = request.out / _name(stem, seed)
            write_png(to_pil(output[0]), file)
            written.files.append(str(file))
        if len(compared) < COMPARED and (not compared or compared[0][0].shape == small.shape):
            compared.append((small, outputs[:DRAWS_COMPARED]))
    rows = [torch.cat(draw) for draw in zip(*(outputs for _, outputs in compared), strict=True)]
    picture = comparison(torch.cat([small for small, _ in compared]), rows, seeds[:DRAWS_COMPARED])
    write_png(picture, Path(written.comparison))
    written.compared = len(compared)
    return written


def image_paths(location: Path) -> list[Path]:
    """Return the image itself, or the images of a folder by name; hidden files and folders are passed over.

    Raises:
        UserError: nothing there, no images, or too many.
    """
    if location.is_file():
        return [location]
    if not location.is_dir():
        raise UserError(f"{location}: no such image or folder")
    paths = sorted(
        path
        for path in location.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith(".")
    )
    if not paths:
        raise UserError(
            f"{location}: no images in it ({', '.join(IMAGE_SUFFIXES)}); folders in it are not looked into"
        )
    if len(paths) > MOST_IMAGES:
        raise UserError(f"{location}: {len(paths):,} images; at most {MOST_IMAGES:,} are taken at once")
    return paths


def refuse_among_images(out: Path, images: Path) -> None:
    """Outputs beside their inputs would be enlarged by the next call.

    Raises:
        UserError: the folder to write to is the one that is read.
    """
    if images.is_dir() and out.resolve() == images.resolve():
        raise UserError(f"--out {out} is the folder of the images themselves; choose another")


def _claim(images: Path, request: SuperResolutionRequest, generator: nn.Module, files: list[str]) -> None:
    """Draws of an earlier call that is not this very one would pass for outputs of this one."""
    out = request.out
    refuse_foreign((out / name for name in files), request.overwrite)
    others = {path.name for path in out.glob("*.png") if not path.name.startswith(".")} - set(files)
    if others and not request.overwrite:
        raise UserError(
            f"--out {out} holds images that this call does not write ({len(others):,}, such as "
            f"{printable(min(others))}); choose another folder, or add --overwrite"
        )
    made_by = {"generator": weights_sha256(generator), "images": str(_folder_of(images))}
    claim_folder(out, made_by, request.overwrite)


def _folder_of(images: Path) -> Path:
    return (images if images.is_dir() else images.parent).resolve()


def _readable(paths: list[Path], skip: bool, skipped: list[str]) -> list[Path]:
    """Read every image before anything is enlarged; one that is left out is named in `skipped`."""
    readable = []
    for path in paths:
        try:
            _read(path)
            readable.append(path)
        except UserError as error:
            if not skip:
                raise UserError(f"{error}; --on-unreadable skip leaves such images out") from None
            skipped.append(str(error))
    if not readable:
        raise UserError(f"none of the {len(paths)} images can be taken; the first one: {skipped[0]}")
    return readable


def _read(path: Path) -> Image.Image:
    image = open_file(path, str(path))
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise UnreadableImageError(
            str(path),
            f"{width}x{height} is to become {width * FACTOR}x{height * FACTOR}, and at most "
            f"{MOST_PIXELS:,} pixels (256x256) are enlarged; make it smaller first",
        )
    return to_eight_bits(image, str(path))


def _stems(paths: list[Path]) -> list[str]:
    """Names without their suffixes, or with them where two would be alike, also where case does not count."""
    stems = [path.stem for path in paths]
    return stems if len({stem.casefold() for stem in stems}) == len(stems) else [path.name for path in paths]


def _name(stem: str, seed: int) -> str:
    return f"{stem}_{image_name(seed)}"
