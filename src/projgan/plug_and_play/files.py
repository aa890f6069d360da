"""What plug-and-play leaves: a grid, the chains on their way as a GIF, or a folder of class folders."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from projgan.data.class_folders import folder_names, image_name
from projgan.errors import UserError, reading
from projgan.listening import Count
from projgan.overwriting import claim_folder, is_ours, refuse_foreign
from projgan.pictures.animation import write_gif
from projgan.pictures.grids import grid, write_png
from projgan.pictures.pillow import to_pil
from projgan.plug_and_play.chains import PlugAndPlay, Samples, sample_classes
from projgan.plug_and_play.sampler import ChainSettings
from projgan.storage.network_file import weights_sha256

AT_ONCE = 250
"""Images read again at once."""
FRAMES, FRAME_SECONDS, STILL_FRAMES = 40, 0.1, 15
"""Of a GIF: at most about so many, how long each, and how often the last is repeated at the end."""


@dataclass(frozen=True)
class Plan:
    """A request with what it leaves open filled in: a chain for each label and seed, class by class."""

    names: tuple[str, ...]
    labels: list[int]
    seeds: list[int]
    settings: ChainSettings
    steps: int
    class_gradient: str
    out: Path
    overwrite: bool

    @property
    def count(self) -> int:
        """Images of each class."""
        return len(self.labels) // len(self.names)

    def described(self) -> dict[str, Any]:
        """What images depend on besides networks and seeds, as plain values."""
        return dataclasses.asdict(self.settings) | {
            "steps": self.steps,
            "class_gradient": self.class_gradient,
        }


def _lanes(
    networks: PlugAndPlay, plan: Plan, keep_every: int | None, progress: Count | None
) -> Iterator[Samples]:
    return sample_classes(
        networks,
        plan.labels,
        plan.seeds,
        plan.settings,
        steps=plan.steps,
        class_score=plan.class_gradient,
        keep_every=keep_every,
        progress=progress,
    )


def write_grid(
    networks: PlugAndPlay, plan: Plan, progress: Count | None
) -> tuple[list[Path], Iterable[Tensor]]:
    """A class a row, a seed a column; returns the file and its images."""
    images = torch.cat([lane.images for lane in _lanes(networks, plan, None, progress)])
    write_png(_grid(images, plan), plan.out)
    return [plan.out], [images]


def _grid(images: Tensor, plan: Plan) -> Image.Image:
    return grid(images, plan.count, plan.names)


def write_animation(
    networks: PlugAndPlay, plan: Plan, progress: Count | None
) -> tuple[list[Path], Iterable[Tensor]]:
    """The same grid at about `FRAMES` steps of the chains; returns the file and the last images."""
    made = list(_lanes(networks, plan, -(-plan.steps // FRAMES), progress))
    images = torch.cat([lane.images for lane in made])
    frames = [*torch.cat([lane.frames for lane in made], dim=1), *[images] * STILL_FRAMES]
    write_gif([_grid(frame, plan) for frame in frames], plan.out, FRAME_SECONDS)
    return [plan.out], [images]


def write_folder(
    networks: PlugAndPlay, plan: Plan, progress: Count | None
) -> tuple[list[Path], Iterable[Tensor]]:
    """A PNG a chain, in a folder a class, as `projgan evaluate` reads them."""
    folders = folder_names(networks.words.class_names)
    chains = [
        (label, seed, plan.out / folders[label] / image_name(seed))
        for label, seed in zip(plan.labels, plan.seeds, strict=True)
    ]
    _claim(networks, plan, (path for _, _, path in chains))
    missing = [chain for chain in chains if not is_ours(chain[2])]
    files = iter(path for _, _, path in missing)
    for lane in sample_classes(
        networks,
        [label for label, _, _ in missing],
        [seed for _, seed, _ in missing],
        plan.settings,
        steps=plan.steps,
        class_score=plan.class_gradient,
        progress=progress,
    ):
        # The images first: zip would take a file too many.
        for image, path in zip(lane.images, files, strict=False):
            write_png(to_pil(image), path)
    written = [path for _, _, path in chains]
    parts = [written[start : start + AT_ONCE] for start in range(0, len(written), AT_ONCE)]
    return written, (torch.stack([_read(path, networks) for path in part]) for part in parts)


def _claim(networks: PlugAndPlay, plan: Plan, files: Iterable[Path]) -> None:
    """Note in the folder how its images are made; refuse one with images made otherwise, or of others."""
    refuse_foreign(files, plan.overwrite)
    networks_of = {
        "inverter": weights_sha256(networks.inverter),
        "classifier": weights_sha256(networks.classifier),
    }
    claim_folder(plan.out, plan.described() | networks_of, plan.overwrite)


def _read(path: Path, networks: PlugAndPlay) -> Tensor:
    size = networks.inverter.resolution
    with reading(path, "an image", "remove it"), Image.open(path) as picture:
        if picture.size != (size, size):
            raise UserError(f"{path}: not an image of this run; remove it")
        array = np.asarray(picture.convert("L" if networks.inverter.channels == 1 else "RGB"))
    return torch.from_numpy(array.copy()).reshape(size, size, -1).permute(2, 0, 1)
