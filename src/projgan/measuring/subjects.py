"""What there is to measure at a path: a run, its checkpoints, a generator file, or images."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from projgan.config import load_config
from projgan.data.decoding import OnUnreadable
from projgan.errors import UserError
from projgan.evaluation.image_sources import ImageSource, generator_images
from projgan.evaluation.stored_images import stored_images
from projgan.storage.checkpoints import checkpoint_path, checkpoint_steps, load_checkpoint
from projgan.storage.hub_models import known_as
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import generator_path, load_generator
from projgan.storage.run_directory import RunDirectory
from projgan.storage.run_networks import build_networks
from projgan.storage.state_file import restore


def is_run(path: Path) -> bool:
    """Whether a path is a run directory."""
    return path.is_dir() and RunDirectory(path).config.is_file()


def describe_subject(subject: Path) -> NetworkDescription | None:
    """Return what a generator's file says of itself; None where there is none, but images.

    What is wrong with it comes before minutes are spent on a feature network.
    """
    path = subject / "generator.safetensors" if subject.is_dir() else subject
    if path.suffix == ".safetensors" and path.is_file():
        return load_generator(path)[1]
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
    elif is_run(subject) or subject.suffix == ".safetensors":
        generator, description = load_generator(generator_path(subject), device)
        yield generator_images(generator, description, known_as(subject), truncation)
    elif truncation is not None:
        raise UserError(f"{subject}: images that are there already have no truncation; leave it out")
    else:
        stored = stored_images(subject, channels, on_unreadable=on_unreadable)
        if said is not None and stored.images.skipped_words:
            said(stored.images.skipped_words)
        yield stored


def _checkpoints(run: Path, truncation: float | None, device: torch.device) -> Iterator[ImageSource]:
    directory = RunDirectory(run)
    steps = checkpoint_steps(directory.checkpoints)
    if not directory.config.is_file() or not steps:
        raise UserError(f"{run}: no run with checkpoints; leave --checkpoints out or give a run directory")
    config = load_config(str(directory.config))
    _, description = load_generator(generator_path(run))
    for step in steps:
        state = load_checkpoint(directory.checkpoints, step)
        generator, _ = build_networks(config, len(description.class_names))
        averaged = state.get("average") is not None
        weights = state.get("average" if averaged else "generator")
        path = checkpoint_path(directory.checkpoints, step)
        restore(generator.load_state_dict, weights, path, "remove it, or leave --checkpoints out")
        at_step = description.provenance.model_copy(
            update={
                "step": step,
                "images_seen": step * config.training.batch_size * config.training.discriminator_updates,
                "averaged": averaged,
            }
        )
        described = description.model_copy(update={"provenance": at_step})
        yield generator_images(
            generator.to(device).eval(),
            described,
            run.resolve().name,
            truncation,
            unmeasured=averaged and not state.get("average_is_measured", False),
        )
