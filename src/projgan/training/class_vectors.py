"""What a projected discriminator has from elsewhere: its frozen network, and vectors of the classes."""

import torch
from torch import Tensor, nn

from projgan.config import RunConfig
from projgan.networks.condition_method import class_weights
from projgan.networks.efficientnet_lite import EfficientNetLite0, resized
from projgan.networks.projected import HeadProjections, ProjectedDiscriminator
from projgan.pictures.pixels import to_float
from projgan.randomness import generator_at
from projgan.storage.pretrained import imagenet_file, load_imagenet

IMAGES_PER_CLASS = 64
MOST_IMAGES = 20_000
SMALLEST_SIDE = 128
"""At which classes are looked at: below it the deepest map tells them apart less well."""


def refuse_missing_network(config: RunConfig) -> None:
    """See before anything is made that the frozen network is there, where one is wanted.

    Raises:
        UserError: it is not installed, or another file was given.
    """
    if config.discriminator.architecture == "projected":
        imagenet_file(config.discriminator.features)


def start_from_elsewhere(
    config: RunConfig,
    discriminator: nn.Module,
    images: Tensor,
    conditions: Tensor,
    device: torch.device = torch.device("cpu"),  # noqa: B008
) -> None:
    """Give a projected discriminator its frozen network, and let its classes be as that sees the data.

    Other discriminators have nothing from elsewhere, and stay as they are.

    Args:
        config: of the run.
        discriminator: as built, on the CPU.
        images: uint8 [N, C, S, S], those of the run.
        conditions: labels int64 [N], or float [N, K].
        device: where the frozen network looks at them.

    Raises:
        UserError: the frozen network is not to be had.
    """
    if not isinstance(discriminator, ProjectedDiscriminator):
        return
    discriminator.network = load_imagenet(config.discriminator.features)
    meeting = discriminator.condition
    if isinstance(meeting, HeadProjections):
        rows = _rows(conditions, config.training.seed)
        side = max(SMALLEST_SIDE, discriminator.input_size)
        features = _deepest_features(discriminator.network.to(device), images[rows], side)
        meeting.start_classes(slopes(class_weights(conditions[rows], len(meeting.classes)), features))


def slopes(weights: Tensor, features: Tensor) -> Tensor:
    """How features change with each column: [N, K], [N, D] -> [K, D], the slopes of lines of least squares.

    For one-hot columns, as many of each: the mean features of a class less those of the other classes.
    """
    weights, features = weights.double() - weights.double().mean(dim=0), features.double()
    spread = weights.square().sum(dim=0).clamp(min=1e-12)
    return (weights.t() @ (features - features.mean(dim=0)) / spread[:, None]).float()


def _rows(conditions: Tensor, seed: int) -> Tensor:
    """A few images of each class, or a few of all: int64 [n]."""
    order = torch.randperm(len(conditions), generator=generator_at(seed, "class vectors", 0))
    if conditions.is_floating_point():
        return order[: min(MOST_IMAGES, IMAGES_PER_CLASS * conditions.shape[1])]
    labels, by_class = conditions[order].sort(stable=True)
    starts = torch.searchsorted(labels, labels)
    few = torch.arange(len(labels)) - starts < IMAGES_PER_CLASS
    chosen = order[by_class[few]]
    return chosen[torch.randperm(len(chosen), generator=generator_at(seed, "class vectors", 1))][:MOST_IMAGES]


@torch.inference_mode()
def _deepest_features(network: EfficientNetLite0, images: Tensor, side: int) -> Tensor:
    parts, device = [], next(network.buffers()).device
    for part in images.split(32):
        seen = resized(to_float(part.to(device)), side)
        parts.append(network.maps(seen.contiguous(memory_format=torch.channels_last))[-1].mean(dim=(2, 3)))
    return torch.cat(parts).cpu()
