"""A network that is asked for by a name that there is not says which names there are."""

from collections.abc import Callable

import pytest
from torch import nn

from projgan.networks.conditions import CONDITIONS
from projgan.networks.generator_norms import GENERATOR_NORMS
from projgan.networks.projected import HEAD_CONDITIONS, ProjectedDiscriminator
from projgan.networks.resnet import Discriminator, Generator
from projgan.networks.shapes import DISCRIMINATORS, GENERATORS, SUPER_RESOLUTION
from projgan.networks.super_resolution import SuperResolutionDiscriminator, SuperResolutionGenerator

ASKED: dict[str, tuple[Callable[[], nn.Module], str, list[str]]] = {
    "generator": (lambda: Generator("resnet-16"), "architecture is 'resnet-16'", [*GENERATORS]),
    "norm": (lambda: Generator("resnet-8", norm="batch"), "norm is 'batch'", [*GENERATOR_NORMS]),
    "kind": (
        lambda: Generator("resnet-8", num_classes=2, condition="label"),
        "condition is 'label'",
        ["class", "multi-hot", "vector"],
    ),
    "discriminator": (
        lambda: Discriminator("resnet-16", num_classes=2),
        "architecture is 'resnet-16'",
        [*DISCRIMINATORS],
    ),
    "method": (
        lambda: Discriminator("resnet-8", "project", num_classes=2),
        "condition is 'project'",
        [*CONDITIONS],
    ),
    "projected": (
        lambda: ProjectedDiscriminator("projected", "ac-gan", resolution=8, num_classes=2, input_size=32),
        "condition is 'ac-gan'",
        [*HEAD_CONDITIONS],
    ),
    "enlarging": (
        lambda: SuperResolutionGenerator("resnet-8"),
        "architecture is 'resnet-8'",
        [*SUPER_RESOLUTION],
    ),
    "enlarged": (
        lambda: SuperResolutionDiscriminator("resnet-8"),
        "architecture is 'resnet-8'",
        [*SUPER_RESOLUTION],
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_name_that_there_is_not_is_answered_with_those_that_there_are(name: str) -> None:
    make, said, names = ASKED[name]
    with pytest.raises(ValueError, match=said) as caught:
        make()
    assert str(caught.value) == f"{said}; there are {', '.join(names)}"
