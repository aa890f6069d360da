"""What a notebook names, to a generator or to a path."""

from pathlib import Path
from typing import Any

import torch

from projgan.api.ambient import undisturbed
from projgan.api.gan import GAN
from projgan.errors import UserError, shortened
from projgan.process.ranks import choose_device
from projgan.storage.checkpoint_generators import open_generator
from projgan.storage.network_file import generator_path


def load(source: str | Path | Any, *, device: str | torch.device = "auto") -> GAN:
    """Open a generator: a published model by name, one of the hub, a run, a checkpoint of one, or its file.

    Args:
        source: as `projgan models` lists it, `hf:USER/NAME`, or a path, or what `projgan.train` returned.
        device: `auto` (a GPU where there is one), `cpu` or `cuda`.

    Raises:
        UserError: there is none, or it is damaged. Nothing in a file is ever executed.
    """
    path = generator_path(stored_path(source))
    with undisturbed():
        generator, description = open_generator(path, choose_device(str(device)))
        return GAN(generator, description, path)


def path_of(source: object) -> Path:
    """Return the path of a run, of a loaded generator, or of what is a path itself."""
    if isinstance(source, str | Path):
        return Path(source)
    path = getattr(source, "path", None)
    if not isinstance(path, Path):
        raise UserError(f"{type(source).__name__} is no path, run or generator: {shortened(repr(source))}")
    return path


def stored_path(source: object) -> Path:
    """Return the same, of a loaded generator only if its weights are still those of its file.

    Raises:
        UserError: they were changed since.
    """
    path = path_of(source)
    if isinstance(source, GAN):
        device = next(source.generator.parameters()).device
        ours, theirs = source.generator.state_dict(), open_generator(path, device)[0].state_dict()
        same = ours.keys() == theirs.keys()
        if not same or not all(torch.equal(ours[name], tensor) for name, tensor in theirs.items()):
            raise UserError(
                f"{path}: the generator in memory has other weights than this file by now; "
                "give gan.save(FILE) in place of it"
            )
    return path
