"""Where kernels of our own run, and how maps are laid out over their programs.

`fused_norm`, `fused_finishing` and `fused_branch` compute what stands between convolutions in one or two
passes over the maps, and `fused_weights` spectral norms, as the plain operations do, within rounding.
They are for float32 and shorter types, and where Triton is, which torch brings along for NVIDIA cards on
Linux.
"""

import importlib.util
from functools import cache
from types import ModuleType

import torch
from torch import Tensor

DEVICES = {"cuda"}
"""Kinds of device that the kernels run on."""
TYPES = {torch.float32, torch.bfloat16, torch.float16}
MOST_CHUNKS = 256
"""Of the rows of a map that are summed apart from each other."""


def suits(images: Tensor) -> bool:
    """Whether maps can be treated here: where they lie, and their type."""
    # Tensors that only pretend to be on a GPU are of a type of their own.
    if type(images) is not Tensor or images.device.type not in DEVICES or images.dtype not in TYPES:
        return False
    # Triton launches on the current GPU, wherever the maps lie.
    if images.device.type == "cuda" and images.device.index != torch.cuda.current_device():
        return False
    is_traced = torch.jit.is_tracing() or torch.compiler.is_compiling()  # type: ignore[attr-defined]
    return not is_traced and refusal(images.device.type) is None


@cache
def refusal(kind: str) -> str | None:
    """Why the kernels cannot run on a kind of device, or None: one is compiled and run to see."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    try:
        summed(torch.ones(1, 1, device=kind), torch.float32)
    except Exception as error:  # of a compiler, a driver or a disk: whatever it is, there is another way
        return (str(error).splitlines() or [type(error).__name__])[0][:120]
    return None


def _kernels() -> ModuleType:
    from projgan.networks import finishing_kernels  # Triton is not everywhere

    return finishing_kernels


def channels_last_rows(images: Tensor) -> Tensor:
    """Maps as kernels take them: channels last in memory; copied where they are not."""
    return images.contiguous(memory_format=torch.channels_last)


def blocks_of(channels: int, numbers: int, widest: int = 128) -> dict[str, int]:
    """Rows and channels of a program that holds so many numbers at a time."""
    block = min(widest, 1 << (channels - 1).bit_length())
    return {"BLOCK_R": max(1, numbers // block), "BLOCK_C": block}


def over(count: int, block: int) -> int:
    """How many blocks hold so many."""
    return -(-count // block)


def chunks_of(rows: int, parts: int = 1) -> tuple[int, int]:
    """In how many chunks rows are summed, and the rows of a chunk."""
    chunks = max(1, min(MOST_CHUNKS // min(parts, 4), rows // 64))
    count = max(1, over(rows, chunks))
    return over(rows, count), count


def summed(partial: Tensor, dtype: torch.dtype, copies: int = 1) -> tuple[Tensor, ...]:
    """[chunks, C] -> [C], so many times, each in memory of its own."""
    chunks, channels = partial.shape
    result, block = partial.new_empty((copies, channels), dtype=dtype), 16
    power = 1 << (chunks - 1).bit_length()
    programs = (over(channels, block),)
    _kernels().column_sums[programs](partial, result, chunks, channels, copies, BLOCK_K=power, BLOCK_C=block)
    return result.unbind()
