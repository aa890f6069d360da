import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpu.launches import Launches
from projgan.networks.normalizing_together import normalized_together
from projgan.networks.resnet import Discriminator
from projgan.networks.shapes import DISCRIMINATORS
from projgan.networks.spectral_norm import (
    SpectralNorm,
    SpectralNormConv2d,
    SpectralNormConv2dDownsample,
    SpectralNormEmbedding,
    SpectralNormLinear,
)

F64 = torch.float64

LAYERS = {
    "conv": lambda: SpectralNormConv2d(3, 5, 3),
    "conv1x1": lambda: SpectralNormConv2d(4, 3, 1),
    "conv-downsample": lambda: SpectralNormConv2dDownsample(3, 5),
    "linear": lambda: SpectralNormLinear(6, 1),
    "embedding": lambda: SpectralNormEmbedding(7, 4),
}


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest) -> SpectralNorm:
    return LAYERS[request.param]().double()


def iterate(weight: Tensor, u: Tensor) -> tuple[np.ndarray, np.ndarray, float]:
    """One power iteration in NumPy: new u, v, sigma."""
    matrix = weight.detach().numpy().reshape(weight.shape[0], -1)
    v = u.numpy() @ matrix
    v = v / np.linalg.norm(v)
    new = matrix @ v
    new = new / np.linalg.norm(new)
    return new, v, float(new @ matrix @ v)


def test_one_power_iteration_per_training_forward_and_the_new_u_gives_sigma(layer: SpectralNorm) -> None:
    for _ in range(3):
        u, _, sigma = iterate(layer.weight, layer.u)
        found = layer.normalized_weight()
        np.testing.assert_allclose(layer.u.numpy(), u, rtol=0, atol=1e-14)
        np.testing.assert_allclose(found.detach().numpy(), layer.weight.detach().numpy() / sigma, atol=1e-14)


def test_evaluation_iterates_nothing(layer: SpectralNorm) -> None:
    layer.eval()
    before = layer.u.clone()
    first, second = layer.normalized_weight(), layer.normalized_weight()
    assert torch.equal(layer.u, before)
    assert torch.equal(first, second)
    # With u as it is, the best v gives sigma = |W'u|.
    matrix = layer.weight.detach().numpy().reshape(len(before), -1)
    sigma = np.linalg.norm(before.numpy() @ matrix)
    np.testing.assert_allclose(first.detach(), layer.weight.detach() / sigma, atol=1e-14)


def test_u_starts_as_a_unit_vector_and_is_saved(layer: SpectralNorm) -> None:
    assert layer.u.shape == layer.weight.shape[:1]
    layer.normalized_weight()
    assert layer.u.norm().item() == pytest.approx(1, abs=1e-6)
    assert "u" in layer.state_dict()
    assert not any(name == "u" for name, _ in layer.named_parameters())
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.u.zero_()
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other.u, layer.u)


def test_gradient_is_that_of_the_quotient_with_u_and_v_constant(layer: SpectralNorm) -> None:
    """d<G, W/sigma> = (G - <G, W/sigma> uv') / sigma with sigma = u'Wv."""
    u, v, sigma = iterate(layer.weight, layer.u)
    direction = torch.randn_like(layer.weight)
    (layer.normalized_weight() * direction).sum().backward()
    normalized = layer.weight.detach().numpy() / sigma
    inner = (direction.numpy() * normalized).sum()
    expected = (direction.numpy() - inner * np.outer(u, v).reshape(normalized.shape)) / sigma
    np.testing.assert_allclose(layer.weight.grad.numpy(), expected, rtol=0, atol=1e-13)


def test_converged_gradient_equals_finite_differences_of_the_true_norm(layer: SpectralNorm) -> None:
    """Where u has converged, the derivative of the true largest singular value, from an SVD, is met."""
    for _ in range(3000):
        layer.normalized_weight()
    direction = np.random.default_rng(1).normal(size=layer.weight.shape)
    (layer.normalized_weight() * torch.from_numpy(direction)).sum().backward()

    def value(weight: np.ndarray) -> float:
        largest = np.linalg.svd(weight.reshape(len(weight), -1), compute_uv=False)[0]
        return float((direction * weight / largest).sum())

    weight = layer.weight.detach().numpy()
    step = 1e-6
    for index in np.ndindex(weight.shape):
        moved = np.zeros_like(weight)
        moved[index] = step
        slope = (value(weight + moved) - value(weight - moved)) / (2 * step)
        assert layer.weight.grad[index].item() == pytest.approx(slope, abs=1e-7)


