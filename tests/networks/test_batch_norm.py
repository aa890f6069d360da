"""Batch norm against NumPy; the one fused with ReLU against finite differences and the one as written."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from projgan.networks import rectified_norm
from projgan.networks.batch_norm import (
    AffineConditionalBatchNorm2d,
    BatchNorm2d,
    ConditionalBatchNorm2d,
    UnconditionalBatchNorm2d,
)
from projgan.networks.rectified_norm import normalize_scale_rectify
from projgan.networks.resnet import Generator

F64 = torch.float64


def by_hand(images: np.ndarray, gain: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Batch norm in NumPy; gain and bias are [N, C]."""
    mean = images.mean(axis=(0, 2, 3), keepdims=True)
    variance = images.var(axis=(0, 2, 3), keepdims=True)
    return (images - mean) / np.sqrt(variance + 2e-5) * gain[:, :, None, None] + bias[:, :, None, None]


def conditional(classes: int = 3, features: int = 4) -> ConditionalBatchNorm2d:
    norm = ConditionalBatchNorm2d(features, classes).double()
    with torch.no_grad():
        norm.gain.copy_(torch.randn(classes, features))
        norm.bias.copy_(torch.randn(classes, features))
    return norm


def test_conditional_batch_norm_starts_as_plain_normalisation() -> None:
    norm = ConditionalBatchNorm2d(4, 3).double()
    images = torch.randn(6, 4, 3, 3, dtype=F64) * 3 + 5
    found = norm(images, torch.tensor([0, 1, 2, 0, 1, 2]))
    np.testing.assert_allclose(
        found.detach(), by_hand(images.numpy(), np.ones((6, 4)), np.zeros((6, 4))), atol=1e-12
    )


def test_classes_share_statistics_and_have_their_own_gain_and_bias() -> None:
    norm = conditional()
    labels = torch.tensor([2, 0, 0, 1, 2])
    # Each class has its own mean: normalising each class by itself would give another result.
    images = torch.randn(5, 4, 3, 3, dtype=F64) + 10 * labels[:, None, None, None]
    gain, bias = norm.gain.detach().numpy()[labels], norm.bias.detach().numpy()[labels]
    found = norm(images, labels).detach()
    np.testing.assert_allclose(found, by_hand(images.numpy(), gain, bias), atol=1e-12)


def test_epsilon_is_2e_5() -> None:
    """With a variance of 2e-5 itself, the result is the deviation over sqrt(4e-5)."""
    deviation = math.sqrt(2e-5)
    images = torch.tensor([deviation, -deviation], dtype=F64).view(2, 1, 1, 1)
    norm = UnconditionalBatchNorm2d(1).double()
    assert norm(images)[0].item() == pytest.approx(math.sqrt(0.5), rel=1e-12)


def test_one_hot_weights_give_the_very_images_of_labels() -> None:
    norm = conditional().float()
    images, labels = torch.randn(4, 4, 3, 3), torch.tensor([2, 0, 1, 2])
    weights = F.one_hot(labels, 3).float()
    norm.eval()
    assert torch.equal(norm(images, labels), norm(images, weights))
    norm.train()
    assert torch.equal(norm(images, labels), norm(images, weights))


def test_half_and_half_averages_gain_and_bias() -> None:
    norm = conditional()
    images = torch.randn(2, 4, 3, 3, dtype=F64)
    gain = ((norm.gain[0] + norm.gain[2]) / 2).detach().numpy()
    bias = ((norm.bias[0] + norm.bias[2]) / 2).detach().numpy()
    found = norm(images, torch.tensor([[0.5, 0, 0.5]] * 2, dtype=F64)).detach()
    expected = by_hand(images.numpy(), np.stack([gain] * 2), np.stack([bias] * 2))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_unconditional_gain_and_bias() -> None:
    norm = UnconditionalBatchNorm2d(2).double()
    assert (norm.gain.tolist(), norm.bias.tolist()) == ([1, 1], [0, 0])
    with torch.no_grad():
        norm.gain.copy_(torch.tensor([2.0, -3.0]))
        norm.bias.copy_(torch.tensor([0.5, 7.0]))
    images = torch.randn(5, 2, 4, 4, dtype=F64)
    expected = by_hand(images.numpy(), np.tile([2.0, -3.0], (5, 1)), np.tile([0.5, 7.0], (5, 1)))
    np.testing.assert_allclose(norm(images).detach(), expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["conditional", "unconditional"])
