"""What stands in for a CUDA graph where there is no GPU: operations of a step, run again in the same memory.

As a graph does, it holds tensors by their place and numbers by their value: what Python decided while it was
recorded is decided for good. So a step that gives the same on a tape as it does by itself can be a graph.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

READING = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal"}
"""Operations whose result Python looks at; a GPU refuses to record them."""

Operation = tuple[Any, tuple[Any, ...], dict[str, Any], list[Tensor]]


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


class _Listening(TorchDispatchMode):
    """Notes every operation, and what the memory that was there before held."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self._made: set[int] = set()
        self._before: dict[int, tuple[Tensor, torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func._schema.name in READING:
            raise RuntimeError(f"operation not permitted while recording: {func._schema.name}")
        given = {tensor.untyped_storage().data_ptr() for tensor in _tensors((args, kwargs))}
        for tensor in _tensors((args, kwargs)):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self._made and storage.data_ptr() not in self._before:
                self._before[storage.data_ptr()] = tensor, storage.clone()
        results = func(*args, **kwargs)
        new = [tensor for tensor in _tensors(results) if tensor.untyped_storage().data_ptr() not in given]
        self._made |= {tensor.untyped_storage().data_ptr() for tensor in new}
        self.operations.append((func, args, kwargs, _tensors(results)))
        return results

    def undo(self) -> None:
        """Recording executes nothing: put back what was there."""
        for tensor, before in self._before.values():
            tensor.untyped_storage().copy_(before)


class Tape:
    """A `projgan.training.graphs.Recorder` for any device."""

    def warm_up(self, step: Callable[[], Tensor]) -> Tensor:
        """Run a step as it is."""
        return step()

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        """Note the operations of a step; returns what runs them again, and where they leave the loss."""
        with _Listening() as listening:
            loss = step()
        listening.undo()

        def replay() -> None:
            with torch._C._AutoDispatchBelowAutograd():
                for func, args, kwargs, held in listening.operations:
                    given = {tensor.untyped_storage().data_ptr() for tensor in _tensors((args, kwargs))}
                    for place, found in zip(held, _tensors(func(*args, **kwargs)), strict=True):
                        if place.untyped_storage().data_ptr() not in given:  # neither a view nor in place
                            place.copy_(found)

        return replay, loss
