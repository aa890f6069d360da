"""A request for images by class name carried out: PNG files on disk."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from projgan.data.class_folders import folder_names, image_name
from projgan.errors import UserError
from projgan.generation.conditions_in_words import LARGEST_VECTOR_ROWS, MIXES, ROWS, class_labels
from projgan.generation.rejection import most_real
from projgan.generation.request import SampleRequest
from projgan.generation.sampling import sample
from projgan.listening import Count, told
from projgan.networks.resnet import Discriminator, Generator
from projgan.overwriting import claim_folder, refuse_foreign
from projgan.pictures.grids import grid, write_png
from projgan.pictures.pillow import to_pil
from projgan.storage.checkpoint_generators import open_generator
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import generator_path, weights_sha256
from projgan.storage.pairs import discriminator_of

LARGEST_GRID = 10_000


@dataclass(frozen=True)
class Written:
    """Which files were written, and from what."""

    generator: Path
    rows: tuple[str, ...]
    seeds: tuple[int, int]
    """The first and the last one drawn."""
    kept: list[list[int]] | None = None
    """Of each row, the seeds that the discriminator left; None where none were rejected."""
    files: list[Path] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """Return it as plain values for JSON."""
        return {
            "generator": str(self.generator),
            "rows": list(self.rows),
            "first_seed": self.seeds[0],
            "last_seed": self.seeds[1],
            "kept_seeds": self.kept,
            "files": [str(path) for path in self.files],
        }


def write_images(
    run: Path,
    request: SampleRequest,
    device: torch.device | str = "cpu",
    progress: Count | None = None,
    judged: Count | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> Written:
    """Generate what is asked for and write it as one grid or as a folder of PNGs in a folder a class.

    Such a folder is a set of images like any other: its classes are read back as they are called here.

    Args:
        run: a run directory, a generator's file, or the name of a published model.
        request: what to generate.
        device: where.
        progress: told of (images written, all).
        judged: told of (images that the discriminator has seen, all), where it rejects some.
        said: told which classes are left out of all, if any are.

    Raises:
        UserError: an unknown class, a file that is not a generator, or something else where the images are to
            be.
    """
    path = generator_path(run)
    generator, description = open_generator(path, device)
    names, folders, conditions = rows_of(run, request, generator, description)
    if not request.mix and request.classes in (None, ("all",)) and description.words_on_empty:
        said(description.words_on_empty)
    pool = list(request.pool)
    _claim(request, generator, folders, pool)
    kept = None
    if request.reject is not None:
        discriminator = _discriminator_beside(path, generator, description)
        kept = _keep(request, generator, discriminator, pool, conditions, len(names), judged)
    seeds = kept or [pool] * len(names)
    written = Written(path, tuple(names), (pool[0], pool[-1]), kept)
    repeated = None if conditions is None else conditions.repeat_interleave(request.count, dim=0)
    flat = [seed for row in seeds for seed in row]
    lanes = sample(generator, flat, repeated, request.truncation, request.batch_size)
    lanes = told(lanes, len(flat), progress, len)
    if request.is_grid:
        _write_grid(lanes, request, written)
        return written
    for done, image in enumerate(itertools.chain.from_iterable(lanes)):
        file = _file(request, folders[done // request.count], flat[done])
        write_png(to_pil(image), file)
        written.files.append(file)
    return written


def _file(request: SampleRequest, folder: str, seed: int) -> Path:
    return request.out / folder / image_name(seed)


def _claim(request: SampleRequest, generator: Generator, folders: list[str], seeds: list[int]) -> None:
    """Refuse to write over what is not ours, and to put images beside those of another generator."""
    if request.is_grid:
        refuse_foreign([request.out], request.overwrite)
        total = len(folders) * request.count
        if total > LARGEST_GRID:
            raise UserError(f"--out {request.out}: {total} images are too many for one grid; give a folder")
        return
    refuse_foreign((_file(request, folder, seed) for folder in folders for seed in seeds), request.overwrite)
    chosen: dict[str, object] = {"truncation": request.truncation, "reject": request.reject}
    if request.reject is not None:  # what is kept depends on all that are drawn
        chosen |= {"count": request.count, "seed": request.seed}
    claim_folder(request.out, {"generator": weights_sha256(generator), **chosen}, request.overwrite)


def _write_grid(lanes: Iterator[Tensor], request: SampleRequest, written: Written) -> None:
    made = list(lanes)
    one_row = len(written.rows) == 1
    columns = min(request.count, 16) if one_row else request.count
    write_png(grid(torch.cat(made), columns, None if one_row else written.rows), request.out)
    written.files.append(request.out)


def _discriminator_beside(path: Path, generator: Generator, description: NetworkDescription) -> Discriminator:
    """Read the discriminator in the folder of a generator; refuse that of another run."""
    pair = discriminator_of(path, generator, description)
    if pair is None:
        raise UserError(
            f"{path.with_name('discriminator.safetensors')}: no such file; --reject needs the discriminator "
            "of the run beside its generator, and generators that come with the package have none"
        )
    return pair[0]


def _keep(
    request: SampleRequest,
    generator: Generator,
    discriminator: Discriminator,
    pool: list[int],
    conditions: Tensor | None,
    rows: int,
    judged: Count | None,
) -> list[list[int]]:
    """Return the seeds of each row that are left."""
    done = 0

    def tell(images: int) -> None:
        nonlocal done
        done += images
        if judged is not None:
            judged(done, rows * len(pool))

    return [
        most_real(generator, discriminator, pool, request.count, condition, request.truncation, tell)
        for condition in ([None] * rows if conditions is None else conditions)
    ]


def rows_of(
    run: Path, request: SampleRequest, generator: Generator, description: NetworkDescription
) -> tuple[list[str], list[str], Tensor | None]:
    """Name each row and its folder, which does not depend on what else is asked for, and its condition."""
    names, units, empty = description.class_names, description.standardization, description.empty_classes
    if generator.condition is None:
        if request.classes or request.mix:
            raise UserError(f"{run}: an unconditional generator; leave --class and --mix out")
        return ["sample"], ["samples"], None
    if request.mix:
        read = MIXES[generator.condition]
        conditions = torch.stack([read(mix, names, units, empty) for mix in request.mix])
        return list(request.mix), folder_names(request.mix), conditions
    if units is not None and request.classes:
        shown = ", ".join(f"{name}={mean:.4g}" for name, mean in zip(names[:3], units.means, strict=False))
        raise UserError(f"{run}: has no classes but numbers; give them as --mix {shown.replace(' ', '')}")
    if units is not None:
        rows, conditions = ROWS[generator.condition](names, units, LARGEST_VECTOR_ROWS, empty)
        return rows, folder_names(rows), conditions
    labels = description.present_classes
    if request.classes is not None:
        labels = list(dict.fromkeys(class_labels(request.classes, names, empty)))
    folders = folder_names(names)
    return [names[label] for label in labels], [folders[label] for label in labels], torch.tensor(labels)
