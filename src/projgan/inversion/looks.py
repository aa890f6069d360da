"""What two images are compared by: pixels at several sizes, and the maps of a network if one is named."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from projgan.errors import UserError
from projgan.networks.condition_method import Method
from projgan.networks.efficientnet_lite import resized
from projgan.networks.resnet import Discriminator
from projgan.storage.classifiers import check_classifier
from projgan.storage.network_file import load_classifier
from projgan.storage.pretrained import load_imagenet

Look = Callable[[Tensor], list[Tensor]]
"""Images [N, C, R, R] in [-1, 1] -> tensors [N, ...], of which the mean square differences are compared."""
SMALLEST = 4
"""Pixels of the smallest copy that is compared."""
SEEN = 64
"""Height and width at which the pretrained network sees images, unless they are larger: maps are small."""


def pixels(images: Tensor) -> list[Tensor]:
    """The image and copies of half the size each: coarse shapes and colours count as much as edges."""
    copies = [images]
    while copies[-1].shape[-1] >= 2 * SMALLEST:
        copies.append(F.avg_pool2d(copies[-1], 2))
    return copies


def open_look(
    name: str, channels: int, resolution: int, beside: Discriminator | None, device: torch.device | str
) -> Look | None:
    """Return what gives the maps of a network, or None for `pixels`, which needs none.

    Args:
        name: `pixels`, `discriminator`, `imagenet`, `imagenet:PATH` or `classifier:PATH`.
        channels: of the images.
        resolution: of the images.
        beside: the discriminator of the generator's run, if there is one.
        device: where it is to look.

    Raises:
        UserError: an unknown name, or a network that is missing or takes other images.
    """
    kind, _, path = name.partition(":")
    if name == "pixels":
        return None
    if name == "discriminator":
        if beside is None:
            raise UserError(
                "--features discriminator: there is none beside the generator; give pixels or imagenet"
            )
        return _trunk(beside)
    if kind == "imagenet":
        network = load_imagenet(name, device).requires_grad_(False)
        size = max(SEEN, resolution)
        return lambda images: _directions(network.maps(resized(images, size)))
    if kind == "classifier" and path:
        classifier, words = load_classifier(Path(path), device)
        check_classifier(Path(path), words, "the generator", resolution=resolution, channels=channels)
        classifier.requires_grad_(False)
        return lambda images: _directions([classifier.maps(images)])
    raise UserError(f"--features {name}: not known; give pixels, discriminator, imagenet or classifier:FILE")


def _trunk(discriminator: Discriminator) -> Look:
    if not isinstance(discriminator, Discriminator):
        raise UserError("--features discriminator: not of architecture projected; give imagenet instead")
    if type(discriminator.condition).join is not Method.join:
        raise UserError(
            "--features discriminator: it meets the label in its trunk, so it sees no image alone; "
            "give pixels or imagenet"
        )
    discriminator.requires_grad_(False)

    def look(images: Tensor) -> list[Tensor]:
        maps = []
        for block in discriminator.blocks:
            images = block(images)
            maps.append(images)
        return _directions(maps)

    return look


def _directions(maps: Sequence[Tensor]) -> list[Tensor]:
    """At each place the direction of a map's channels, so that no map and no place outweighs the others."""
    return [F.normalize(one.float(), dim=1) * one.shape[1] ** 0.5 for one in maps]