def test_running_statistics_follow_with_momentum_a_tenth_and_unbiased_variance(kind: str) -> None:
    norm = conditional() if kind == "conditional" else UnconditionalBatchNorm2d(4).double()
    labels = torch.tensor([0, 1, 2])
    mean, variance = np.zeros(4), np.ones(4)
    for _ in range(3):
        images = torch.randn(3, 4, 2, 2, dtype=F64) * 2 + 1
        norm(images, labels)
        mean = 0.9 * mean + 0.1 * images.numpy().mean(axis=(0, 2, 3))
        variance = 0.9 * variance + 0.1 * images.numpy().var(axis=(0, 2, 3)) * 12 / 11
    np.testing.assert_allclose(norm.running_mean, mean, atol=1e-12)
    np.testing.assert_allclose(norm.running_var, variance, atol=1e-12)

    norm.eval()
    images = torch.randn(3, 4, 2, 2, dtype=F64)
    gain, bias = norm.gain.detach(), norm.bias.detach()
    gain, bias = (gain[labels], bias[labels]) if kind == "conditional" else (gain[None], bias[None])
    shape = (1, 4, 1, 1)
    expected = (images.numpy() - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + 2e-5)
    expected = expected * gain.numpy()[:, :, None, None] + bias.numpy()[:, :, None, None]
    np.testing.assert_allclose(norm(images, labels).detach(), expected, atol=1e-12)
    np.testing.assert_allclose(norm.running_mean, mean, atol=0)  # evaluation leaves them alone


@pytest.mark.parametrize("kind", ["conditional", "unconditional"])
def test_the_path_of_several_ranks_equals_the_plain_one(kind: str) -> None:
    plain = conditional() if kind == "conditional" else UnconditionalBatchNorm2d(4).double()
    ranked = copy.deepcopy(plain)
    ranked.average_over_ranks, ranked.num_ranks = (lambda tensor: tensor), 1
    labels, direction = torch.tensor([0, 1, 2]), torch.randn(3, 4, 2, 2, dtype=F64)
    results = []
    for norm in (plain, ranked):
        torch.manual_seed(3)
        images = (torch.randn(3, 4, 2, 2, dtype=F64) * 2 + 100).requires_grad_()
        output = norm(images, labels)
        (output * direction).sum().backward()
        results.append(
            (output, images.grad, norm.gain.grad, norm.bias.grad, norm.running_mean, norm.running_var)
        )
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11)
    plain.eval()
    ranked.eval()
    images = torch.randn(3, 4, 2, 2, dtype=F64)
    torch.testing.assert_close(plain(images, labels), ranked(images, labels), rtol=1e-10, atol=1e-10)


