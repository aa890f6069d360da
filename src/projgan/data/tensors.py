"""Images and labels as tensors."""

import numbers
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


def as_torch(values: object, *, lists: bool = False) -> Tensor:
    """Return what somebody has in a notebook, a tensor or an array, as a tensor.

    With `lists` a list of numbers too, as labels are.

    Raises:
        UserError: none of these, or an array of what torch has no numbers for.
    """
    if isinstance(values, Tensor):
        return values
    if (
        lists
        and isinstance(values, list | tuple)
        and all(isinstance(value, numbers.Real) for value in values)
    ):
        values = np.asarray(values)
    if not isinstance(values, np.ndarray):
        given = type(values).__name__
        raise UserError(f"{given}: give a tensor of torch or an array of numpy, of numbers")
    if values.dtype.kind not in "biuf" or values.dtype.itemsize > 8:
        raise UserError(f"an array of {values.dtype}: give one of numbers that torch has, such as float64")
    return as_tensor(_shareable(values))


def _shareable(array: np.ndarray) -> np.ndarray:
    """The same numbers in an order of bytes and with strides that torch knows; copied where need be."""
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    is_ordered = all(stride >= 0 and stride % array.itemsize == 0 for stride in array.strides)
    return array if is_ordered else array.copy()


def places_of(labels: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Number the classes anew, 0 to K-1: positions int64 [n] of the labels among them, and their numbers."""
    numbers = torch.searchsorted(classes, labels).clamp(max=len(classes) - 1)
    positions = (classes[numbers] == labels).nonzero().squeeze(1)
    return positions, numbers[positions]
