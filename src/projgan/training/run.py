"""A run from its configuration to its generator file: the plain loop, and what it leaves on disk."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

import projgan
from projgan.config import RunConfig
from projgan.data import PackedImages, load_images
from projgan.distributed import Ranks
from projgan.errors import UserError
from projgan.generator_file import NetworkDescription, Provenance, save_network
from projgan.images import grid, write_png
from projgan.run_directory import RunDirectory
from projgan.sampling import sample
from projgan.training.checkpoint import checkpoint_steps, load_checkpoint, save_checkpoint
from projgan.training.interruption import Interruption
from projgan.training.trainer import Trainer, network_arguments


@dataclass(frozen=True)
class Progress:
    """How far a run is, after each step."""

    step: int
    steps: int
    images_seen: int
    losses: torch.Tensor
    """The last step's generator and discriminator losses, float [2] on the run's device."""


@dataclass(frozen=True)
class Listener:
    """Where a run reports to; a library user may leave everything as it is."""

    started: Callable[[int, int, int], None] = lambda step, steps, images_per_step: None
    stepped: Callable[[Progress], None] = lambda progress: None
    said: Callable[[str], None] = lambda message: None
    decoded: Callable[[int, int], None] | None = None


@dataclass(frozen=True)
class RunResult:
    """How a call of `train` ended."""

    generator: Path
    step: int
    interrupted_by: int | None
    """Number of the signal that ended the run early, or None."""


def train(config: RunConfig, run_dir: Path, ranks: Ranks, listener: Listener | None = None) -> RunResult:
    """Train from the last checkpoint in `run_dir`, or from the start, to `config.training.steps`.

    Every rank of a run calls this. Files are written by the first one.

    Raises:
        UserError: anything a person can mend: data, settings, folders, a loss that is not finite.
    """
    listener = listener or Listener()
    directory = RunDirectory(run_dir)
    if not ranks.is_first:
        ranks.barrier()  # the first rank decodes the data and checks the folder
        return _train(config, directory, read_data(config, listener), ranks, Listener())
    with directory.locked():
        directory.prepare(config)
        data = read_data(config, listener)
        ranks.barrier()
        return _train(config, directory, data, ranks, listener)


def stored_resolution(config: RunConfig) -> int:
    """Height and width at which images are kept: larger than wanted where random crops are taken."""
    return round(config.data.resolution / (config.data.random_crop or 1.0))


def read_data(config: RunConfig, listener: Listener) -> PackedImages:
    """Open or decode the run's images.

    Raises:
        UserError: nothing there, unreadable images, too few classes.
    """
    data = load_images(
        config.data.source,
        split=config.data.split,
        resolution=stored_resolution(config),
        channels=config.data.channels,
        cache=config.data.cache or Path.home() / ".cache" / "projgan",
        progress=listener.decoded,
        on_unreadable=config.data.on_unreadable,
    )
    if config.generator.condition and data.num_classes < 2:
        raise UserError(
            f"{config.data.source}: one class only ({data.class_names[0]}), so there is no condition to learn; "
            "use --generator.condition None --discriminator.condition unconditional"
        )
    return data


def _train(
    config: RunConfig, directory: RunDirectory, data: PackedImages, ranks: Ranks, listener: Listener
) -> RunResult:
    trainer = Trainer(
        config, torch.from_numpy(data.images), torch.from_numpy(data.labels), data.num_classes, ranks
    )
    steps = config.training.steps
    last_saved = _resume(trainer, directory, data, listener)
    if trainer.step > steps:
        raise UserError(f"{directory.path} is at step {trainer.step}, past training.steps {steps}; raise it")
    listener.started(trainer.step, steps, trainer.images_per_step)
    clock, seen = time.perf_counter(), trainer.images_seen
    with Interruption() as interruption:
        while trainer.step < steps:
            trainer.advance()
            listener.stepped(Progress(trainer.step, steps, trainer.images_seen, trainer.pending[-1]))
            stopping = ranks.any(interruption.signal is not None)
            ending = stopping or trainer.step == steps
            if trainer.step % config.training.log_every == 0:
                _log(trainer, directory, seen, clock, last_saved)
                clock, seen = time.perf_counter(), trainer.images_seen
            if config.sampling.every and trainer.step % config.sampling.every == 0:
                _write_samples(trainer, directory, data)
            if ending or trainer.step % config.training.checkpoint_every == 0:
                _check_losses(trainer, directory, last_saved)
                last_saved = _save(trainer, directory, data)
            if stopping:
                break
    if ranks.is_first:
        _write_networks(trainer, directory, data)
    return RunResult(directory.generator, trainer.step, interruption.signal if trainer.step < steps else None)


def _resume(trainer: Trainer, directory: RunDirectory, data: PackedImages, listener: Listener) -> int | None:
    trainer.ranks.barrier()
    available = checkpoint_steps(directory.checkpoints)
    if not available:
        if trainer.ranks.is_first:
            directory.forget_stats_after(0)
        return None
    state = load_checkpoint(directory.checkpoints, available[-1])
    place = directory.checkpoints / f"step-{available[-1]:08d}.pt"
    if state.get("data_fingerprint") != data.fingerprint:
        raise UserError(
            f"{directory.path} was trained on other images than {trainer.config.data.source}; choose another --run-dir"
        )
    try:
        trainer.load_state_dict(state)
    except (KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise UserError(
            f"{place}: not a checkpoint of this run ({str(error).splitlines()[0][:120]})"
        ) from None
    if trainer.ranks.is_first:
        directory.forget_stats_after(trainer.step)
    listener.said(f"resuming {directory.path} at step {trainer.step}")
    return trainer.step


def _check_losses(trainer: Trainer, directory: RunDirectory, last_saved: int | None) -> None:
    try:
        trainer.read_losses()
    except UserError as error:
        good = (
            "no checkpoint was written yet"
            if last_saved is None
            else f"the last good checkpoint is step {last_saved}"
        )
        raise UserError(
            f"{error}; {good} in {directory.checkpoints}; a lower learning rate may help"
        ) from None


def _log(trainer: Trainer, directory: RunDirectory, seen: int, clock: float, last_saved: int | None) -> None:
    _check_losses(trainer, directory, last_saved)
    losses = trainer.read_losses()
    trainer.forget_losses()
    if not trainer.ranks.is_first or losses is None:
        return
    seconds = time.perf_counter() - clock
    directory.append_stats(
        {
            "step": trainer.step,
            "images_seen": trainer.images_seen,
            "loss_generator": losses.generator,
            "loss_discriminator": losses.discriminator,
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "images_per_second": (trainer.images_seen - seen) / seconds,
        }
    )


def _save(trainer: Trainer, directory: RunDirectory, data: PackedImages) -> int:
    if trainer.ranks.is_first:
        state = trainer.state_dict() | {"data_fingerprint": data.fingerprint}
        save_checkpoint(directory.checkpoints, trainer.step, state, trainer.config.training.keep_checkpoints)
        _write_networks(trainer, directory, data)
    return trainer.step


def _write_networks(trainer: Trainer, directory: RunDirectory, data: PackedImages) -> None:
    config = trainer.config
    generator_arguments, discriminator_arguments = network_arguments(config, data.num_classes)
    for kind, network, arguments, path in (
        ("generator", trainer.sampling_generator, generator_arguments, directory.generator),
        ("discriminator", trainer.discriminator, discriminator_arguments, directory.discriminator),
    ):
        description = NetworkDescription(
            kind=kind,
            network=arguments,
            class_names=data.class_names,
            provenance=Provenance(
                data=data.name,
                data_fingerprint=data.fingerprint,
                step=trainer.step,
                images_seen=trainer.images_seen,
                averaged=kind == "generator" and trainer.average is not None,
                settings=config.model_dump(mode="json"),
                versions={"projgan": projgan.__version__, "torch": torch.__version__},
            ),
        )
        save_network(network, description, path)


def _write_samples(trainer: Trainer, directory: RunDirectory, data: PackedImages) -> None:
    if not trainer.ranks.is_first:
        return
    settings, generator = trainer.config.sampling, trainer.sampling_generator
    rows = min(settings.classes, data.num_classes) if generator.num_classes else settings.classes
    seeds = [settings.seed + column for _ in range(rows) for column in range(settings.columns)]
    labels = torch.arange(rows).repeat_interleave(settings.columns)
    if not generator.num_classes:
        seeds, labels = [settings.seed + index for index in range(rows * settings.columns)], None  # type: ignore[assignment]
    training = generator.training
    generator.eval()
    images = torch.cat(list(sample(generator, seeds, labels)))
    generator.train(training)
    names = data.class_names[:rows] if generator.num_classes else None
    write_png(grid(images, settings.columns, names), directory.samples_at(trainer.step))
