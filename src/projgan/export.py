"""A request for images by class name to PNG files on disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.generator_file import NetworkDescription, load_generator
from projgan.images import grid, to_pil, write_png
from projgan.networks.resnet import Generator
from projgan.sampling import LARGEST_VECTOR_ROWS, MIXES, ROWS, class_labels, sample

LARGEST_GRID = 10_000
LARGEST_COUNT = 1_000_000
"""Per class; more is surely a slip, and the seeds alone would fill the memory."""


@dataclass(frozen=True)
class SampleRequest:
    """What a person asks for; see `projgan sample --help`."""

    run: Path
    classes: list[str] | None = None
    mixes: list[str] | None = None
    count: int = 10
    seed: int = 0
    truncation: float | None = None
    batch_size: int | None = None
    out: Path = Path("samples.png")


@dataclass(frozen=True)
class Written:
    """Which files were written, and from what."""

    generator: Path
    rows: tuple[str, ...]
    seeds: tuple[int, int]
    files: list[Path] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """Return it as plain values for JSON."""
        return {
            "generator": str(self.generator),
            "rows": list(self.rows),
            "first_seed": self.seeds[0],
            "last_seed": self.seeds[1],
            "files": [str(path) for path in self.files],
        }


def generator_path(run: Path) -> Path:
    """Return the generator file of a run directory, or the file itself."""
    if run.is_dir():
        path = run / "generator.safetensors"
        if not path.is_file():
            raise UserError(
                f"{run}: no generator.safetensors there; is it a run that has reached a checkpoint?"
            )
        return path
    return run


def write_images(request: SampleRequest, progress: Callable[[int, int], None] | None = None) -> Written:
    """Generate what is asked for and write it as one grid or as a folder of PNGs.

    Raises:
        UserError: an unknown class, a number out of range, a file that is not a generator.
    """
    _check(request)
    path = generator_path(request.run)
    generator, description = load_generator(path)
    names, stems, conditions = _rows(request, generator, description)
    seeds = list(range(request.seed, request.seed + request.count))
    written = Written(path, tuple(names), (seeds[0], seeds[-1]))
    repeated = None if conditions is None else conditions.repeat_interleave(len(seeds), dim=0)
    lanes = sample(generator, seeds * len(names), repeated, request.truncation, request.batch_size)
    total = len(seeds) * len(names)
    if request.out.suffix.lower() == ".png":
        if total > LARGEST_GRID:
            raise UserError(f"--out {request.out}: {total} images are too many for one grid; give a folder")
        kept: list[Tensor] = []
        for images in lanes:
            kept.append(images)
            _tell(progress, sum(map(len, kept)), total)
        one_row = len(names) == 1
        columns = min(len(seeds), 16) if one_row else len(seeds)
        write_png(grid(torch.cat(kept), columns, None if one_row else names), request.out)
        written.files.append(request.out)
        return written
    done = 0
    for images in lanes:
        for image in images:
            row, seed = divmod(done, len(seeds))
            file = request.out / f"{stems[row]}_seed{seeds[seed]:06d}.png"
            write_png(to_pil(image), file)
            written.files.append(file)
            done += 1
        _tell(progress, done, total)
    return written


def _check(request: SampleRequest) -> None:
    if not 1 <= request.count <= LARGEST_COUNT:
        raise UserError(f"--count is {request.count}; it must be from 1 to {LARGEST_COUNT:,}")
    if request.out.suffix.lower() in {".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"}:
        raise UserError(f"--out {request.out}: images are written as PNG; give FILE.png or a folder")
    if not 0 <= request.seed < 2**63 - request.count:
        raise UserError(f"--seed is {request.seed}; it must be from 0 to 2**63")
    if request.batch_size is not None and request.batch_size < 1:
        raise UserError(f"--batch-size is {request.batch_size}; it must be at least 1")
    if request.truncation is not None and not 0 < request.truncation < 10:
        raise UserError(f"--truncation is {request.truncation}; it must be above 0 and below 10")
    if request.classes == []:
        raise UserError("--class is given without a name; name a class, or leave it out for every class")
    if request.classes and request.mixes:
        raise UserError("--class and --mix exclude each other; give one of them")


def _rows(
    request: SampleRequest, generator: Generator, description: NetworkDescription
) -> tuple[list[str], list[str], Tensor | None]:
    """Name each row and its files, which do not depend on what else is asked for, and its condition."""
    names, units = description.class_names, description.standardization
    if generator.condition is None:
        if request.classes or request.mixes:
            raise UserError(f"{request.run}: an unconditional generator; leave --class and --mix out")
        return ["sample"], ["sample"], None
    if request.mixes:
        read = MIXES[generator.condition]
        conditions = torch.stack([read(mix, names, units) for mix in request.mixes])
        return list(request.mixes), _file_names(request.mixes), conditions
    if units is not None and request.classes:
        shown = ", ".join(f"{name}={mean:.4g}" for name, mean in zip(names[:3], units.means, strict=False))
        raise UserError(
            f"{request.run}: has no classes but numbers; give them as --mix {shown.replace(' ', '')}"
        )
    rows, conditions = ROWS[generator.condition](names, units, max(len(names), LARGEST_VECTOR_ROWS))
    stems = _file_names(rows)
    if request.classes is None:
        return rows, stems, conditions
    labels = list(dict.fromkeys(class_labels(request.classes, names)))
    return [rows[label] for label in labels], [stems[label] for label in labels], torch.tensor(labels)


def _file_names(names: Sequence[str]) -> list[str]:
    """Names as parts of file names, all different: they may come from anywhere, so none names a folder."""
    taken: set[str] = set()
    result = []
    for index, name in enumerate(names):
        safe = "".join(letter if letter.isalnum() or letter in "-_=,." else "_" for letter in name)
        unique = safe.lstrip(".").encode()[:100].decode(errors="ignore") or "_"
        while unique.casefold() in taken:  # also where a disk does not tell case apart
            unique += f"_{index}"
        taken.add(unique.casefold())
        result.append(unique)
    return result


def _tell(progress: Callable[[int, int], None] | None, done: int, total: int) -> None:
    if progress:
        progress(done, total)
