"""Images that `projgan invert` found in a generator, each with a name to choose it by."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from projgan.errors import UserError
from projgan.files import names_apart
from projgan.generation.morph_writing import refuse_latents_of_another
from projgan.networks.resnet import Generator
from projgan.storage.latents_file import Latents
from projgan.storage.network_file import weights_sha256

MOST_FOUND = 100
"""Of one generator."""


@dataclass(frozen=True)
class FoundImage:
    """What was found of an image."""

    name: str
    """As much of its path as sets it apart."""
    file: Path
    """Of latents, in which it is."""
    latent: Tensor
    """[latent_size]."""
    weights: Tensor | None
    """Over the classes, [num_classes]; None of an unconditional generator."""


def found_in(generator: Generator, files: Mapping[Path, Latents]) -> tuple[FoundImage, ...]:
    """Return what files have of a generator; nothing of files that were made with others.

    Raises:
        UserError: more images than are shown, or a damaged file.
    """
    own = weights_sha256(generator)
    mine = {path: file for path, file in files.items() if file.description.generator_sha256 == own}
    places = [(path, row) for path, file in mine.items() for row in range(len(file.latents))]
    if len(places) > MOST_FOUND:
        raise UserError(f"--latents: {len(places):,} found images are too many; give at most {MOST_FOUND}")
    for path, file in mine.items():
        refuse_latents_of_another(path, file, generator)
    names = _names([Path(str(mine[path].description.rows[row].get("image"))) for path, row in places])
    found = []
    for name, (path, row) in zip(names, places, strict=True):
        weights = mine[path].weights
        found.append(
            FoundImage(name, path, mine[path].latents[row], None if weights is None else weights[row])
        )
    return tuple(found)


def _names(images: list[Path]) -> list[str]:
    """Short names; an image that was looked for again, as another class perhaps, has a number behind it."""
    once = list(dict.fromkeys(images))
    short = dict(zip(once, names_apart(once), strict=True)) if once else {}
    before = [images[:place].count(image) for place, image in enumerate(images)]
    return [
        short[image] + (f" ({again + 1})" if again else "")
        for image, again in zip(images, before, strict=True)
    ]
