"""What turns images into the features and logits that the numbers of this package are made of."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from projgan.data.tensors import as_torch
from projgan.errors import UserError
from projgan.lanes import in_lanes

LANES = {"cpu": 16, "cuda": 128}
"""Images a feature network sees at once, by device type."""


@dataclass(frozen=True)
class Extracted:
    """What a feature network says of N images; both on the CPU."""

    features: Tensor
    """float32 [N, D]."""
    logits: Tensor
    """float32 [N, K]: class logits, up to a constant per image."""


class FeatureNetwork(ABC):
    """A network with features and class logits, and what a measured number must say about it."""

    name: str
    """`inception`, or `classifier:NAME`."""
    sha256: str
    """Checksum of its file."""
    is_inception: bool
    """Whether a number from its features may be called `fid`, `kid` and their like."""
    resize: str
    """What happens to the images before the network, in words."""
    num_features: int
    """D."""
    has_logits: bool = True
    """Whether it has scores of classes at all."""
    class_names: tuple[str, ...] | None
    """Of its logits; None where they are not the classes of the images measured."""
    resolution: int | None
    """The only height and width it takes; None takes any."""
    channels: int
    """1 or 3; grey images are repeated to 3."""
    device: torch.device

    def extract(self, images: Tensor) -> Extracted:
        """Return the features and logits of images, uint8 [N, 1 or 3, H, W], on any device.

        The network runs on lanes (`projgan.lanes`): a number must not depend on how its images arrived.

        Raises:
            UserError: no images, or not of the type, channels or resolution that the network takes.
        """
        lane = LANES.get(self.device.type, LANES["cpu"])
        parts = [
            [tensor[:count].float().cpu() for tensor in answer]
            for answer, count in in_lanes(
                lambda images: self._of_lane(images.to(self.device)), lane, self._checked(as_torch(images))
            )
        ]
        features, logits = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        if not features.isfinite().all():
            raise UserError(
                f"{self.name}: gives features that are not finite; it is damaged or broken, use another one"
            )
        return Extracted(features, logits)

    @abstractmethod
    def _of_lane(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits of one lane, uint8 [lane, channels, H, W] on the network's device."""

    def _checked(self, images: Tensor) -> Tensor:
        if images.dim() != 4 or images.dtype != torch.uint8 or len(images) == 0:
            raise UserError(
                f"{self.name} takes images as uint8 [N, C, H, W], N >= 1; "
                f"these are {images.dtype} {list(images.shape)}"
            )
        channels, *size = images.shape[1:]
        if channels not in (1, self.channels):
            raise UserError(f"{self.name} takes images of {self.channels} channel(s); these have {channels}")
        if self.resolution is not None and size != [self.resolution, self.resolution]:
            raise UserError(
                f"{self.name} was trained on {self.resolution} x {self.resolution} images; these are "
                f"{size[0]} x {size[1]}: compare at its resolution, or train a classifier at theirs"
            )
        return images.expand(-1, self.channels, -1, -1)
