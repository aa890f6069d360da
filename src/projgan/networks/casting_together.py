"""Kernels of many convolutions in the type that autocast computes in: one launch casts all of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from projgan.networks import fused
from projgan.networks.convolutions import FOLDS, PLAIN
from projgan.networks.layers import Convolving


@contextmanager
def cast_together(layers: Sequence[Convolving]) -> Iterator[None]:
    """In here each convolution, used once, takes the kernel that autocast would make of its own.

    Nothing is done where there is no autocast, on a CPU, where convolutions compute as written, and for a
    layer with hooks, which may change its weight before it is used.
    """
    layers = [layer for layer in layers if not (layer._forward_hooks or layer._forward_pre_hooks)]
    if layers and _suit(layers):
        kind = layers[0].weight.device.type
        with torch.autocast(kind, enabled=False):
            kernels = [FOLDS.get(layer.convolve, _as_it_is)(layer.kernel()) for layer in layers]
        cast = _Cast.apply(torch.get_autocast_dtype(kind), *kernels)
        for layer, kernel in zip(layers, cast, strict=True):
            layer.ready = kernel
    try:
        yield
    finally:
        for layer in layers:
            layer.ready = None


def _suit(layers: Sequence[Convolving]) -> bool:
    weight = layers[0].weight
    kind = weight.device.type
    if weight.dtype != torch.float32 or kind not in fused.DEVICES or not torch.is_autocast_enabled(kind):
        return False
    is_traced = torch.jit.is_tracing()  # type: ignore[attr-defined]
    return not is_traced and all(layer.convolve in PLAIN for layer in layers)


def _as_it_is(weight: Tensor) -> Tensor:
    return weight


class _Cast(torch.autograd.Function):
    """Tensors in another type; their gradients in their own."""

    @staticmethod
    def forward(context: Any, dtype: torch.dtype, *tensors: Tensor) -> tuple[Tensor, ...]:
        context.set_materialize_grads(False)
        context.dtype = tensors[0].dtype
        return tuple(_cast(tensors, dtype))

    @staticmethod
    def backward(context: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        there = iter(_cast([gradient for gradient in gradients if gradient is not None], context.dtype))
        return (None, *(None if gradient is None else next(there) for gradient in gradients))


def _cast(tensors: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
    found = [torch.empty_like(tensor, dtype=dtype) for tensor in tensors]
    if found:
        torch._foreach_copy_(found, list(tensors))
    return found
