"""What there is to measure at a path: a run, its checkpoints, a generator file, or images."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from projgan.config import DataConfig
from projgan.data.decoding import OnUnreadable
from projgan.errors import UserError
from projgan.evaluation.image_sources import ImageSource, generator_images
from projgan.evaluation.stored_images import stored_images
from projgan.storage.checkpoint_generators import SUFFIXES, generator_of_checkpoint, open_generator
from projgan.storage.checkpoints import checkpoint_steps
from projgan.storage.hub_models import known_as
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import generator_path
from projgan.storage.run_directory import RunDirectory


def is_run(path: Path) -> bool:
    """Whether a path is a run directory."""
    return path.is_dir() and RunDirectory(path).config.is_file()


def ask_as_trained(data: DataConfig, kind: str, names: Sequence[str]) -> DataConfig:
    """Ask of real images what a generator was told of each: a kind of condition, with its columns."""
    if kind == "class":
        return data
    return DataConfig.model_validate(data.model_dump() | {"condition": kind, "condition_columns": names})


def describe_subject(subject: Path) -> NetworkDescription | None:
    """Return what a generator's file says of itself; None where there is none, but images.

    What is wrong with it comes before minutes are spent on a feature network.
    """
    path = subject / "generator.safetensors" if subject.is_dir() else subject
    if path.suffix in SUFFIXES and path.is_file():
        return open_generator(path)[1]
    return None


def sources_to_measure(
    subject: Path,
    channels: int,
    checkpoints: bool,
    truncation: float | None,
    device: torch.device,
    on_unreadable: OnUnreadable = "error",
    said: Callable[[str], None] | None = None,
) -> Iterator[ImageSource]:
    """Yield what is to be measured at a path: a run, its checkpoints, a generator file, or images.

    Raises:
        UserError: nothing there that can be measured.
    """
    if checkpoints:
        yield from _checkpoints(subject, truncation, device)
    elif is_run(subject) or subject.suffix in SUFFIXES:
        generator, description = open_generator(generator_path(subject), device)
        yield generator_images(generator, description, known_as(subject), truncation)
    elif truncation is not None:
        raise UserError(f"{subject}: images that are there already have no truncation; leave it out")
    else:
        stored = stored_images(subject, channels, on_unreadable)
        if said is not None and stored.images.skipped_words:
            said(stored.images.skipped_words)
        yield stored


def _checkpoints(run: Path, truncation: float | None, device: torch.device) -> Iterator[ImageSource]:
    directory = RunDirectory(run)
    steps = checkpoint_steps(directory.checkpoints)
    if not directory.config.is_file() or not steps:
        raise UserError(f"{run}: no run with checkpoints; leave --checkpoints out or give a run directory")
    for step in steps:
        kept = generator_of_checkpoint(run, step, "remove it, or leave --checkpoints out", device)
        name = run.resolve().name
        yield generator_images(
            kept.generator, kept.description, name, truncation, unmeasured=not kept.is_measured
        )