def test_kernels_whose_channels_come_last_are_normalised_where_they_lie() -> None:
    """Forward and backward copy `u`, and no kernel."""
    layer = LAYERS["conv"]().to(memory_format=torch.channels_last)
    direction = torch.randn_like(layer.weight)
    with Launches("cpu") as launches:
        torch.autograd.grad(layer.normalized_weight(), layer.weight, direction)
    assert launches.bytes["copy_"] == 2 * 4 * layer.u.numel()
    assert launches.counts["clone"] == 0
    assert launches.launches <= 13


def test_the_order_of_memory_changes_nothing(layer: SpectralNorm) -> None:
    """Outputs, `u` and gradients of kernels whose channels come last are those of others."""
    other, direction = copy.deepcopy(layer), torch.randn_like(layer.weight)
    other.to(memory_format=torch.channels_last)
    found = []
    for one in (layer, other):
        normalized = one.normalized_weight()
        found.append([normalized, one.u, *torch.autograd.grad(normalized, one.weight, direction)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-13)


def test_layers_use_the_normalised_weight_and_their_bias() -> None:
    images, features = torch.randn(2, 3, 6, 6, dtype=F64), torch.randn(4, 6, dtype=F64)
    conv, down, linear = (LAYERS[name]().double() for name in ("conv", "conv-downsample", "linear"))
    for layer in (conv, down, linear):
        nn.init.normal_(layer.bias)

    def used(layer: SpectralNorm) -> Tensor:
        return layer.weight.detach() / iterate(layer.weight, layer.u)[2]

    expected = F.conv2d(images, used(conv), conv.bias, padding=1)
    torch.testing.assert_close(conv(images), expected, rtol=0, atol=1e-12)
    expected = F.avg_pool2d(F.conv2d(images, used(down), down.bias, padding=1), 2)
    torch.testing.assert_close(down(images), expected, rtol=0, atol=1e-12)
    expected = features @ used(linear).T + linear.bias
    torch.testing.assert_close(linear(features), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel_size", [0, 2, 5])
def test_kernels_of_other_sizes_are_refused(kernel_size: int) -> None:
    with pytest.raises(
        ValueError, match=f"kernel_size is {kernel_size}; there are kernels of 1 and 3 pixels"
    ):
        SpectralNormConv2d(1, 4, kernel_size)


def test_rows_of_an_embedding_are_those_of_a_table_of_norm_1() -> None:
    """Of a diagonal table whose largest entry is 4, sigma is 4: the rows are those of the table / 4."""
    layer = SpectralNormEmbedding(3, 5).double()
    with torch.no_grad():
        layer.weight.copy_(F.pad(torch.diag(torch.tensor([2.0, 4.0, 1.0])), (0, 2)))
    labels = torch.tensor([1, 0, 2, 1])
    for _ in range(100):
        rows = layer(labels)
    expected = torch.tensor([[0, 1, 0], [0.5, 0, 0], [0, 0, 0.25], [0, 1, 0]], dtype=F64)
    torch.testing.assert_close(rows, F.pad(expected, (0, 2)), rtol=0, atol=1e-12)
    mixed = layer(torch.tensor([[0.5, 0.25, 0.0]], dtype=F64))
    torch.testing.assert_close(mixed[0, :2], torch.tensor([0.25, 0.25], dtype=F64), rtol=0, atol=1e-12)
    torch.testing.assert_close(
        torch.linalg.matrix_norm(layer(torch.arange(3)), ord=2), torch.tensor(1.0, dtype=F64)
    )


def test_autocast_does_not_touch_the_norm() -> None:
    layer = LAYERS["conv"]().eval()
    plain = layer.normalized_weight()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = layer.normalized_weight()
    assert found.dtype == torch.float32
    assert torch.equal(found, plain)


# --- the whole discriminator ----------------------------------------------------------------------


def discriminator(architecture: str = "resnet-32", width: int = 8) -> Discriminator:
    return Discriminator(architecture, num_classes=10, width=width)


def test_every_weight_converges_to_largest_singular_value_1() -> None:
    network = discriminator()
    images, labels = torch.randn(2, 3, 32, 32), torch.tensor([3, 4])
    with torch.no_grad():
        for _ in range(250):
            network(images, labels)
    network.eval()
    seen = 0
    for module in network.modules():
        if isinstance(module, SpectralNorm):
            matrix = module.normalized_weight().detach().flatten(1).double().numpy()
            assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1, abs=1e-3)
            seen += 1
    # 4 blocks of two 3x3, two 1x1 shortcuts, the linear layer and the embedding.
    assert seen == 8 + 2 + 2


@pytest.mark.parametrize("architecture", DISCRIMINATORS)
def test_nothing_in_a_discriminator_has_a_weight_that_is_not_normalised(architecture: str) -> None:
    network = discriminator(architecture, width=2)
    names = {name for name, parameter in network.named_parameters() if parameter.ndim > 1}
    normalised = {
        f"{name}.weight" for name, module in network.named_modules() if isinstance(module, SpectralNorm)
    }
    assert names == normalised


@pytest.mark.parametrize("training", [True, False])
def test_the_scale_of_no_weight_matters(training: bool) -> None:
    """Each weight used has norm 1 whatever its own, so tenfold weights change nothing, in either mode."""
    network = discriminator().double().train(training)
    scaled = copy.deepcopy(network)
    with torch.no_grad():
        for name, parameter in scaled.named_parameters():
            if name.endswith("weight"):
                parameter.mul_(10)
    images, labels = torch.randn(3, 3, 32, 32, dtype=F64), torch.tensor([0, 9, 4])
    ours, theirs = network(images, labels), scaled(images, labels)
    torch.testing.assert_close(theirs.logits, ours.logits, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(theirs.conditional, ours.conditional, rtol=1e-9, atol=1e-12)


def test_every_u_moves_once_a_training_forward_and_never_in_evaluation() -> None:
    network = discriminator()
    layers = [module for module in network.modules() if isinstance(module, SpectralNorm)]
    images, labels = torch.randn(2, 3, 32, 32), torch.tensor([1, 2])
    expected = [iterate(layer.weight, layer.u)[0] for layer in layers]
    network(images, labels)
    for layer, u in zip(layers, expected, strict=True):
        np.testing.assert_allclose(layer.u.numpy(), u, atol=1e-6)
    before = [layer.u.clone() for layer in layers]
    network.eval()
    network(images, labels)
    assert all(torch.equal(layer.u, u) for layer, u in zip(layers, before, strict=True))
    assert sum(name.endswith(".u") for name in network.state_dict()) == len(layers)


# --- weights of one shape together ----------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_weights_of_one_shape_are_normalised_together_as_each_alone(training: bool) -> None:
    """Weights, `u` and gradients, of kernels in either order of memory, twice; and each alone afterwards."""
    layers = [SpectralNormConv2d(inputs, 5, 3) for inputs in (3, 3, 3, 5, 3)]
    together = nn.ModuleList([*layers, SpectralNormConv2dDownsample(3, 5)]).double().train(training)
    for layer in layers[1:3]:
        layer.to(memory_format=torch.channels_last)
    alone = copy.deepcopy(together)
    for layer in together:
        layer.grouped = True
    directions = [torch.randn_like(layer.weight) for layer in together]
    for _ in range(2):
        with normalized_together(list(together)):
            found = [layer.normalized_weight() for layer in together]
        expected = [layer.normalized_weight() for layer in alone]
        assert [layer.given for layer in together] == [None] * 6
        gradients = [
            torch.autograd.grad(weights, list(network.parameters())[::2], directions)
            for weights, network in ((found, together), (expected, alone))
        ]
        for ours, theirs in zip(
            [*found, *together.buffers(), *gradients[0]],
            [*expected, *alone.buffers(), *gradients[1]],
            strict=True,
        ):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-13)


def test_a_layer_whose_hook_changes_its_weight_is_normalised_after_the_hook() -> None:
    layers = [SpectralNormConv2d(3, 3, 3) for _ in range(3)]
    layers[1].register_forward_pre_hook(lambda layer, given: None)
    for layer in layers:
        layer.grouped = True
    with normalized_together(layers):
        assert [layer.given is None for layer in layers] == [False, True, False]


def test_a_discriminator_launches_once_for_all_weights_of_a_shape() -> None:
    counts = []
    for grouped in (True, False):
        network = Discriminator("resnet-32", num_classes=3, width=8)
        for layer in network.normalized:
            layer.grouped = grouped
        with Launches("cpu") as launches:
            network(torch.zeros(1, 3, 32, 32), torch.zeros(1, dtype=torch.int64))
        counts.append(launches.launches)
    # Seven kernels of 8x8x3x3 are 13 operations, not 9 each.
    assert counts[1] - counts[0] == 7 * 9 - 13


def test_a_forward_that_fails_leaves_nothing_behind() -> None:
    network = Discriminator("resnet-32", num_classes=3, width=8)
    with pytest.raises(RuntimeError):
        network(torch.zeros(1, 3, 32, 33, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
    assert all(layer.given is None for layer in network.normalized)
