"""Networks computed as they are written: no folded kernels, no Winograd, no fused norms."""

from torch import nn

from projgan.networks.convolutions import PLAIN
from projgan.networks.layers import Convolving
from projgan.networks.normalization import Norm2d


def compute_as_written(network: nn.Module) -> None:
    """Let every convolution and norm of a network be the plain operation of its name."""
    for module in network.modules():
        if isinstance(module, Convolving):
            module.convolve = PLAIN[module.convolve]
        if isinstance(module, Norm2d):
            module.fused = False
