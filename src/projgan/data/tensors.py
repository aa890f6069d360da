"""Images and labels as tensors."""

import warnings

import numpy as np
import torch
from torch import Tensor

from projgan.errors import UserError


def as_tensor(array: np.ndarray) -> Tensor:
    """Share a read-only array's memory with a tensor, which is only ever read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def as_torch(values: object) -> Tensor:
    """Return what somebody has in a notebook, a tensor or an array, as a tensor.

    Raises:
        UserError: neither.
    """
    if isinstance(values, Tensor):
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return as_tensor(values)
    raise UserError(f"{type(values).__name__}: give a tensor of torch or an array of numpy, of numbers")


def places_of(labels: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Number the classes anew, 0 to K-1: positions int64 [n] of the labels among them, and their numbers."""
    numbers = torch.searchsorted(classes, labels).clamp(max=len(classes) - 1)
    positions = (classes[numbers] == labels).nonzero().squeeze(1)
    return positions, numbers[positions]
