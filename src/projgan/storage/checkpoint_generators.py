"""The networks of a run's checkpoint, as their files of that step would have them."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from projgan.config import load_config
from projgan.config.own_names import OF_ANY_PROGRAM
from projgan.errors import UserError
from projgan.networks.conditions import CONDITIONS
from projgan.networks.convolutions import channels_last
from projgan.networks.resnet import Generator
from projgan.storage.checkpoints import checkpoint_path, checkpoint_steps, load_checkpoint
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import UnknownMethodError, load_generator
from projgan.storage.run_directory import RunDirectory
from projgan.storage.run_networks import build_generator, build_networks
from projgan.storage.state_file import restore

SUFFIXES = (".safetensors", ".pt")
"""Of what `open_generator` reads."""


@dataclass(frozen=True)
class KeptGenerator:
    """A generator in evaluation mode, and its description at that step."""

    generator: Generator
    description: NetworkDescription
    is_measured: bool
    """Whether its batch norms have statistics of its weights; a signal may leave an average without."""


def generator_of_checkpoint(
    run: Path, step: int, remedy: str, device: torch.device | str = "cpu"
) -> KeptGenerator:
    """Read the generator of one step, the moving average where the run has one.

    Raises:
        UserError: no such checkpoint, a damaged one, or one of other networks; `remedy` says what to do.
    """
    directory = RunDirectory(run)
    config = load_config(str(directory.config), OF_ANY_PROGRAM)
    _, description = load_generator(directory.generator)
    state = load_checkpoint(directory.checkpoints, step)
    generator = build_generator(config, len(description.class_names))
    averaged = state.get("average") is not None
    weights = state.get("average" if averaged else "generator")
    restore(generator.load_state_dict, weights, checkpoint_path(directory.checkpoints, step), remedy)
    seen = step * config.training.batch_size * config.training.discriminator_updates
    at_step = {"step": step, "images_seen": seen, "averaged": averaged}
    provenance = description.provenance.model_copy(update=at_step)
    return KeptGenerator(
        channels_last(generator.to(device).eval()),
        description.model_copy(update={"provenance": provenance}),
        not averaged or bool(state.get("average_is_measured", False)),
    )


def open_generator(path: Path, device: torch.device | str = "cpu") -> tuple[Generator, NetworkDescription]:
    """Read a generator of its file, or of a checkpoint in its run directory.

    Raises:
        UserError: as `load_generator` and `generator_of_checkpoint`; a checkpoint elsewhere, or one whose
            average has no statistics of its own.
    """
    if path.suffix != ".pt":
        return load_generator(path, device)
    run, step = _run_and_step(path)
    kept = generator_of_checkpoint(run, step, "give another checkpoint", device)
    if not kept.is_measured:
        raise UserError(
            f"{path}: its averaged generator has no batch norm statistics of its own (it was written when a "
            "signal ended the run, or by version 0.1); give another checkpoint, or go on with the run"
        )
    return kept.generator, kept.description


def discriminator_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of the discriminator of a checkpoint, as its file of that step would have them.

    Raises:
        UserError: a checkpoint elsewhere, a damaged one, or one of other networks.
    """
    run, step = _run_and_step(path)
    directory = RunDirectory(run)
    _, description = load_generator(directory.generator)
    config = load_config(str(directory.config), OF_ANY_PROGRAM)
    if config.discriminator.condition not in CONDITIONS and config.data.condition != "low-resolution":
        raise UnknownMethodError(f"{path}: {config.discriminator.condition!r} is no method known here")
    with torch.device("meta"):
        _, discriminator = build_networks(config, len(description.class_names))
    state = load_checkpoint(directory.checkpoints, step).get("discriminator")
    restore(partial(discriminator.load_state_dict, assign=True), state, path, "give another checkpoint")
    return discriminator.state_dict()


def _run_and_step(path: Path) -> tuple[Path, int]:
    folder, run = path.parent, path.resolve().parent.parent
    for step in checkpoint_steps(folder):
        if checkpoint_path(folder, step).name == path.name and RunDirectory(run).config.is_file():
            return run, step
    raise UserError(f"{path}: no checkpoint in its run directory (RUN/checkpoints/step-00001000.pt)")
