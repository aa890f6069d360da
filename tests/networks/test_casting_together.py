"""Kernels cast together are those that autocast makes one by one, and so are the gradients."""

import copy

import pytest
import torch
from torch import Tensor, nn

from projgan.networks import casting_together, fused
from projgan.networks.casting_together import cast_together
from projgan.networks.layers import Conv3x3
from projgan.networks.plain import compute_as_written
from projgan.networks.resnet import Discriminator, Generator
from projgan.training.acceleration import make_fast

CPU = torch.device("cpu")


def networks() -> nn.ModuleList:
    torch.manual_seed(0)
    sizes = {"channels": 3, "num_classes": 3, "width": 8}
    made = nn.ModuleList([Generator("resnet-32", **sizes), Discriminator("resnet-32", **sizes)])
    for network in made:
        make_fast(network, CPU)
        for norm in network.modules():  # by kernels on a GPU; here as written, whatever is said of the device
            norm.fused = False
    return made


def step(made: nn.ModuleList, precision: torch.dtype = torch.bfloat16) -> list[Tensor]:
    """Images, logits, every gradient and every buffer of two steps."""
    labels = torch.tensor([0, 2, 1, 1])
    kept: list[Tensor] = []
    for _ in range(2):
        with torch.autocast("cpu", dtype=precision):
            images = made[0](torch.linspace(-1, 1, 4 * 128).view(4, 128), labels)
            logits = made[1](images, labels).logits
        logits.float().sum().backward()
        kept += [images, logits]
    kept += [*(parameter.grad for parameter in made.parameters()), *made.buffers()]
    return [tensor.detach() for tensor in kept]


def test_a_step_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    together, alone = networks(), networks()
    expected = step(alone)
    casts: list[int] = []
    cast = casting_together._cast

    def counted(tensors: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
        casts.append(len(tensors))
        return cast(tensors, dtype)

    monkeypatch.setattr(casting_together, "_cast", counted)
    monkeypatch.setattr(fused, "DEVICES", {"cpu"})
    monkeypatch.setattr(fused, "suits", lambda maps: False)
    largest = max(float(tensor.norm()) for tensor in expected)
    for found, right in zip(step(together), expected, strict=True):
        # Of a gradient that is next to nothing, such as a bias before batch norm's, only rounding is left.
        assert (found - right).norm() <= 1e-2 * max(float(right.norm()), 1e-2 * largest)
    # Ten kernels of the generator and as many of the discriminator, and their gradients, twice.
    assert casts == [10, 10, 10, 10] * 2
    assert all(layer.ready is None for network in together for layer in network.convolutions)


def test_nothing_is_cast_where_nothing_is_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(casting_together, "_cast", None)
    layer = Conv3x3(2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16), cast_together([layer]):  # a CPU
        assert layer.ready is None
    monkeypatch.setattr(fused, "DEVICES", {"cpu"})
    with cast_together([layer]):  # no autocast
        assert layer.ready is None
    compute_as_written(layer)
    compute_as_written(layer)  # what is plain stays so
    with torch.autocast("cpu", dtype=torch.bfloat16), cast_together([layer]):  # as written
        assert layer.ready is None


def test_a_kernel_without_gradient_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "DEVICES", {"cpu"})
    used, unused = Conv3x3(2, 2), Conv3x3(2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16), cast_together([unused, used]):
        used(torch.ones(1, 2, 4, 4)).sum().backward()
    assert unused.weight.grad is None
    expected = copy.deepcopy(used)
    expected.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected(torch.ones(1, 2, 4, 4)).sum().backward()
    torch.testing.assert_close(used.weight.grad, expected.weight.grad, rtol=1e-2, atol=1e-2)


def test_a_forward_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "DEVICES", {"cpu"})
    layer = Conv3x3(2, 2)
    with (
        pytest.raises(RuntimeError),
        torch.autocast("cpu", dtype=torch.bfloat16),
        cast_together([layer]),
    ):
        layer(torch.ones(1, 3, 4, 4))
    assert layer.ready is None


def test_a_layer_whose_hook_makes_its_weight_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "DEVICES", {"cpu"})
    hooked, other = Conv3x3(2, 2), Conv3x3(2, 2)
    hooked.register_forward_pre_hook(lambda layer, given: None)
    with torch.autocast("cpu", dtype=torch.bfloat16), cast_together([hooked, other]):
        assert hooked.ready is None
        assert other.ready is not None


def test_float64_and_whoever_does_not_autocast_keep_their_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "DEVICES", {"cpu"})
    layer, images = Conv3x3(2, 2), torch.ones(1, 2, 4, 4)
    expected = layer(images)
    with torch.autocast("cpu", dtype=torch.bfloat16), cast_together([layer]):
        assert layer(images).dtype == torch.bfloat16
        with torch.autocast("cpu", enabled=False):  # as in another thread
            torch.testing.assert_close(layer(images), expected)
    layer.double()
    with torch.autocast("cpu", dtype=torch.bfloat16), cast_together([layer]):
        assert layer.ready is None
