"""A network that is not of this package, as features for its numbers."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from projgan.errors import UserError, reason_of
from projgan.evaluation.feature_network import FeatureNetwork
from projgan.pictures.pixels import to_float
from projgan.randomness import generator_at

FeaturesOfImages = Callable[[Tensor], Tensor]
"""Float32 [N, channels, R, R] in [-1, 1] -> float [N, D]."""
_PROBED = 32
"""Height and width of the noise by which networks of any size are told apart."""


@dataclass(frozen=True)
class OwnFeatures:
    """What was registered under a name."""

    name: str
    network: nn.Module | FeaturesOfImages
    channels: int
    resolution: int | None
    resize: str
    version: str
    """Of the network; "" to tell it by what it says."""


OWN_FEATURES: dict[str, OwnFeatures] = {}
"""By the name that follows `own:`."""


class OwnNetwork(FeatureNetwork):
    """Features alone: scores of classes need another network.

    Numbers of two networks must never stand in one column. So the checksum is that of what it says of two
    images of noise, to the bit, and of its weights where it is a module; or of the version that was given.

    Raises:
        UserError: it does not answer with features [N, D], or not at all.
    """

    is_inception = False
    has_logits = False
    class_names = None

    def __init__(self, given: OwnFeatures, device: torch.device | str) -> None:
        self.name, self.channels, self.resolution = f"own:{given.name}", given.channels, given.resolution
        self.resize, self.device = given.resize, torch.device(device)
        if isinstance(given.network, nn.Module):
            given.network.to(self.device).eval()
        self._network = given.network
        said = self._of_noise()
        self.num_features = said.shape[1]
        digest = hashlib.sha256(f"{given.name} {self.resize} {said.shape[1]} {given.version}".encode())
        if not given.version:
            weights = given.network.state_dict() if isinstance(given.network, nn.Module) else {}
            for key, tensor in [*weights.items(), ("", said)]:
                digest.update(key.encode())
                digest.update(as_bytes(tensor))
        self.sha256 = digest.hexdigest()

    def _of_noise(self) -> Tensor:
        size = self.resolution or _PROBED
        noise = torch.rand(2, self.channels, size, size, generator=generator_at(0, "own-features", 0))
        try:
            with torch.inference_mode():
                return self._features(noise.to(self.device) * 2 - 1)
        except UserError:
            raise
        except Exception as error:  # of whatever was given
            raise UserError(
                f"{self.name}: failed on two images of {self.channels} channels and {size}x{size} pixels "
                f"({reason_of(error)}); give `channels` and `resolution` to register_features"
            ) from error

    def _features(self, images: Tensor) -> Tensor:
        found = self._network(images)
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(images):
            shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise UserError(
                f"{self.name}: gave {shape} for {len(images)} images; it must give features [N, D]"
            )
        return found

    def _of_lane(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self._features(to_float(images)).float()
        return features, features.new_zeros(len(features), 1)


def as_bytes(tensor: Tensor) -> bytes:
    """The numbers of a tensor, in their order."""
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
