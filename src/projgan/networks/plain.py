"""Networks computed as they are written: no folded kernels, no Winograd, no fused norms."""

from torch import nn

from projgan.networks.convolutions import PLAIN
from projgan.networks.finishing import Fusing
from projgan.networks.layers import Convolving


def compute_as_written(network: nn.Module) -> None:
    """Let every convolution, norm and block of a network be the plain operations of its name."""
    for module in network.modules():
        if isinstance(module, Convolving):
            module.convolve = PLAIN.get(module.convolve, module.convolve)
        if isinstance(module, Fusing):
            module.fused = False
