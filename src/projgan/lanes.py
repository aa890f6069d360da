"""Networks asked in lanes: batches of one fixed size, the last one padded.

Results differ in the last bits between batch sizes, and an answer must not depend on its neighbours.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from projgan.networks.resnet import Discriminator
from projgan.pictures.pixels import to_float

LANES = {"cpu": 8, "cuda": 64}
"""Images a network sees at once, by device type."""


def lane_size(network: nn.Module) -> int:
    """Images that a network sees at once, by the device it is on."""
    return LANES.get(next(network.parameters()).device.type, LANES["cpu"])


def fill_lane(rows: Tensor, lane: int) -> Tensor:
    """Repeat the first row behind the last one until there are `lane` of them: [n, ...] -> [lane, ...]."""
    return torch.cat([rows, rows[:1].expand(lane - len(rows), *rows.shape[1:])])


def as_seen(images: Tensor, discriminator: Discriminator) -> Tensor:
    """uint8 [n, C, R, R] -> float32 on the discriminator's device, in the middle of each grey level.

    There the noise of training has its mean, so that looking twice says the same.
    """
    device = next(discriminator.parameters()).device
    return to_float(images.to(device), torch.tensor(0.5, device=device))


def logits_of(discriminator: Discriminator, images: Tensor, condition: Tensor | None) -> Tensor:
    """Return f(x, y) of images with their conditions, lane by lane: float32 [N] on the CPU.

    Args:
        discriminator: in evaluation mode, on any device.
        images: uint8 [N, C, R, R].
        condition: labels [N] or float [N, num_classes]; None for an unconditional discriminator.
    """
    lane = lane_size(discriminator)
    logits = []
    for start in range(0, len(images), lane):
        some = images[start : start + lane]
        seen = as_seen(fill_lane(some, lane), discriminator)
        part = None if condition is None else fill_lane(condition[start : start + lane], lane).to(seen.device)
        with torch.inference_mode():
            logits.append(discriminator(seen, part).logits[: len(some)].cpu())
    return torch.cat(logits)


def features_of(
    discriminator: Discriminator, images: Tensor, progress: Callable[[int, int], None] | None = None
) -> Tensor:
    """phi(x) lane by lane: uint8 [N, C, R, R] -> float32 [N, num_features] on the CPU.

    `progress` is told of (images done, all).
    """
    lane = lane_size(discriminator)
    features = []
    for start in range(0, len(images), lane):
        some = images[start : start + lane]
        with torch.inference_mode():
            seen = discriminator.features(as_seen(fill_lane(some, lane), discriminator))
        features.append(seen[: len(some)].cpu())
        if progress:
            progress(start + len(some), len(images))
    return torch.cat(features).clone()  # outside of inference mode, so that a fit may differentiate
