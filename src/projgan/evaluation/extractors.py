"""Feature networks by name."""

from pathlib import Path

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation.feature_network import Extracted, FeatureNetwork
from projgan.evaluation.inception import Inception, open_published
from projgan.evaluation.own_features import OWN_FEATURES, OwnNetwork
from projgan.files import file_sha256
from projgan.listening import Count
from projgan.networks.efficientnet_lite import NUM_FEATURES, USUAL_SIZE, resized
from projgan.pictures.pixels import to_float
from projgan.storage.network_file import load_classifier
from projgan.storage.pretrained import SHA256, load_imagenet

__all__ = ["ClassifierNetwork", "Extracted", "FeatureNetwork", "Inception", "open_feature_network"]


def open_feature_network(
    name: str,
    device: torch.device | str,
    cache: Path,
    progress: Count | None = None,
) -> FeatureNetwork:
    """Return the feature network of a name.

    Args:
        name: `inception`, fetched into the cache on first use; `inception:PATH`, a file that is there; or
            `classifier:PATH`, a classifier that this package trained; `imagenet` of the extra `pretrained`,
            or `imagenet:PATH` of its file; `own:NAME`, one that was registered.
        device: where it runs.
        cache: folder of fetched weights; made if need be.
        progress: is told bytes fetched and bytes in all.

    Raises:
        UserError: an unknown name, or a file that is missing, damaged or of another network.
    """
    kind, _, path = name.partition(":")
    if name == "inception":
        return open_published(device, cache, progress)
    if kind == "inception" and path:
        return Inception(Path(path), device)
    if kind == "classifier" and path:
        return ClassifierNetwork(Path(path), device)
    if kind == "own" and path in OWN_FEATURES:
        return OwnNetwork(OWN_FEATURES[path], device)
    if kind == "imagenet" and name != "imagenet:":
        return ImagenetNetwork(name, device)
    raise UserError(
        f"unknown feature network {name!r}; known: inception, inception:PATH of its file, imagenet, "
        "imagenet:PATH, classifier:PATH of one made by `projgan classifier`, own:NAME of one that this "
        "program has registered"
    )


class ImagenetNetwork(FeatureNetwork):
    """EfficientNet-Lite0 of ILSVRC2012: features are those its last layer sees, logits of 1000 classes.

    Args:
        name: `imagenet` or `imagenet:PATH`.
        device: where it runs.

    Raises:
        UserError: it is not installed, or another file.
    """

    name = "imagenet"
    sha256 = SHA256
    is_inception = False
    resize = f"bilinear to {USUAL_SIZE} x {USUAL_SIZE}, smoothed where they are larger"
    num_features = NUM_FEATURES
    class_names = None
    resolution = None
    channels = 3

    def __init__(self, name: str, device: torch.device | str) -> None:
        self._network = load_imagenet(name, device)
        self.device = torch.device(device)

    def _of_lane(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self._network.features(resized(to_float(images), USUAL_SIZE))
        return features, self._network.classify(features)


class ClassifierNetwork(FeatureNetwork):
    """A classifier of the data in hand: features are the inputs of its last layer, logits its outputs.

    Args:
        path: a classifier file.
        device: where it runs.

    Raises:
        UserError: no such file, or not a classifier of this package.
    """

    is_inception = False
    resize = "none"

    def __init__(self, path: Path, device: torch.device | str) -> None:
        self._classifier, description = load_classifier(path, device)
        self.device = torch.device(device)
        self.name = f"classifier:{path.stem}"
        self.sha256 = file_sha256(path)
        self.num_features = self._classifier.num_features
        self.class_names = tuple(description.class_names)
        self.resolution = self._classifier.resolution
        self.channels = self._classifier.channels

    def _of_lane(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self._classifier.features(to_float(images))
        return features, self._classifier.linear(features)
