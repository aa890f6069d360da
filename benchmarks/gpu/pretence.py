"""A GPU where there is none: tensors say `cuda`, and a CPU does their arithmetic, or nobody does.

An operation on tensors of both devices is refused, as on a GPU. What makes one wait is counted: numbers that
the host reads, copies of memory that is not pinned. By whose generator a device draws is not looked at. The
guard beside this file must be loaded before torch, so all this is for processes of their own.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

GPU = torch.device("cuda", 0)
ACROSS = {"aten::_to_copy", "aten::copy_", "aten::index", "aten::index_put_", "aten::_foreach_copy_"}
"""Operations that take tensors of both devices; of an index, its positions may be the host's."""
inside = torch.device("cpu")
"""Where the tensors that say they are on the GPU lie: `meta` where they have no numbers."""
waits: Counter[str] = Counter()
"""Operations for which the host waits, or the device: by name."""


class OnGpu(torch.Tensor):
    """A tensor that says it is on the GPU."""

    inner: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "OnGpu":
        """Wrap a tensor of the host, or of the meta device."""
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(),
            dtype=inner.dtype, device=GPU,
        )  # fmt: skip

    def __init__(self, inner: torch.Tensor) -> None:
        self.inner = inner

    def tolist(self) -> Any:
        """Read the numbers, for which the host waits."""
        waits["tolist"] += 1
        return self.inner.tolist()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.inner.__reduce_ex__(protocol)

    def untyped_storage(self) -> torch.UntypedStorage:
        """Return that of what is wrapped."""
        return self.inner.untyped_storage()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class Draws(torch.Generator):
    """A generator of the host that says which device it draws on."""

    def __new__(cls, device: torch.device | str = "cpu") -> "Draws":
        """Make one of the host."""
        return super().__new__(cls)

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.place = torch.device(device)

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Return the device it was made for."""
        return GPU if self.place.type == "cuda" else self.place


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = func._schema.name
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    ours = [tensor for tensor in given if isinstance(tensor, OnGpu)]
    theirs = [tensor for tensor in given if not isinstance(tensor, OnGpu) and tensor.dim() > 0]
    if ours and theirs and name not in ACROSS:
        raise RuntimeError(f"{name}: tensors of the GPU and of the host")
    wanted = kwargs.get("device")
    on_gpu = bool(ours) if wanted is None else torch.device(wanted).type == "cuda"
    _count_waiting(name, ours, theirs, kwargs, args)
    here = {**kwargs, **({"device": inside} if wanted is not None and on_gpu else {})}
    if on_gpu and inside.type == "meta" and "generator" in here:
        here["generator"] = None  # there is nothing to draw
    results = func(*tree_map(_inner, args), **tree_map(_inner, here))
    if not on_gpu:
        return results
    outer = tree_map(lambda leaf: OnGpu(leaf) if isinstance(leaf, torch.Tensor) else leaf, results)
    return return_and_correct_aliasing(func, args, kwargs, outer) if ours else outer


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, OnGpu) else value


def _statistics(images: torch.Tensor, *given: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The shapes of what torch finds by `batch_norm_update_stats`, which it does not tell by itself."""
    mean = images.new_empty(images.shape[1], dtype=torch.float32)
    return mean, torch.empty_like(mean)


_SHAPES = torch.library.Library("aten", "IMPL")
_SHAPES.impl("batch_norm_update_stats", _statistics, "Meta")


def _count_waiting(name: str, ours: list[Any], theirs: list[Any], kwargs: Any, args: Any) -> None:
    reads = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select"}
    if ours and name in reads:
        waits[name] += 1
    if name in ("aten::_to_copy", "aten::copy_"):
        there = torch.device(kwargs["device"]).type if kwargs.get("device") is not None else None
        if ours and there == "cpu":
            waits["to the host"] += 1
        moved = theirs if (there == "cuda" or ours) and there != "cpu" else []
        for tensor in moved:
            if not (getattr(tensor, "pinned", False) and (kwargs.get("non_blocking") or args[-1] is True)):
                waits["of memory that is not pinned"] += 1
    if name == "aten::index" and ours and theirs:
        waits["positions of the host"] += 1


class _Factories(TorchDispatchMode):
    """Sees what takes no tensor, such as `zeros(3, device="cuda")`."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _pinned(tensor: torch.Tensor) -> torch.Tensor:
    copy = tensor.clone()
    copy.pinned = True  # type: ignore[attr-defined]
    return copy


def _only_without_gradients(mode: bool = True) -> AbstractContextManager[None]:
    """In place of `inference_mode`, where tensors that wrap others cannot be made."""
    return torch.set_grad_enabled(torch.is_grad_enabled() and not mode)


@contextmanager
def gpu(*, numbers: bool = True) -> Iterator[torch.device]:
    """Everything in here finds a GPU; without numbers nothing is computed, and to read one is an error."""
    global inside
    from gpu.tape import Tape
    from projgan.networks import convolutions, fused_weights
    from projgan.training import graphs

    changes = [
        (torch, "Generator", Draws),
        (torch.Tensor, "pin_memory", _pinned),
        (graphs, "CudaRecorder", Tape),
        (torch, "inference_mode", _only_without_gradients),
        (torch.cuda, "_lazy_init", lambda: None),
        (torch.cuda, "is_available", lambda: True),
        (torch.cuda, "is_bf16_supported", lambda *given: True),
        (torch.cuda, "device_count", lambda: 1),
        (torch.cuda, "mem_get_info", lambda *given: (2**34, 2**34)),
        (torch.cuda, "memory_reserved", lambda *given: 0),
        (torch.cuda, "get_device_name", lambda *given: "pretended"),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    torch._C._set_only_lift_cpu_tensors(True)  # `torch.tensor` makes one of the host, and moves it
    for owner, name, what in changes:
        setattr(owner, name, what)
    waits.clear()
    convolutions.folding.cache_clear()  # may be of another pretence
    fused_weights.layout.cache_clear()
    inside = torch.device("cpu" if numbers else "meta")
    try:
        with _Factories():
            yield GPU
    finally:
        inside = torch.device("cpu")
        convolutions.folding.cache_clear()
        fused_weights.layout.cache_clear()
        for owner, name, what in before:
            setattr(owner, name, what)
        torch._C._set_only_lift_cpu_tensors(False)
        torch.__future__.set_overwrite_module_params_on_conversion(overwrite)