def test_two_ranks_normalise_like_one_with_both_batches() -> None:
    """The other rank is played: its mean and variance about the shared mean are known beforehand."""
    ours, theirs = torch.randn(3, 4, 2, 2, dtype=F64), torch.randn(3, 4, 2, 2, dtype=F64) + 2
    both = torch.cat([ours, theirs])
    mean = both.mean(dim=(0, 2, 3))
    of_other = iter([theirs.mean(dim=(0, 2, 3)), (theirs - mean[:, None, None]).square().mean(dim=(0, 2, 3))])
    one, two = UnconditionalBatchNorm2d(4).double(), UnconditionalBatchNorm2d(4).double()
    two.average_over_ranks, two.num_ranks = (lambda tensor: (tensor + next(of_other)) / 2), 2
    torch.testing.assert_close(two(ours), one(both)[:3], rtol=0, atol=1e-12)
    torch.testing.assert_close(two.running_mean, one.running_mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(two.running_var, one.running_var, rtol=0, atol=1e-12)


def test_affine_conditional_batch_norm_by_hand() -> None:
    """gain = g + W'y and bias = b + B'y; a label stands for a single one."""
    norm = AffineConditionalBatchNorm2d(2, 3).double().eval()
    images = torch.tensor([[[[2.0]], [[-1.0]]]], dtype=torch.float64)
    scale = 1 / math.sqrt(1 + 2e-5)
    for condition in (torch.tensor([[1.0, 1.0, 1.0]], dtype=torch.float64), torch.tensor([2])):
        assert norm(images, condition).flatten().tolist() == pytest.approx([2 * scale, -scale])
    with torch.no_grad():
        norm.gain.copy_(torch.tensor([1.5, 0.5]))
        norm.gain_slope.copy_(torch.tensor([[1.0, 0.0], [2.0, -1.0], [4.0, 1.0]]))
        norm.bias_slope.copy_(torch.tensor([[0.0, 10.0], [20.0, 0.0], [0.0, 40.0]]))
    found = norm(images, torch.tensor([[0.5, 1.0, 0.0]], dtype=torch.float64))
    assert found.flatten().tolist() == pytest.approx([(1.5 + 0.5 + 2) * 2 * scale + 20, 0.5 * scale + 5])
    one_hot = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    assert torch.equal(norm(images, one_hot), norm(images, torch.tensor([2])))


def test_a_generator_of_vectors_starts_as_one_of_classes() -> None:
    latents = torch.randn(4, 5)
    conditions = {
        "class": torch.tensor([0, 1, 2, 0]),
        "multi-hot": torch.ones(4, 3),
        "vector": torch.randn(4, 3),
    }
    images = []
    for kind, condition in conditions.items():
        torch.manual_seed(1)
        generator = Generator("resnet-8", num_classes=3, condition=kind, latent_size=5, width=4)
        images.append(generator(latents, condition))
        assert generator.condition == kind
    assert torch.equal(images[0], images[1])
    assert torch.equal(images[0], images[2])


# --- fused with ReLU ------------------------------------------------------------------------------


def pair_of(kind: str) -> tuple[BatchNorm2d, BatchNorm2d]:
    """The same norm of 5 channels, fused and as written, with parameters that nothing else has by chance."""
    norms = {"unconditional": UnconditionalBatchNorm2d(5), "class": ConditionalBatchNorm2d(5, 3)}
    fused = (norms | {"vector": AffineConditionalBatchNorm2d(5, 3)})[kind]
    with torch.no_grad():
        for parameter in fused.parameters():
            parameter.normal_()
    plain = copy.deepcopy(fused)
    plain.fused = False
    return fused, plain


CONDITIONS = {
    "unconditional": None,
    "class": torch.tensor([2, 0, 0, 1]),
    "vector": torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, 0.0], [0.0, 0.3, 0.3], [-2.0, 1.0, 0.0]]),
}


