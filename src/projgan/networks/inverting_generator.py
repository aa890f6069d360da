"""A generator that turns a classifier's features back into images."""

from torch import Tensor, nn

from projgan.networks.layers import initialize
from projgan.networks.resnet import Generator

LEAK = 0.3
"""Slope of the leaky ReLU below zero, as in the authors' generator."""


class InvertingGenerator(nn.Module):
    """Features to images in [-1, 1]: three fully connected layers, then upsampling convolutions.

    The fully connected part is that of Nguyen et al. 2017 (Evolving-AI-Lab/ppgn, generator.prototxt): two
    layers as wide as the features, and one to the first feature map. What follows is the residual generator
    of this package without a condition, in place of their transposed convolutions.

    Args:
        architecture: a name in `GENERATORS`.
        channels: 1 for grey images, 3 for RGB.
        num_features: length of the features.
        width: base width in place of the table's.
    """

    def __init__(
        self, architecture: str, *, channels: int = 3, num_features: int, width: int | None = None
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.generator = Generator(architecture, channels=channels, latent_size=num_features, width=width)
        self.resolution, self.channels = self.generator.resolution, channels
        first, second = nn.Linear(num_features, num_features), nn.Linear(num_features, num_features)
        initialize(first)
        initialize(second)
        self.layers = nn.Sequential(first, nn.LeakyReLU(LEAK), second, nn.LeakyReLU(LEAK))

    def forward(self, features: Tensor) -> Tensor:
        """Features [N, num_features] -> [N, channels, R, R]."""
        images: Tensor = self.generator(self.layers(features))
        return images
