"""How many kernels an iteration launches on a GPU, and how many bytes they read and write."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Self
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gpu.pretence import gpu
from gpu.settings import steps_called
from projgan.networks import fused, fused_branch, fused_finishing, fused_norm, fused_weights
from projgan.process.ranks import Ranks
from projgan.training import optimization
from projgan.training.building import build_trainer
from timing.measures import IMAGES, NUM_CLASSES, Case

FREE = {
    "empty",
    "empty_like",
    "new_empty",
    "empty_strided",
    "new_empty_strided",
    "_unsafe_view",
    "lift_fresh",
}
"""Operations that launch nothing, beside views."""
OVERWRITING = {"copy_", "fill_", "zero_"}
"""Operations that do not read what they change."""


class Launches(TorchDispatchMode):
    """While entered, counts the operations on a kind of device and what they read and write.

    Each operation is taken for one kernel, a convolution's backward for one each gradient that it is asked
    for. Libraries launch some more of their own.
    """

    def __init__(self, device: str = "cuda") -> None:
        super().__init__()
        self.device = device
        self.counts: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.is_counting = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch in place of each operation."""
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if func.namespace != "aten" or func.is_view or name in FREE:
            return result
        # What is only written is among the results.
        named = {key: value for key, value in (kwargs or {}).items() if key != "out"}
        read = (args[1:] if name in OVERWRITING else args, named)
        touched = [*self._of_device(read), *self._of_device(result)]
        if touched:
            self.counts[name] += sum(args[-1]) if name == "convolution_backward" else 1
            self.bytes[name] += sum(tensor.numel() * tensor.element_size() for tensor in touched)
        return result

    def _of_device(self, values: Any) -> list[Tensor]:
        leaves = tree_leaves(values)
        return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.device.type == self.device]

    def __enter__(self) -> Self:
        self.is_counting = True
        super().__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        self.is_counting = False
        super().__exit__(*reason)

    @property
    def launches(self) -> int:
        """Kernels in all."""
        return sum(self.counts.values())

    @property
    def bytes_outside_convolutions(self) -> int:
        """What is read and written beside the convolutions, which are bound by arithmetic."""
        return sum(count for name, count in self.bytes.items() if "convolution" not in name)


@contextmanager
def kernels_counted(launches: Launches) -> Iterator[None]:
    """Let networks take the path of our own kernels, of which each is counted in place of being run.

    What they would be given on a GPU lies channels last already; what they read and write is not counted.
    """

    class Counted:
        def __getattr__(self, name: str) -> Any:
            def launch(*given: Any, **sizes: Any) -> None:
                launches.counts[f"{name} (Triton)"] += launches.is_counting

            return defaultdict(lambda: launch)

    def suits(images: Tensor) -> bool:
        return images.device.type == launches.device and images.dtype in fused.TYPES

    with ExitStack() as changed:
        for module in (fused, fused_norm, fused_finishing, fused_branch, fused_weights):
            changed.enter_context(patch.object(module, "_kernels", Counted))
        changed.enter_context(patch.object(fused, "suits", suits))
        for module in (fused_norm, fused_finishing, fused_branch):
            changed.enter_context(patch.object(module, "channels_last_rows", lambda images: images))
        yield


def count_iteration(preset: str, changes: Mapping[str, Any], *, kernels: bool = False) -> Launches:
    """Count one iteration of a preset, with dotted keys changed, on a GPU that is pretended.

    With `kernels` on one where Triton works. The iteration is the second, for the first makes what is made
    once. The steps are not recorded, so every operation is seen; a learning rate is a number here, not a
    tensor, for there are none to look at.
    """
    case = Case(preset, changes)
    config = case.config("auto")
    shape = (IMAGES, config.data.channels, config.data.resolution, config.data.resolution)
    images, labels = torch.zeros(shape, dtype=torch.uint8), torch.arange(IMAGES) % NUM_CLASSES
    launches = Launches()
    path = kernels_counted(launches) if kernels else nullcontext()
    with gpu(numbers=False) as device, steps_called("eager", device), path:
        optimization.rate_on = lambda device, rate: rate  # given back by `steps_called`
        trainer = build_trainer(config, images, labels, NUM_CLASSES, Ranks(0, 1, device))
        trainer.advance()
        with launches:
            trainer.advance()
    return launches


def table(launches: Launches, rows: int = 30) -> str:
    """Lay out what was counted, the most frequent operations first."""
    traffic = launches.bytes_outside_convolutions / 1e9
    lines = [f"{launches.launches:6,} launches, {traffic:.2f} GB outside convolutions"]
    for name, count in launches.counts.most_common(rows):
        lines.append(f"{count:6,} {launches.bytes[name] / 1e9:8.3f} GB  {name}")
    return "\n".join(lines)
