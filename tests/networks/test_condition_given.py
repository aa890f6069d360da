"""What a network does with labels of other types and of other numbers than its images."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from projgan.networks.conditions import CONDITIONS, ConditionShape, Projection
from projgan.networks.projected import ProjectedDiscriminator
from projgan.networks.resnet import Discriminator, Generator

CLASSES, IMAGES = 5, 3

Ask = Callable[[Tensor | None], Tensor]


def generator(norm: str) -> Ask:
    network = Generator("resnet-8", num_classes=CLASSES, width=2, latent_size=4, norm=norm).eval()
    latents = torch.randn(IMAGES, 4)
    return lambda condition: network(latents, condition)


def judge(network: nn.Module) -> Ask:
    network.eval()
    images = torch.rand(IMAGES, 3, 8, 8)
    return lambda condition: network(images, condition).logits


def projection() -> Ask:
    head, features = Projection(ConditionShape(CLASSES, 6)).eval(), torch.randn(IMAGES, 6)
    return lambda condition: head(features, condition).logits


NETWORKS: dict[str, Callable[[], Ask]] = {
    "batch-norm": lambda: generator("conditional-batch-norm"),
    "adain": lambda: generator("adain"),
    "head": projection,
    "projected": lambda: judge(
        ProjectedDiscriminator("projected", resolution=8, num_classes=CLASSES, width=4, input_size=32)
    ),
    **{
        name: lambda name=name: judge(Discriminator("resnet-8", name, num_classes=CLASSES, width=2))
        for name in CONDITIONS
    },
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_the_type_of_labels_changes_nothing(name: str, dtype: torch.dtype) -> None:
    ask, labels = NETWORKS[name](), torch.tensor([4, 0, 2])
    with torch.no_grad():
        assert torch.equal(ask(labels.to(dtype)), ask(labels))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("condition", "named"),
    [
        (torch.tensor([1]), "3 images is torch.int64 [1]; give integer labels [3]"),
        (torch.tensor([1, 2, 3, 4]), "3 images is torch.int64 [4]"),
        (torch.tensor([[1], [2], [3]]), "3 images is torch.int64 [3, 1]"),
        (torch.ones(1, CLASSES), "3 images is torch.float32 [1, 5]; give"),
        (
            torch.ones(IMAGES),
            "3 images is torch.float32 [3]; give integer labels [3] or float weights [3, 5]",
        ),
        (torch.ones(IMAGES, 4), "3 images is torch.float32 [3, 4]"),
    ],
)
def test_a_condition_of_other_images_is_refused(name: str, condition: Tensor, named: str) -> None:
    ask = NETWORKS[name]()
    with pytest.raises(ValueError, match="the condition of") as caught, torch.no_grad():
        ask(condition)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
