"""What a run leaves for people: its networks as self-describing files, and sample grids."""

from pathlib import Path
from typing import Literal

import torch

import projgan
from projgan.config import RunConfig
from projgan.data import PackedImages
from projgan.generator_file import NetworkDescription, Provenance, save_network
from projgan.images import grid, write_png
from projgan.run_directory import RunDirectory
from projgan.sampling import sample
from projgan.training.trainer import Trainer, network_arguments


def write_networks(trainer: Trainer, directory: RunDirectory, data: PackedImages) -> None:
    """Write the generator (its average, if one is kept) and the discriminator."""
    generator_arguments, discriminator_arguments = network_arguments(trainer.config, data.num_classes)
    generator = _describe("generator", generator_arguments, trainer, data)
    save_network(trainer.sampling_generator, generator, directory.generator)
    discriminator = _describe("discriminator", discriminator_arguments, trainer, data)
    save_network(trainer.discriminator, discriminator, directory.discriminator)


def _describe(
    kind: Literal["generator", "discriminator"],
    arguments: dict[str, int | str | None],
    trainer: Trainer,
    data: PackedImages,
) -> NetworkDescription:
    return NetworkDescription(
        kind=kind,
        network=arguments,
        class_names=data.class_names,
        provenance=Provenance(
            data=data.name,
            data_fingerprint=data.fingerprint,
            step=trainer.step,
            images_seen=trainer.images_seen,
            averaged=kind == "generator" and trainer.average is not None,
            settings=_without_paths(trainer.config),
            versions={"projgan": projgan.__version__, "torch": torch.__version__},
        ),
    )


def _without_paths(config: RunConfig) -> dict[str, object]:
    """The settings, without folders of the machine the run was made on: the file is meant to travel."""
    settings: dict[str, dict[str, object]] = config.model_dump(mode="json")
    settings["data"]["source"] = Path(config.data.source).name if config.data.source else None
    settings["data"]["cache"] = None
    return dict(settings)


def write_samples(trainer: Trainer, directory: RunDirectory, data: PackedImages) -> None:
    """Draw a grid, one class a row and one seed a column, with the batch norms in evaluation mode."""
    settings, generator = trainer.config.sampling, trainer.sampling_generator
    if generator.num_classes is None:
        rows, names, labels = settings.classes, None, None
        seeds = list(range(settings.seed, settings.seed + rows * settings.columns))
    else:
        rows = min(settings.classes, generator.num_classes)
        names, labels = data.class_names[:rows], torch.arange(rows).repeat_interleave(settings.columns)
        seeds = list(range(settings.seed, settings.seed + settings.columns)) * rows
    was_training = generator.training
    generator.eval()
    images = torch.cat(list(sample(generator, seeds, labels)))
    generator.train(was_training)
    write_png(grid(images, settings.columns, names), directory.samples_at(trainer.step))
