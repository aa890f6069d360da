"""How many kernels an iteration launches on a GPU, and how many bytes they read and write."""

from collections import Counter
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

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

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch in place of each operation."""
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if func.namespace != "aten" or func.is_view or name in FREE:
            return result
        touched = [*self._of_device((args, kwargs)), *self._of_device(result)]
        if touched:
            self.counts[name] += sum(args[-1]) if name == "convolution_backward" else 1
            self.bytes[name] += sum(tensor.numel() * tensor.element_size() for tensor in touched)
        return result

    def _of_device(self, values: Any) -> list[Tensor]:
        leaves = tree_leaves(values)
        return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.device.type == self.device]

    @property
    def launches(self) -> int:
        """Kernels in all."""
        return sum(self.counts.values())

    @property
    def bytes_outside_convolutions(self) -> int:
        """What is read and written beside the convolutions, which are bound by arithmetic."""
        return sum(count for name, count in self.bytes.items() if "convolution" not in name)


def table(launches: Launches, rows: int = 30) -> str:
    """Lay out what was counted, the most frequent operations first."""
    traffic = launches.bytes_outside_convolutions / 1e9
    lines = [f"{launches.launches:6,} launches, {traffic:.2f} GB outside convolutions"]
    for name, count in launches.counts.most_common(rows):
        lines.append(f"{count:6,} {launches.bytes[name] / 1e9:8.3f} GB  {name}")
    return "\n".join(lines)
