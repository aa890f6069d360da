"""What a run leaves for people: its networks as self-describing files, and sample grids."""

from collections.abc import Callable

import torch
from PIL import Image

from projgan.config import RunConfig, SamplingConfig
from projgan.data import PackedImages
from projgan.data.conditions import Conditions
from projgan.data.standardization import Standardization
from projgan.generation.conditions_in_words import ROWS
from projgan.generation.sampling import sample
from projgan.networks.super_resolution import FACTOR, SuperResolutionGenerator
from projgan.pictures.grids import grid, write_png
from projgan.pictures.pixels import downscale
from projgan.storage.network_description import NetworkDescription, NetworkKind, Provenance, versions
from projgan.storage.network_file import save_network
from projgan.storage.run_directory import RunDirectory
from projgan.storage.run_networks import network_arguments, networks_of
from projgan.storage.travelling import without_paths
from projgan.super_resolution.enlarging import comparison, super_resolve
from projgan.training.trainer import Trainer


def write_networks(
    trainer: Trainer,
    config: RunConfig,
    directory: RunDirectory,
    data: PackedImages,
    conditions: Conditions,
) -> NetworkDescription:
    """Write the generator (its average, if one is kept) and the discriminator; returns the generator's."""
    generator_arguments, discriminator_arguments = network_arguments(config, len(conditions.names))
    kinds = networks_of(config).kinds
    generator = _describe(
        kinds[0], generator_arguments, trainer, config, data, conditions, trainer.is_averaged
    )
    save_network(trainer.sampling_generator, generator, directory.generator)
    discriminator = _describe(
        kinds[1], discriminator_arguments, trainer, config, data, conditions, averaged=False
    )
    save_network(trainer.discriminator, discriminator, directory.discriminator)
    return generator


def _describe(
    kind: NetworkKind,
    arguments: dict[str, bool | int | str | None],
    trainer: Trainer,
    config: RunConfig,
    data: PackedImages,
    conditions: Conditions,
    averaged: bool,
) -> NetworkDescription:
    return NetworkDescription(
        kind=kind,
        network=arguments,
        class_names=conditions.names,
        empty_classes=conditions.empty,
        standardization=standardization_of(conditions),
        provenance=Provenance(
            data=data.name,
            data_fingerprint=data.fingerprint,
            step=trainer.step,
            images_seen=trainer.images_seen,
            averaged=averaged,
            settings=without_paths(config.model_dump(mode="json")),
            versions=versions(),
        ),
    )


def standardization_of(conditions: Conditions) -> Standardization | None:
    """Return the units of a vector's columns, or None where nothing was standardised."""
    if conditions.means is None or conditions.deviations is None:
        return None
    return Standardization(means=conditions.means, deviations=conditions.deviations)


def write_samples(
    trainer: Trainer, config: RunConfig, directory: RunDirectory, conditions: Conditions
) -> None:
    """Draw a grid of what the generator makes now, with its batch norms in evaluation mode."""
    generator = trainer.sampling_generator
    was_training = generator.training
    generator.eval()
    picture = SAMPLES[config.data.condition](trainer, config.sampling, conditions)
    generator.train(was_training)
    write_png(picture, directory.samples_at(trainer.step))


def _grid_of_conditions(trainer: Trainer, settings: SamplingConfig, conditions: Conditions) -> Image.Image:
    """One condition a row and one seed a column."""
    generator = trainer.sampling_generator
    if generator.condition is None:
        rows, names, repeated = settings.classes, None, None
        seeds = list(range(settings.seed, settings.seed + rows * settings.columns))
    else:
        names, given = ROWS[generator.condition](
            conditions.names, standardization_of(conditions), settings.classes, conditions.empty
        )
        repeated = given.repeat_interleave(settings.columns, dim=0)
        seeds = list(range(settings.seed, settings.seed + settings.columns)) * len(names)
    return grid(torch.cat(list(sample(generator, seeds, repeated))), settings.columns, names)


def _enlarged_images(trainer: Trainer, settings: SamplingConfig, conditions: Conditions) -> Image.Image:
    """The first images of the data, one a column: made small, enlarged in all ways, and as they are."""
    generator = trainer.sampling_generator
    assert isinstance(generator, SuperResolutionGenerator)
    truth = trainer.stream.first_images(settings.columns)
    small = downscale(truth, FACTOR)
    seeds = range(settings.seed, settings.seed + min(settings.classes, 3))
    return comparison(small, list(super_resolve(generator, small, list(seeds))), list(seeds), truth)


SAMPLES: dict[str, Callable[[Trainer, SamplingConfig, Conditions], Image.Image]] = {
    "class": _grid_of_conditions,
    "multi-hot": _grid_of_conditions,
    "vector": _grid_of_conditions,
    "low-resolution": _enlarged_images,
}
"""What the sample grids of a run show, by the kind of condition."""
