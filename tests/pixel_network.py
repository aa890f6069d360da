"""A feature network whose features can be computed by hand: the mean of each quarter of an image."""

import torch
from torch import Tensor

from projgan.evaluation.feature_network import FeatureNetwork


class QuarterMeans(FeatureNetwork):
    """Features: mean grey levels of the quarters, over 255. Logits: minus the distance to class levels."""

    name, sha256, is_inception, resize = "classifier:quarters", "a" * 64, False, "none"
    num_features, resolution, channels, device = 4, None, 1, torch.device("cpu")

    def __init__(self, class_names: tuple[str, ...] | None = None) -> None:
        self.class_names = class_names
        self.seen = 0

    def _of_lane(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.seen += len(images)
        features = torch.nn.functional.adaptive_avg_pool2d(images[:, :1].float(), 2).flatten(1) / 255
        levels = torch.linspace(0, 1, len(self.class_names or "12345678"))
        return features, -(features.mean(dim=1, keepdim=True) - levels).abs()
