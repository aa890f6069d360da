"""Images and labels as tensors."""

import warnings

import numpy as np
import torch
from torch import Tensor


def as_tensor(array: np.ndarray) -> Tensor:
    """Share a read-only array's memory with a tensor, which is only ever read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def places_of(labels: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Number the classes anew, 0 to K-1: positions int64 [n] of the labels among them, and their numbers."""
    numbers = torch.searchsorted(classes, labels).clamp(max=len(classes) - 1)
    positions = (classes[numbers] == labels).nonzero().squeeze(1)
    return positions, numbers[positions]
