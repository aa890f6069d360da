import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.super_resolution import (
    IMAGE_CONDITIONS,
    ImageProjection,
    SuperResolutionDiscriminator,
    SuperResolutionGenerator,
)

ARCHITECTURE = "super-resolution-16-64"


def conv(inputs: int, outputs: int, size: int = 3) -> int:
    return inputs * outputs * size**2 + outputs


def generator_block(inputs: int, outputs: int, noise: int = 0) -> int:
    shortcut = conv(inputs, outputs, 1) if noise or inputs != outputs else 0
    return 2 * inputs + conv(inputs + noise, outputs) + 2 * outputs + conv(outputs, outputs) + shortcut


def discriminator_block(inputs: int, outputs: int, *, halves: bool) -> int:
    shortcut = conv(inputs, outputs, 1) if halves or inputs != outputs else 0
    return conv(inputs, inputs) + conv(inputs, outputs) + shortcut


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_of_the_authors_networks_layer_by_layer():
    """5.33 M, 29.39 M and the baseline's, from the published list of layers."""
    generator = (
        generator_block(3, 256)
        + 3 * generator_block(256, 256)
        + generator_block(256, 128, noise=128)
        + generator_block(128, 128)
        + generator_block(128, 64, noise=128)
        + generator_block(64, 64)
        + 2 * 64
        + conv(64, 3)
    )
    before = (
        conv(3, 64)
        + conv(64, 64)
        + conv(3, 64, 1)
        + discriminator_block(64, 64, halves=False)
        + discriminator_block(64, 128, halves=True)
        + discriminator_block(128, 128, halves=False)
    )
    after = (
        discriminator_block(256, 512, halves=True)
        + discriminator_block(512, 1024, halves=True)
        + discriminator_block(1024, 1024, halves=False)
        + 1025
    )
    projection = before + conv(128, 3) + discriminator_block(128, 256, halves=True) + after
    concat = before + discriminator_block(131, 256, halves=True) + after
    assert (generator, projection, concat) == (5_330_825, 29_390_340, 29_401_557)
    with torch.device("meta"):
        assert count(SuperResolutionGenerator("super-resolution-32-128")) == generator
        assert count(SuperResolutionDiscriminator("super-resolution-32-128")) == projection
        assert count(SuperResolutionDiscriminator("super-resolution-32-128", "hidden-concat")) == concat


@pytest.fixture
def generator() -> SuperResolutionGenerator:
    """Narrow, with statistics and gains that are all different."""
    torch.manual_seed(0)
    network = SuperResolutionGenerator(ARCHITECTURE, width=2, noise_channels=3)
    for _ in range(3):
        network(torch.randn(4, network.latent_size_of(6, 5)), torch.rand(4, 3, 6, 5) * 2 - 1)
    for name, parameter in network.named_parameters():
        if "norm" in name:
            nn.init.normal_(parameter, 1.0, 0.3)
    return network.eval()


def normed(norm: nn.Module, images: Tensor) -> Tensor:
    mean, deviation = norm.running_mean, (norm.running_var + 2e-5).sqrt()
    shape = (1, -1, 1, 1)
    standard = (images - mean.view(shape)) / deviation.view(shape)
    return F.relu(standard * norm.gain.view(shape) + norm.bias.view(shape))


def plain_block(block: nn.Module, images: Tensor, noise: Tensor | None = None) -> Tensor:
    """As the author's list says it: pixels are repeated, then convolved."""
    hidden, shortcut = normed(block.norm1, images), images
    if noise is not None:
        hidden = torch.cat([hidden, noise], dim=1)
        hidden, shortcut = (
            maps.repeat_interleave(2, 2).repeat_interleave(2, 3) for maps in (hidden, shortcut)
        )
    hidden = F.conv2d(hidden, block.conv1.weight, block.conv1.bias, padding=1)
    hidden = F.conv2d(normed(block.norm2, hidden), block.conv2.weight, block.conv2.bias, padding=1)
    if isinstance(block.shortcut, nn.Conv2d):
        shortcut = F.conv2d(shortcut, block.shortcut.weight, block.shortcut.bias)
    return hidden + shortcut