@pytest.mark.parametrize("kind", CONDITIONS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("mean", [0, 10])
def test_fused_with_relu_equals_the_norm_as_written(kind: str, training: bool, mean: float) -> None:
    """Outputs, every gradient and the running statistics, also with a mean of ten deviations."""
    torch.manual_seed(0)
    images = (torch.randn(4, 5, 8, 8) + mean).contiguous(memory_format=torch.channels_last)
    direction = torch.randn(4, 5, 8, 8)
    found = []
    for norm in pair_of(kind):
        norm.train(training)
        inputs = images.clone().requires_grad_()
        output = norm.rectified(inputs, CONDITIONS[kind])
        (output * direction).sum().backward()
        found.append([output, inputs.grad, *(each.grad for each in norm.parameters()), *(norm.buffers())])
        assert output.min() == 0
        assert output.is_contiguous(memory_format=torch.channels_last)
    for fused, plain in zip(*found, strict=True):
        assert (fused - plain).norm() <= 1e-5 * plain.norm()
    for fused, plain in zip(found[0][-2:], found[1][-2:], strict=True):
        torch.testing.assert_close(fused, plain, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("chunk", [250_000, 24, 1])  # all at once, in pairs, one by one
def test_fused_gradients_are_finite_differences(
    rows: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rectified_norm, "_CHUNK", chunk)
    torch.manual_seed(0)
    gain, bias = (torch.randn(rows, 3, dtype=F64, requires_grad=True) for _ in range(2))
    images = (torch.randn(4, 3, 2, 2, dtype=F64) * 2 + 1).requires_grad_()

    def rectified(*inputs: torch.Tensor) -> torch.Tensor:
        return normalize_scale_rectify(*inputs, torch.zeros(3).double(), torch.ones(3).double(), 0.1, 2e-5)

    assert torch.autograd.gradcheck(rectified, (images, gain, bias))


def test_fused_gradient_is_not_differentiated_again_in_silence() -> None:
    norm = UnconditionalBatchNorm2d(2)
    images = torch.randn(3, 2, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(norm.rectified(images).square().sum(), images, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_fused_keeps_two_maps_where_three_were_kept() -> None:
    """What autograd stores beside parameters: the input and the output, not the normalised maps."""
    images = torch.randn(4, 5, 8, 8, requires_grad=True)
    kept = []
    for norm in pair_of("class"):
        maps: set[int] = set()

        def pack(tensor: torch.Tensor, maps: set[int] = maps) -> torch.Tensor:
            if tensor.shape == images.shape:
                maps.add(tensor.untyped_storage().data_ptr())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            norm.rectified(images * 1, CONDITIONS["class"])
        kept.append(len(maps))
    assert kept == [2, 3]


def test_fused_in_bfloat16_rounds_once() -> None:
    """Under autocast maps are bfloat16, parameters float32: the result is the exact one, rounded."""
    torch.manual_seed(0)
    norm, _ = pair_of("class")
    images = torch.randn(4, 5, 8, 8).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inputs = images.clone().requires_grad_()
        found = norm.rectified(inputs, CONDITIONS["class"])
        found.float().sum().backward()
    exact = norm.rectified(images.float(), CONDITIONS["class"])
    assert found.dtype == inputs.grad.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), exact, rtol=2**-8, atol=1e-6)
    assert norm.eval().rectified(images, CONDITIONS["class"]).dtype == torch.bfloat16


def test_a_single_value_per_channel_is_refused_before_it_spoils_the_statistics() -> None:
    norm, _ = pair_of("unconditional")
    with pytest.raises(ValueError, match="single value per channel"):
        norm.rectified(torch.randn(1, 5, 1, 1))
    assert norm.running_var.tolist() == [1] * 5
    norm.eval().rectified(torch.randn(1, 5, 1, 1))


def test_ranks_share_statistics_in_float32_of_maps_in_bfloat16() -> None:
    norm, _ = pair_of("unconditional")
    norm.average_over_ranks, norm.num_ranks = (lambda tensor: tensor), 1
    images = (torch.randn(4, 5, 8, 8) + 3).bfloat16()
    found = norm.normalize(images)
    assert found.dtype == torch.bfloat16
    exact = F.batch_norm(images.float(), None, None, training=True, eps=2e-5)
    torch.testing.assert_close(found.float(), exact, rtol=2**-8, atol=2**-8)
    torch.testing.assert_close(norm.running_mean, 0.1 * images.float().mean(dim=(0, 2, 3)))


def test_statistics_that_ranks_share_serve_the_norm_with_relu_too() -> None:
    norm, _ = pair_of("unconditional")
    images = torch.randn(4, 5, 8, 8)
    norm.average_over_ranks, norm.num_ranks = torch.zeros_like, 2
    torch.testing.assert_close(norm.rectified(images), F.relu(norm(images)), rtol=0, atol=0)
