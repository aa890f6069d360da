import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from projgan.networks.layers import global_sum_pool, initialize, select


def test_global_sum_pool_is_a_sum() -> None:
    images = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, -1.0], [0.0, 0.5]]]])
    assert global_sum_pool(images).tolist() == [[10.0, -0.5]]
    assert global_sum_pool(torch.ones(1, 1, 8, 8)).item() == 64


def test_one_hot_weights_select_the_very_rows_of_labels() -> None:
    table = torch.randn(7, 33)
    labels = torch.tensor([6, 0, 3, 3])
    assert torch.equal(select(table, F.one_hot(labels, 7).float()), select(table, labels))
    assert torch.equal(select(table, labels), torch.stack([table[6], table[0], table[3], table[3]]))


INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_labels_of_every_integer_type_look_up_rows(dtype: torch.dtype) -> None:
    table, numbers = torch.randn(7, 3), [6, 0, 3, 3]
    assert torch.equal(select(table, torch.tensor(numbers, dtype=dtype)), table[numbers])
    assert torch.equal(select(table, torch.tensor([True, False])), table[[1, 0]])


def test_weights_mix_rows_by_hand() -> None:
    table = torch.tensor([[1.0, 10.0], [3.0, 0.0], [100.0, 100.0]])
    assert select(table, torch.tensor([[0.25, 0.75, 0.0]])).tolist() == [[2.5, 2.5]]


@pytest.mark.parametrize(
    ("layer", "fans"),
    [
        (lambda: nn.Conv2d(40, 24, 3), (40 * 9, 24 * 9)),
        (lambda: nn.Linear(300, 70), (300, 70)),
        (lambda: nn.Embedding(90, 110), (110, 90)),
    ],
)
@pytest.mark.parametrize("gain", [1.0, math.sqrt(2)])
def test_initialize_is_glorot_uniform(layer: object, fans: tuple[int, int], gain: float) -> None:
    module = layer()
    initialize(module, gain)
    limit = gain * math.sqrt(6 / sum(fans))
    assert 0.99 * limit < module.weight.abs().max() <= limit
    assert module.weight.var().item() == pytest.approx(limit**2 / 3, rel=0.05)
    assert getattr(module, "bias", None) is None or not module.bias.any()
