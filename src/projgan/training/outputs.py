"""What a run leaves for people: its networks as self-describing files, and sample grids."""

from pathlib import Path
from typing import Any, Literal

import torch

import projgan
from projgan.data import PackedImages
from projgan.data.conditions import Conditions
from projgan.generator_file import NetworkDescription, Provenance, Standardization, save_network
from projgan.images import grid, write_png
from projgan.run_directory import RunDirectory
from projgan.sampling import ROWS, sample
from projgan.training.trainer import Trainer, network_arguments


def write_networks(
    trainer: Trainer, directory: RunDirectory, data: PackedImages, conditions: Conditions
) -> None:
    """Write the generator (its average, if one is kept) and the discriminator."""
    generator_arguments, discriminator_arguments = network_arguments(trainer.config, trainer.num_classes)
    generator = _describe("generator", generator_arguments, trainer, data, conditions)
    save_network(trainer.sampling_generator, generator, directory.generator)
    discriminator = _describe("discriminator", discriminator_arguments, trainer, data, conditions)
    save_network(trainer.discriminator, discriminator, directory.discriminator)


def _describe(
    kind: Literal["generator", "discriminator"],
    arguments: dict[str, bool | int | str | None],
    trainer: Trainer,
    data: PackedImages,
    conditions: Conditions,
) -> NetworkDescription:
    return NetworkDescription(
        kind=kind,
        network=arguments,
        class_names=conditions.names,
        standardization=standardization_of(conditions),
        provenance=Provenance(
            data=data.name,
            data_fingerprint=data.fingerprint,
            step=trainer.step,
            images_seen=trainer.images_seen,
            averaged=kind == "generator" and trainer.average is not None,
            settings=without_paths(trainer.config.model_dump(mode="json")),
            versions={"projgan": projgan.__version__, "torch": torch.__version__},
        ),
    )


def standardization_of(conditions: Conditions) -> Standardization | None:
    """Return the units of a vector's columns, or None where nothing was standardised."""
    if conditions.means is None or conditions.deviations is None:
        return None
    return Standardization(means=conditions.means, deviations=conditions.deviations)


def without_paths(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a run's settings without folders of the machine it was made on: the file is meant to travel."""
    source, features = settings["data"]["source"], settings["evaluation"]["features"]
    kind, colon, path = features.partition(":")
    return settings | {
        "data": settings["data"] | {"source": source and Path(source).name, "cache": None},
        "evaluation": settings["evaluation"] | {"features": kind + colon + Path(path).name},
    }


def write_samples(trainer: Trainer, directory: RunDirectory, conditions: Conditions) -> None:
    """Draw a grid, one condition a row and one seed a column, with the batch norms in evaluation mode."""
    settings, generator = trainer.config.sampling, trainer.sampling_generator
    if generator.condition is None:
        rows, names, repeated = settings.classes, None, None
        seeds = list(range(settings.seed, settings.seed + rows * settings.columns))
    else:
        names, given = ROWS[generator.condition](
            conditions.names, standardization_of(conditions), settings.classes
        )
        repeated = given.repeat_interleave(settings.columns, dim=0)
        seeds = list(range(settings.seed, settings.seed + settings.columns)) * len(names)
    was_training = generator.training
    generator.eval()
    images = torch.cat(list(sample(generator, seeds, repeated)))
    generator.train(was_training)
    write_png(grid(images, settings.columns, names), directory.samples_at(trainer.step))
