"""A network called like the published Inception and of its output shapes, but small and random."""

import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TinyInception(nn.Module):
    """uint8 [N, 3, H, W] -> class probabilities [N, outputs], or features."""

    def __init__(self, num_features: int, num_outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1)
        self.linear = nn.Linear(8 * 4 * 4, num_features)
        self.output = nn.Linear(num_features, num_outputs)

    def forward(
        self,
        img: Tensor,
        return_features: bool = False,
        use_fp16: bool = False,
        no_output_bias: bool = False,
    ) -> Tensor:
        hidden = F.interpolate(img.float() / 128 - 1, (16, 16), mode="bilinear")
        features = F.relu(self.linear(F.adaptive_avg_pool2d(F.relu(self.convolution(hidden)), 4).flatten(1)))
        if return_features:
            return features
        if no_output_bias:
            return F.linear(features, self.output.weight).softmax(dim=1)
        return self.output(features).softmax(dim=1)


def write_tiny_inception(path: Path, num_features: int = 2048, num_outputs: int = 1008) -> TinyInception:
    """Write it as TorchScript and return it as it was before."""
    generator_state = torch.random.get_rng_state()
    torch.manual_seed(7)
    network = TinyInception(num_features, num_outputs).eval()
    torch.random.set_rng_state(generator_state)
    write_script(network, path)
    return network


def write_script(network: nn.Module, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the form in which Inception is published
        torch.jit.script(network).save(str(path))
