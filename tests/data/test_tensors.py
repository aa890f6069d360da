"""Arrays of every kind that a notebook has, against the numbers written down."""

import numpy as np
import pytest
import torch

from projgan.data.tensors import as_torch
from projgan.errors import UserError

NUMBERS = np.arange(6).reshape(2, 3)


@pytest.mark.parametrize("kind", ["bool", "u1", "<i2", ">i2", "<i8", ">i8", "<f2", ">f4", "<f8", ">f8"])
def test_an_array_keeps_its_numbers_and_its_type(kind: str) -> None:
    array = NUMBERS.astype(kind)
    found = as_torch(array)
    assert found.tolist() == array.tolist()
    assert found.numpy().dtype == array.dtype.newbyteorder("=")


def test_an_array_may_be_a_view_of_any_order() -> None:
    of_records = np.zeros(3, dtype=[("one", "i1"), ("number", "<i4")])
    of_records["number"] = [1, 2, 3]
    for view in (NUMBERS[::-1], NUMBERS[:, ::-1], NUMBERS.T, NUMBERS[:, ::2], of_records["number"]):
        assert as_torch(view).tolist() == view.tolist()


def test_memory_is_shared_where_it_can_be() -> None:
    array = np.zeros(3)
    found = as_torch(array)
    array[0] = 1
    assert found[0] == 1
    tensor = torch.zeros(3)
    assert as_torch(tensor) is tensor


def test_a_list_of_numbers_is_taken_where_it_is_meant() -> None:
    assert as_torch([0, 2, np.int64(1)], lists=True).equal(torch.tensor([0, 2, 1]))
    assert as_torch((0.5, 1), lists=True).equal(torch.tensor([0.5, 1], dtype=torch.float64))
    with pytest.raises(UserError, match="list: give a tensor"):
        as_torch([0, 2])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (np.zeros(2, dtype=np.complex64), "complex64"),
        (np.zeros(2, dtype=object), "object"),
        (np.array(["cat", "dog"]), "<U3"),
        (np.zeros(2, dtype=np.longdouble), str(np.dtype(np.longdouble))),
        (["cat", "dog"], "list"),
        ([[1, 2], [3]], "list"),
        ("3", "str"),
        (None, "NoneType"),
    ],
)
def test_anything_else_is_refused_in_one_line(given: object, named: str) -> None:
    if getattr(given, "dtype", None) == np.longdouble and np.dtype(np.longdouble).itemsize == 8:
        pytest.skip("here a longdouble is a float64")
    with pytest.raises(UserError, match=named) as caught:
        as_torch(given, lists=True)
    assert "\n" not in str(caught.value)
    assert "give " in str(caught.value)
