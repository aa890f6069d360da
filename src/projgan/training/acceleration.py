"""What makes the same arithmetic faster on the machine at hand: algorithms, memory and precision.

The layers themselves use the fast algorithms (see `networks.convolutions`); here is what is done to networks
and to the process beside that, and how a run is made plain instead.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from projgan.networks.convolutions import Network, channels_last
from projgan.networks.plain import compute_as_written
from projgan.networks.spectral_norm import SpectralNorm


def make_fast(network: nn.Module, device: torch.device) -> None:
    """Lay channels last in memory, in which convolutions are fastest; keep freed memory, or launch less."""
    channels_last(network)
    if device.type == "cpu":
        keep_freed_memory()
    for module in network.modules():
        if isinstance(module, SpectralNorm):
            module.grouped = device.type != "cpu"


def make_plain(network: nn.Module, device: torch.device) -> None:
    """Compute every convolution and batch norm as written: the oracle that `make_fast` is held to."""
    compute_as_written(network)


ACCELERATIONS: dict[str, Callable[[nn.Module, torch.device], None]] = {"auto": make_fast, "none": make_plain}
"""What `training.acceleration` can be."""


def place(network: Network, device: torch.device, acceleration: str = "auto") -> Network:
    """Move a network to its device and make it fast or plain; returns the network."""
    network.to(device)
    ACCELERATIONS[acceleration](network, device)
    return network


_MAX_FAST, _TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = 1, -1, -2, -4
"""Parameters of glibc's `mallopt` (malloc.h)."""


def keep_freed_memory() -> None:
    """Let the C library reuse large blocks instead of returning them to the system after each operation.

    Feature maps are tens of megabytes; fresh from the system, each costs a page fault for every 4 KiB. Has
    no effect where the C library is not glibc.
    """
    if sys.platform == "win32":  # which has no library of that name
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_MMAP_MAX, 0)
        # Small leftovers beside a large block must join it again, or one of the same size will not fit.
        set_option(_MAX_FAST, 0)
        set_option(_TOP_PAD, 64 * 2**20)
        # Where the heap ends in a large free block, which is by chance, it would be returned.
        set_option(_TRIM_THRESHOLD, 2**31 - 1)


def use_precision(network: nn.Module, precision: str, device: torch.device) -> None:
    """Let a network's forwards in training run in bfloat16 where that is safe; parameters stay float32.

    Only the forward is wrapped: the backward pass follows the types of the forward, and what comes out is
    float32 again, for the losses. The wrapper belongs to this very network: copy networks before, not after.
    """
    if precision == "bf16":
        network.forward = _in_bfloat16(network, device)


def _in_bfloat16(network: nn.Module, device: torch.device) -> Callable[..., Any]:
    forward = network.forward

    def wrapped(*arguments: Any) -> Any:
        # In evaluation mode samples and numbers are made, the same as from the network's file.
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=network.training):
            return forward(*arguments).float()

    return wrapped
