"""Every kind of network that a file may hold: its class, and the arguments that a description must have."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field
from torch import nn

from projgan.networks.classifier import Classifier
from projgan.networks.inverting_generator import InvertingGenerator
from projgan.networks.projected import ProjectedDiscriminator
from projgan.networks.resnet import Discriminator, Generator
from projgan.networks.shapes import MAX_RESOLUTION, MIN_RESOLUTION
from projgan.networks.super_resolution import SuperResolutionDiscriminator, SuperResolutionGenerator
from projgan.storage.network_description import NetworkKind
from projgan.storage.pretrained import load_imagenet
from projgan.stored import Checked

Count = Annotated[int, Field(gt=0, le=1_000_000)]


class GeneratorArguments(Checked):
    """Of `Generator`."""

    architecture: str
    channels: Literal[1, 3]
    num_classes: Count | None
    condition: str = "class"
    norm: str = "conditional-batch-norm"
    latent_size: Count
    width: Count | None


class DiscriminatorArguments(Checked):
    """Of `Discriminator`."""

    architecture: str
    condition: str
    channels: Literal[1, 3]
    num_classes: Count
    width: Count | None
    hidden_block: Count | None = None
    embedding_size: Count = 128
    quadratic_term: bool = False


class ProjectedDiscriminatorArguments(Checked):
    """Of `ProjectedDiscriminator`."""

    architecture: Literal["projected"]
    condition: str
    resolution: Annotated[int, Field(gt=0, le=1024)]
    channels: Literal[1, 3]
    num_classes: Count
    width: Annotated[int, Field(gt=0, le=4096)] | None
    input_size: Annotated[int, Field(gt=0, le=1024)]
    image_head: bool = False


class ClassifierArguments(Checked):
    """Of `Classifier`."""

    resolution: Annotated[int, Field(ge=MIN_RESOLUTION, le=MAX_RESOLUTION)]
    channels: Literal[1, 3]
    num_classes: Count
    width: Count


class SuperResolutionGeneratorArguments(Checked):
    """Of `SuperResolutionGenerator`."""

    architecture: str
    channels: Literal[1, 3]
    noise_channels: Count
    width: Count | None


class SuperResolutionDiscriminatorArguments(Checked):
    """Of `SuperResolutionDiscriminator`."""

    architecture: str
    condition: str
    channels: Literal[1, 3]
    width: Count | None


class InvertingGeneratorArguments(Checked):
    """Of `InvertingGenerator`."""

    architecture: str
    channels: Literal[1, 3]
    num_features: Count
    width: Count | None


def _look_through_installed(discriminator: ProjectedDiscriminator) -> None:
    discriminator.network = load_imagenet()


class NetworkForm(NamedTuple):
    """What a kind of file holds."""

    arguments: type[Checked]
    network: Callable[..., nn.Module]
    complete: Callable[[Any], None] = lambda network: None
    """Give a network what no file of ours holds."""


KINDS: dict[NetworkKind, NetworkForm] = {
    "generator": NetworkForm(GeneratorArguments, Generator),
    "discriminator": NetworkForm(DiscriminatorArguments, Discriminator),
    "projected discriminator": NetworkForm(
        ProjectedDiscriminatorArguments, ProjectedDiscriminator, _look_through_installed
    ),
    "classifier": NetworkForm(ClassifierArguments, Classifier),
    "feature inverter": NetworkForm(InvertingGeneratorArguments, InvertingGenerator),
    "super-resolution generator": NetworkForm(SuperResolutionGeneratorArguments, SuperResolutionGenerator),
    "super-resolution discriminator": NetworkForm(
        SuperResolutionDiscriminatorArguments, SuperResolutionDiscriminator
    ),
}
DISCRIMINATORS: tuple[NetworkKind, ...] = ("discriminator", "projected discriminator")
"""Those of one contract: logits of images and conditions."""
