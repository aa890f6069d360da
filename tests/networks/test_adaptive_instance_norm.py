"""Instance norm against torch's own and hand values, and a generator of it from training to file to morph."""

import math
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from projgan.cli import run_command
from projgan.errors import UserError
from projgan.generation.morphing import Morph, class_path, morph_images
from projgan.generation.sampling import latents_of, sample
from projgan.networks import rectified_norm
from projgan.networks.adaptive_instance_norm import (
    AdaptiveInstanceNorm2d,
    AffineAdaptiveInstanceNorm2d,
    UnconditionalInstanceNorm2d,
)
from projgan.networks.rectified_norm import normalize_each_scale_rectify, of_each, of_each_in_parts
from projgan.networks.resnet import Generator
from projgan.storage.network_file import load_generator
from small_runs import assert_same_run, differences, train_small

F64 = torch.float64
ADAIN = {"generator.condition": "adain"}


def scattered(norm: nn.Module) -> nn.Module:
    """The norm with parameters that nothing else has by chance."""
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.normal_()
    return norm


@pytest.mark.parametrize("shape", [(3, 5, 2, 2), (2, 4, 8, 8), (1, 3, 16, 4)])
@pytest.mark.parametrize("channels_last", [True, False])
def test_values_and_gradients_are_those_of_torch(shape: tuple[int, ...], channels_last: bool) -> None:
    torch.manual_seed(0)
    norm = scattered(AdaptiveInstanceNorm2d(shape[1], 6).double())
    images = (3 * torch.randn(shape, dtype=F64) + 7).requires_grad_()
    if channels_last:
        images = images.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    labels = torch.randint(6, shape[:1])
    gain, bias = norm.gain[labels], norm.bias[labels]
    expected = F.instance_norm(images, eps=1e-5) * gain[:, :, None, None] + bias[:, :, None, None]
    found = norm(images, labels)
    direction = torch.randn(shape, dtype=F64)
    leaves = [images, norm.gain, norm.bias]
    pairs = [(found, expected)]
    pairs += zip(
        torch.autograd.grad(found, leaves, direction),
        torch.autograd.grad(expected, leaves, direction),
        strict=True,
    )
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("chunk", [250_000, 130, 1])  # all at once, in pairs, one by one
def test_fused_with_relu_equals_the_norm_as_written(
    training: bool, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That in float64: outputs and gradients, with a mean of ten deviations, gain and bias of each image."""
    monkeypatch.setattr(rectified_norm, "_CHUNK", chunk)
    norm = scattered(AdaptiveInstanceNorm2d(5, 3)).train(training)
    images = (torch.randn(6, 5, 4, 4) + 10).contiguous(memory_format=torch.channels_last)
    labels, direction = torch.tensor([0, 2, 1, 1, 0, 2]), torch.randn(6, 5, 4, 4)
    found = []
    for fused, dtype in ((True, torch.float32), (False, F64)):
        norm.to(dtype).fused = fused
        inputs = images.to(dtype).requires_grad_()
        output = norm.rectified(inputs, labels)
        assert output.is_contiguous(memory_format=torch.channels_last)
        leaves = [inputs, norm.gain, norm.bias]
        found.append([output, *torch.autograd.grad(output, leaves, direction.to(dtype))])
    for ours, theirs in zip(*found, strict=True):
        assert (ours - theirs).norm() <= 1e-5 * theirs.norm()


def test_fused_gradients_are_finite_differences() -> None:
    gain, bias = (torch.randn(4, 3, dtype=F64, requires_grad=True) for _ in range(2))
    images = (torch.randn(4, 3, 2, 2, dtype=F64) * 2 + 1).requires_grad_()
    rectified = partial(normalize_each_scale_rectify, epsilon=1e-5)
    assert torch.autograd.gradcheck(rectified, (images, gain, bias))


def test_both_ways_to_the_statistics_of_each_image_give_them() -> None:
    images = torch.randn(5, 3, 4, 6) * 2 + 20
    exact = images.double()
    for found in (of_each(images, torch.float32), of_each_in_parts(images, torch.float32)):
        torch.testing.assert_close(found[0], exact.mean(dim=(2, 3)).float())
        torch.testing.assert_close(found[1], exact.var(dim=(2, 3), correction=0).float(), rtol=1e-5, atol=0)
    rounded = images.bfloat16()
    (ours, _), (theirs, _) = (way(rounded, torch.float32) for way in (of_each, of_each_in_parts))
    assert ours.dtype == theirs.dtype == torch.float32
    torch.testing.assert_close(ours, theirs)


def test_fused_in_bfloat16_rounds_once() -> None:
    norm = scattered(AdaptiveInstanceNorm2d(5, 3))
    images, labels = torch.randn(4, 5, 8, 8).bfloat16(), torch.tensor([2, 0, 0, 1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = norm.rectified(images, labels)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), norm.rectified(images.float(), labels), rtol=2**-8, atol=1e-6)


def test_one_image_by_hand() -> None:
    """Pixels 1, 3, 5, 7: mean 4, variance 5; and a constant map comes out as the bias."""
    norm = AdaptiveInstanceNorm2d(2, 2).double()
    with torch.no_grad():
        norm.gain.copy_(torch.tensor([[1.0, 1.0], [2.0, 9.0]]))
        norm.bias.copy_(torch.tensor([[0.0, 0.0], [10.0, -3.0]]))
    images = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]], [[6.0, 6.0], [6.0, 6.0]]]], dtype=F64)
    root = math.sqrt(5 + 1e-5)
    found = norm(images, torch.tensor([1])).flatten().tolist()
    assert found == pytest.approx([10 - 6 / root, 10 - 2 / root, 10 + 2 / root, 10 + 6 / root, *[-3.0] * 4])


def test_affine_in_a_vector_by_hand() -> None:
    norm = AffineAdaptiveInstanceNorm2d(1, 2).double()
    images = torch.tensor([[[[-2.0, 2.0]]]], dtype=F64)
    one = 2 / math.sqrt(4 + 1e-5)
    assert norm(images, torch.tensor([[5.0, -3.0]], dtype=F64)).flatten().tolist() == pytest.approx(
        [-one, one]
    )
    with torch.no_grad():
        norm.gain.fill_(1.5)
        norm.bias.fill_(0.25)
        norm.gain_slope.copy_(torch.tensor([[2.0], [-1.0]]))
        norm.bias_slope.copy_(torch.tensor([[10.0], [100.0]]))
    found = norm(images, torch.tensor([[0.5, 2.0]], dtype=F64)).flatten().tolist()
    gain, bias = 1.5 + 1 - 2, 0.25 + 5 + 200
    assert found == pytest.approx([bias - gain * one, bias + gain * one])


@pytest.mark.parametrize("norm_type", [AdaptiveInstanceNorm2d, AffineAdaptiveInstanceNorm2d])
def test_a_one_hot_weight_is_its_label_bit_for_bit(norm_type: type[nn.Module]) -> None:
    torch.manual_seed(1)
    norm = scattered(norm_type(7, 5))
    images, labels = torch.randn(4, 7, 3, 3), torch.tensor([0, 4, 2, 2])
    assert torch.equal(norm(images, labels), norm(images, F.one_hot(labels, 5).float()))
    mixed = norm(images, torch.full((4, 5), 0.2))
    assert not torch.equal(mixed, norm(images, labels))


@pytest.mark.parametrize("kind", ["class", "multi-hot", "vector"])
def test_no_image_sees_another_and_training_is_evaluation(kind: str) -> None:
    torch.manual_seed(2)
    generator = scattered(
        Generator("resnet-8", num_classes=3, condition=kind, norm="adain", latent_size=5, width=4).double()
    )
    assert list(generator.buffers()) == []
    latents = torch.randn(6, 5, dtype=F64)
    condition = torch.arange(6) % 3 if kind == "class" else torch.randn(6, 3, dtype=F64)
    together = generator.train()(latents, condition)
    alone = torch.cat([generator.eval()(latents[i : i + 1], condition[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_without_classes_every_norm_is_an_unconditional_one() -> None:
    generator = Generator("resnet-8", norm="adain", width=4)
    norms = [module for module in generator.modules() if isinstance(module, UnconditionalInstanceNorm2d)]
    assert len(norms) == 5
    images = torch.randn(2, 4, 3, 3, dtype=F64)
    torch.testing.assert_close(norms[0].double()(images), F.instance_norm(images, eps=1e-5))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("adain") / "run"
    train_small(run_dir, ADAIN | {"training.steps": 8})
    return run_dir


def test_a_run_stopped_on_its_way_is_the_run_that_was_not(run: Path, tmp_path: Path) -> None:
    train_small(tmp_path, ADAIN | {"training.steps": 3})
    train_small(tmp_path, ADAIN | {"training.steps": 8})
    assert_same_run(run, tmp_path)


def test_its_file_is_the_generator_and_its_morphs_end_at_its_classes(run: Path, tmp_path: Path) -> None:
    generator, description = load_generator(run / "generator.safetensors")
    assert description.network["norm"] == "adain"
    assert differences(sorted(generator.state_dict()), sorted(dict(generator.named_parameters()))) == []
    latents = latents_of([3], generator.latent_size)
    weights = class_path([1, 7], 10, 3)
    images = morph_images(generator, Morph(latents.expand(3, -1).unsqueeze(0), weights.unsqueeze(0)))[0]
    for place, label in ((0, 1), (2, 7)):
        assert torch.equal(images[place], next(iter(sample(generator, [3], torch.tensor([label]))))[0])
    assert not torch.equal(images[0], images[2])
    assert run_command(["sample", str(run), "--count", "1", "--out", str(tmp_path / "grid.png")]) == 0


def test_a_run_with_batch_norm_does_not_go_on_with_adain(run: Path) -> None:
    with pytest.raises(UserError, match=r"generator\.condition adain, not conditional-batch-norm"):
        train_small(run, {"training.steps": 8})
