"""Networks computed as they are written: no folded kernels, no Winograd, no fused batch norm."""

from torch import nn

from projgan.networks.batch_norm import BatchNorm2d
from projgan.networks.convolutions import PLAIN
from projgan.networks.layers import Convolving


def compute_as_written(network: nn.Module) -> None:
    """Let every convolution and batch norm of a network be the plain operation of its name."""
    for module in network.modules():
        if isinstance(module, Convolving):
            module.convolve = PLAIN[module.convolve]
        if isinstance(module, BatchNorm2d):
            module.fused = False