@pytest.mark.parametrize("size", [(16, 16), (5, 7), (1, 1)])
@torch.no_grad()
def test_the_generator_is_the_published_list_of_layers(generator, size):
    height, width = size
    small = torch.rand(2, 3, height, width) * 2 - 1
    first, second = torch.randn(2, 3, height, width), torch.randn(2, 3, 2 * height, 2 * width)
    hidden = small
    for block in generator.kept:
        hidden = plain_block(block, hidden)
    for doubling, keeping, noise in zip(generator.doubling, generator.keeping, (first, second), strict=True):
        hidden = plain_block(keeping, plain_block(doubling, hidden, noise))
    expected = F.conv2d(normed(generator.norm, hidden), generator.conv.weight, generator.conv.bias, padding=1)
    latents = torch.cat([first.flatten(1), second.flatten(1)], dim=1)
    found = generator(latents, small)
    assert found.shape == (2, 3, 4 * height, 4 * width)
    torch.testing.assert_close(found, expected.tanh(), rtol=1e-4, atol=1e-5)
    assert found.std() > 0.01


def test_latents_are_as_long_as_there_is_noise(generator):
    assert generator.latent_size == 3 * (16 * 16 + 32 * 32)
    with pytest.raises(ValueError, match="latents do not belong to 6 x 5"):
        generator(torch.randn(1, generator.latent_size), torch.rand(1, 3, 6, 5))


@torch.no_grad()
def test_projection_is_an_inner_product_over_the_root_of_its_length():
    torch.manual_seed(0)
    method = ImageProjection(5, 3).eval()
    hidden, low = torch.randn(2, 5, 4, 4), torch.rand(2, 3, 4, 4)
    same, term = method(hidden, low)
    maps = F.conv2d(hidden, method.conv.normalized_weight(), method.conv.bias, padding=1)
    expected = [sum(float(a * b) for a, b in zip(m.flatten(), y.flatten(), strict=True)) / 48**0.5
                for m, y in zip(maps, low, strict=True)]  # fmt: skip
    torch.testing.assert_close(term, torch.tensor(expected))
    assert same is hidden


@torch.no_grad()
@pytest.mark.parametrize("condition", IMAGE_CONDITIONS)
def test_the_discriminator_meets_the_image_where_its_features_have_that_size(condition):
    torch.manual_seed(0)
    network = SuperResolutionDiscriminator(ARCHITECTURE, condition, width=2).eval()
    images, low = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 16, 16)
    output = network(images, low)
    hidden = network.before(images)
    assert hidden.shape == (2, 4, 16, 16)
    if condition == "hidden-concat":
        assert output.conditional is None
        hidden = torch.cat([hidden, low], dim=1)
    maps = F.relu(network.after(hidden))
    assert maps.shape == (2, 16, 4, 4)
    pooled = maps.sum(dim=(2, 3)) / 4  # the root of 4 x 4
    weight, bias = network.marginal.normalized_weight(), network.marginal.bias
    expected = (pooled @ weight.T + bias).squeeze(1)
    if condition == "projection":
        torch.testing.assert_close(output.marginal, expected)
        expected = expected + network.meeting(hidden, low)[1]
    torch.testing.assert_close(output.logits, expected)
    other = network(images, low.flip(0)).logits
    assert not torch.allclose(other, output.logits)


def test_every_weight_of_the_discriminator_is_normalised():
    network = SuperResolutionDiscriminator(ARCHITECTURE, width=2)
    weights = {name.removesuffix(".weight") for name, _ in network.named_parameters() if "weight" in name}
    assert weights == {name.removesuffix(".u") for name, _ in network.named_buffers()}


def test_under_bfloat16_the_logit_is_made_in_float32():
    network = SuperResolutionDiscriminator(ARCHITECTURE, width=2).eval()
    seen = []
    network.marginal.register_forward_hook(lambda layer, given, made: seen.extend([*given, made]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        network(torch.zeros(2, 3, 64, 64), torch.zeros(2, 3, 16, 16))
    assert [tensor.dtype for tensor in seen] == [torch.float32] * 2
