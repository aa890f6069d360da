"""Which networks a run trains, by the kind of its condition, and how they are started."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from projgan.config import RunConfig
from projgan.errors import UserError
from projgan.networks.projected import ProjectedDiscriminator
from projgan.networks.resnet import Discriminator, Generator
from projgan.networks.super_resolution import SuperResolutionDiscriminator, SuperResolutionGenerator
from projgan.randomness import drawing_from
from projgan.storage.network_description import NetworkKind

Arguments = tuple[dict[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class Networks:
    """A pair of networks; all pairs keep one contract: see `Generator` and `Discriminator`."""

    generator: Callable[..., Any]
    discriminator: Callable[..., Any]
    arguments: Callable[[RunConfig, int], Arguments]
    """What to build them with, given the classes or columns of the data."""
    kinds: tuple[NetworkKind, NetworkKind]
    """What their files say they are."""


def _labelled_arguments(config: RunConfig, num_classes: int) -> Arguments:
    generator = {
        "architecture": config.generator.architecture,
        "channels": config.data.channels,
        "num_classes": num_classes if config.generator.condition else None,
        "condition": config.data.condition,
        "norm": config.generator.condition or "conditional-batch-norm",
        "latent_size": config.generator.latent_size,
        "width": config.generator.width,
    }
    discriminator = {
        "architecture": config.discriminator.architecture,
        "condition": config.discriminator.condition,
        "channels": config.data.channels,
        "num_classes": num_classes,
        "width": config.discriminator.width,
        "hidden_block": config.discriminator.hidden_block,
        "embedding_size": config.discriminator.embedding_size,
        "quadratic_term": config.discriminator.quadratic_term,
    }
    return generator, discriminator


def _projected_arguments(config: RunConfig, num_classes: int) -> Arguments:
    generator, _ = _labelled_arguments(config, num_classes)
    discriminator = {
        "architecture": config.discriminator.architecture,
        "condition": config.discriminator.condition,
        "resolution": config.data.resolution,
        "channels": config.data.channels,
        "num_classes": num_classes,
        "width": config.discriminator.width,
        "input_size": config.discriminator.input_size,
        "image_head": config.discriminator.image_head,
    }
    return generator, discriminator


def _super_resolution_arguments(config: RunConfig, num_classes: int) -> Arguments:
    generator = {
        "architecture": config.generator.architecture,
        "channels": config.data.channels,
        "noise_channels": config.generator.latent_size,
        "width": config.generator.width,
    }
    discriminator = {
        "architecture": config.discriminator.architecture,
        "condition": config.discriminator.condition,
        "channels": config.data.channels,
        "width": config.discriminator.width,
    }
    return generator, discriminator


LABELLED = Networks(Generator, Discriminator, _labelled_arguments, ("generator", "discriminator"))
PROJECTED = Networks(
    Generator, ProjectedDiscriminator, _projected_arguments, ("generator", "projected discriminator")
)
NETWORKS: dict[str, Networks] = {
    "class": LABELLED,
    "multi-hot": LABELLED,
    "vector": LABELLED,
    "low-resolution": Networks(
        SuperResolutionGenerator,
        SuperResolutionDiscriminator,
        _super_resolution_arguments,
        ("super-resolution generator", "super-resolution discriminator"),
    ),
}


def networks_of(config: RunConfig) -> Networks:
    """Return which networks a run trains."""
    return PROJECTED if config.discriminator.architecture == "projected" else NETWORKS[config.data.condition]


def network_arguments(config: RunConfig, num_classes: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of `Generator` and of `Discriminator` for a configuration and the data's classes.

    Where the condition is no single class, `num_classes` counts its columns.
    """
    return networks_of(config).arguments(config, num_classes)


def build_generator(config: RunConfig, num_classes: int) -> Any:
    """Build the generator alone, for weights that are there already."""
    networks = networks_of(config)
    return networks.generator(**networks.arguments(config, num_classes)[0])


def build_networks(config: RunConfig, num_classes: int) -> tuple[Generator, Discriminator]:
    """Build both networks on the CPU, started from the run's seed and nothing else.

    Raises:
        UserError: settings that no network fits, or networks that do not fit into memory.
    """
    networks = networks_of(config)
    generator_arguments, discriminator_arguments = networks.arguments(config, num_classes)
    with drawing_from(config.training.seed, "initialization"):
        try:
            return networks.generator(**generator_arguments), networks.discriminator(
                **discriminator_arguments
            )
        except ValueError as error:
            raise UserError(str(error)) from None
        except RuntimeError as error:  # torch's allocator
            reason = str(error).splitlines()[0][:120]
            raise UserError(f"the networks cannot be built ({reason}); choose smaller widths") from None
