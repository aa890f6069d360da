"""Both networks against the paper's code: counts of parameters, and the blocks written out literally.

The tables here were copied from the description of pfnet-research/sngan_projection, not from the package.
"""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from projgan.networks.batch_norm import ConditionalBatchNorm2d, UnconditionalBatchNorm2d
from projgan.networks.resnet import Discriminator, Generator
from projgan.networks.shapes import DISCRIMINATORS, GENERATORS

F64 = torch.float64
EPSILON = 2e-5

# Channels after the linear layer and after each block, all of which double.
G_CHANNELS = {
    "resnet-32": [256] * 4,
    "resnet-48": [512, 256, 128, 64],  # Miyato et al. 2018, table 5
    "resnet-64": [1024, 512, 256, 128, 64],
    "resnet-96": [1024, 512, 256, 128, 64],
    "resnet-128": [1024, 1024, 512, 256, 128, 64],
    "resnet-128-small": [512, 512, 256, 256, 128, 64],
    "resnet-256": [512, 512, 256, 256, 128, 64, 32],
    "resnet-512": [512, 512, 256, 256, 128, 64, 32, 32],  # BigGAN's: 16, 16, 8, 8, 4, 2, 1, 1 of a width
}
BOTTOM = {"resnet-48": 6, "resnet-96": 6}
"""Pixels of the first map, where these are not the paper's four."""
# Channels after each block, and how many of the blocks, from the first, halve.
D_CHANNELS = {
    "resnet-32": ([128] * 4, 2),
    "resnet-48": ([64, 128, 256, 512, 1024], 4),
    "resnet-64": ([64, 128, 256, 512, 1024], 5),
    "resnet-96": ([64, 128, 256, 512, 1024], 5),
    "resnet-128": ([64, 128, 256, 512, 1024, 1024], 5),
    "resnet-128-small": ([64, 128, 256, 256, 512, 512], 5),
    "resnet-256": ([32, 64, 128, 256, 256, 512, 512], 6),
    "resnet-512": ([32, 32, 64, 128, 256, 256, 512, 512], 7),
}


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("architecture", "num_classes", "expected"),
    [
        ("resnet-32", 10, 4_304_387),
        ("resnet-32", 100, 4_580_867),
        ("resnet-32", None, 4_276_739),
        ("resnet-64", 1000, 17_974_915),
        ("resnet-64", 143, 13_038_595),
        ("resnet-128", 1000, 41_996_931),
        ("resnet-128-small", 143, 10_606_339),
        ("resnet-256", 143, 10_662_659),
    ],
)
def test_generator_parameters(architecture: str, num_classes: int | None, expected: int) -> None:
    with torch.device("meta"):
        assert count(Generator(architecture, num_classes=num_classes)) == expected


@pytest.mark.parametrize(
    ("architecture", "num_classes", "expected"),
    [
        # snresnet_32.py has nobias=True in its last linear layer; with a bias there it would be 1,055,105.
        ("resnet-32", 10, 1_055_104),
        ("resnet-64", 1000, 11_165_441),
        ("resnet-128", 1000, 30_041_857),
        ("resnet-128-small", 143, 8_574_977),
        ("resnet-256", 143, 8_576_129),
    ],
)
def test_discriminator_parameters(architecture: str, num_classes: int, expected: int) -> None:
    with torch.device("meta"):
        assert count(Discriminator(architecture, num_classes=num_classes)) == expected


def conv(inputs: int, outputs: int, size: int) -> int:
    return inputs * outputs * size**2 + outputs


@pytest.mark.parametrize("architecture", G_CHANNELS)
def test_generator_parameters_layer_by_layer(architecture: str) -> None:
    channels, classes = G_CHANNELS[architecture], 17
    bottom = BOTTOM.get(architecture, 4) ** 2
    total = 128 * bottom * channels[0] + bottom * channels[0]
    for before, after in itertools.pairwise(channels):
        total += 2 * classes * before + conv(before, after, 3)
        total += 2 * classes * after + conv(after, after, 3)
        total += conv(before, after, 1)
    total += 2 * channels[-1] + conv(channels[-1], 3, 3)
    with torch.device("meta"):
        assert count(Generator(architecture, num_classes=classes)) == total


@pytest.mark.parametrize("architecture", D_CHANNELS)
def test_discriminator_parameters_layer_by_layer(architecture: str) -> None:
    (channels, halving), classes = D_CHANNELS[architecture], 17
    total = conv(3, channels[0], 3) + conv(channels[0], channels[0], 3) + conv(3, channels[0], 1)
    for index, (before, after) in enumerate(itertools.pairwise(channels), start=1):
        total += conv(before, before, 3) + conv(before, after, 3)
        if index < halving or before != after:
            total += conv(before, after, 1)
    total += channels[-1] + (0 if architecture == "resnet-32" else 1) + classes * channels[-1]
    with torch.device("meta"):
        conditional = Discriminator(architecture, num_classes=classes)
        unconditional = Discriminator(architecture, "unconditional", num_classes=classes)
    assert count(conditional) == total
    assert count(unconditional) == total - classes * channels[-1]


# --- the networks, literally ------------------------------------------------------------------------


def shaken(network: nn.Module) -> nn.Module:
    """Gains, biases and statistics away from 1 and 0, so that none can be forgotten unseen."""
    for name, tensor in network.state_dict().items():
        if name.endswith((".bias", "running_mean")):
            tensor.normal_(std=0.5)
        elif name.endswith((".gain", "running_var")):
            tensor.uniform_(0.5, 1.5)
    return network.double()


def plain_batch_norm(images: Tensor, state: dict[str, Tensor], name: str, labels: Tensor | None) -> Tensor:
    gain, bias = state[f"{name}.gain"], state[f"{name}.bias"]
    gain = gain[None] if gain.ndim == 1 else gain[labels]
    bias = bias[None] if bias.ndim == 1 else bias[labels]
    mean = images.mean(dim=(0, 2, 3), keepdim=True)
    variance = ((images - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
    return (images - mean) / (variance + EPSILON).sqrt() * gain[:, :, None, None] + bias[:, :, None, None]


def plain_generator(
    state: dict[str, Tensor], latents: Tensor, labels: Tensor | None, num_blocks: int
) -> Tensor:
    def convolve(images: Tensor, name: str, padding: int) -> Tensor:
        return F.conv2d(images, state[f"{name}.weight"], state[f"{name}.bias"], padding=padding)

    def unpool(images: Tensor) -> Tensor:
        return images.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

    hidden = latents @ state["linear.weight"].T + state["linear.bias"]
    bottom = math.isqrt(hidden.shape[1] // state["blocks.0.conv1.weight"].shape[1])
    hidden = hidden.reshape(len(latents), -1, bottom, bottom)
    for index in range(num_blocks):
        block = f"blocks.{index}"
        residual = plain_batch_norm(hidden, state, f"{block}.norm1", labels)
        residual = torch.clamp(residual, min=0)
        residual = unpool(residual)
        residual = convolve(residual, f"{block}.conv1", 1)
        residual = plain_batch_norm(residual, state, f"{block}.norm2", labels)
        residual = torch.clamp(residual, min=0)
        residual = convolve(residual, f"{block}.conv2", 1)
        hidden = residual + convolve(unpool(hidden), f"{block}.shortcut", 0)
    hidden = plain_batch_norm(hidden, state, "norm", None)
    return torch.tanh(convolve(torch.clamp(hidden, min=0), "conv", 1))


def plain_discriminator(
    state: dict[str, Tensor], images: Tensor, labels: Tensor, num_blocks: int, num_halving: int
) -> Tensor:
    def normalized(name: str) -> Tensor:
        weight, u = state[f"{name}.weight"], state[f"{name}.u"]
        matrix = weight.reshape(len(weight), -1)
        with torch.no_grad():
            v = (u @ matrix) / (u @ matrix).norm()
            u = (matrix @ v) / (matrix @ v).norm()
        return weight / (u @ matrix @ v)

    def convolve(images: Tensor, name: str, padding: int) -> Tensor:
        return F.conv2d(images, normalized(name), state[f"{name}.bias"], padding=padding)

    def pool(images: Tensor) -> Tensor:
        return sum(images[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)) / 4

    def rectified(images: Tensor) -> Tensor:
        return torch.clamp(images, min=0)

    hidden = convolve(images, "blocks.0.conv1", 1)
    hidden = pool(convolve(rectified(hidden), "blocks.0.conv2", 1))
    hidden = hidden + convolve(pool(images), "blocks.0.shortcut", 0)
    for index in range(1, num_blocks):
        block = f"blocks.{index}"
        residual = convolve(rectified(hidden), f"{block}.conv1", 1)
        residual = convolve(rectified(residual), f"{block}.conv2", 1)
        shortcut = hidden
        if f"{block}.shortcut.weight" in state:
            shortcut = convolve(shortcut, f"{block}.shortcut", 0)
        if index < num_halving:
            residual, shortcut = pool(residual), pool(shortcut)
        hidden = residual + shortcut
    features = rectified(hidden).sum(dim=(2, 3))
    logits = features @ normalized("condition.marginal")[0]
    if "condition.marginal.bias" in state:
        logits = logits + state["condition.marginal.bias"]
    if "condition.embedding.weight" in state:
        logits = logits + (features * normalized("condition.embedding")[labels]).sum(dim=1)
    return logits


# With a base width in place of the paper's, for speed.
SMALL = [("resnet-32", 6), ("resnet-64", 2), ("resnet-128", 1), ("resnet-128-small", 1), ("resnet-256", 1)]
CASES = [("resnet-8", 6), ("resnet-48", 2), ("resnet-96", 1), ("resnet-512", 1), *SMALL]


@pytest.mark.parametrize(("architecture", "width"), CASES)
@pytest.mark.parametrize("num_classes", [5, None])
def test_generator_equals_the_blocks_written_out(
    architecture: str, width: int, num_classes: int | None
) -> None:
    network = shaken(Generator(architecture, num_classes=num_classes, latent_size=7, width=width, channels=3))
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    latents, labels = torch.randn(3, 7, dtype=F64), torch.tensor([4, 0, 2])
    expected = plain_generator(state, latents, labels, len(GENERATORS[architecture].multipliers) - 1)
    images = network(latents, labels if num_classes else None)
    size = int(architecture.split("-")[1])
    assert images.shape == (3, 3, size, size)
    torch.testing.assert_close(images, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("architecture", "width"), CASES)
@pytest.mark.parametrize("condition", ["projection", "unconditional"])
def test_discriminator_equals_the_blocks_written_out(architecture: str, width: int, condition: str) -> None:
    network = shaken(Discriminator(architecture, condition, num_classes=5, width=width))
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    size = int(architecture.split("-")[1])
    images, labels = torch.rand(2, 3, size, size, dtype=F64) * 2 - 1, torch.tensor([3, 1])
    channels, halving = D_CHANNELS.get(architecture, ([64] * 3, 2))
    expected = plain_discriminator(state, images, labels, len(channels), halving)
    logits = network(images, labels).logits
    torch.testing.assert_close(logits, expected, rtol=1e-11, atol=1e-11)


def test_gradients_of_both_networks_equal_those_of_the_blocks_written_out() -> None:
    generator = shaken(Generator("resnet-32", num_classes=3, latent_size=5, width=4))
    discriminator = shaken(Discriminator("resnet-32", num_classes=3, width=4))
    latents, labels = torch.randn(3, 5, dtype=F64), torch.tensor([0, 1, 2])
    states = [
        {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        for network in (generator, discriminator)
    ]
    grads = []
    for kind in ("ours", "plain"):
        if kind == "ours":
            networks = (generator, discriminator)
            leaves = [dict(network.named_parameters()) for network in networks]
            value = discriminator(generator(latents, labels), labels).logits.sum()
        else:
            leaves = [
                {name: state[name].requires_grad_() for name, _ in network.named_parameters()}
                for state, network in zip(states, (generator, discriminator), strict=True)
            ]
            images = plain_generator(states[0], latents, labels, 3)
            value = plain_discriminator(states[1], images, labels, 4, 2).sum()
        flat = {f"{index}.{name}": leaf for index, part in enumerate(leaves) for name, leaf in part.items()}
        grads.append(dict(zip(flat, torch.autograd.grad(value, list(flat.values())), strict=True)))
    assert grads[0].keys() == grads[1].keys()
    for name, gradient in grads[0].items():
        scale = grads[1][name].abs().max().item()
        torch.testing.assert_close(
            gradient,
            grads[1][name],
            rtol=0,
            atol=1e-8 * max(scale, 1),
            msg=lambda text, n=name: f"{n} {text}",
        )


def test_the_generators_last_batch_norm_is_unconditional_and_the_others_are_not() -> None:
    network = Generator("resnet-32", num_classes=3, width=4)
    assert type(network.norm) is UnconditionalBatchNorm2d
    for block in network.blocks:
        assert type(block.norm1) is type(block.norm2) is ConditionalBatchNorm2d
    without = Generator("resnet-32", num_classes=None, width=4)
    assert not any(isinstance(module, ConditionalBatchNorm2d) for module in without.modules())


@pytest.mark.parametrize("kind", [Generator, Discriminator])
@pytest.mark.parametrize("architecture", ["resnet-32", "resnet-64"])
def test_every_layer_starts_glorot_uniform_with_the_gain_of_its_place(kind: type, architecture: str) -> None:
    network = kind(architecture, num_classes=200, width=32 if architecture == "resnet-32" else 4)
    seen = 0
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
            continue
        weight = module.weight.detach()
        area = weight[0, 0].numel() if weight.ndim == 4 else 1
        gain = math.sqrt(2) if name.endswith((".conv1", ".conv2")) else 1.0
        limit = gain * math.sqrt(6 / (area * (weight.shape[0] + weight.shape[1])))
        # The largest of n uniform draws is below (1 - 12/n) of the limit once in e^12.
        assert limit * (1 - 12 / weight.numel()) < weight.abs().max() <= limit, name
        assert getattr(module, "bias", None) is None or not module.bias.any(), name
        seen += 1
    assert seen == sum(
        isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding) for module in network.modules()
    )


def test_features_are_summed_over_the_last_map() -> None:
    """Without border effects four times the area gives four times the features: a sum, not a mean."""
    network = Discriminator("resnet-32", num_classes=3, width=4).double().eval()
    for name, parameter in network.named_parameters():
        if name.startswith("blocks") and parameter.ndim == 4 and parameter.shape[2] == 3:
            centre = parameter.detach()[:, :, 1, 1].clone()
            parameter.data.zero_()
            parameter.data[:, :, 1, 1] = centre  # pixelwise networks know no border
    image = torch.full((1, 3, 32, 32), 0.7, dtype=F64)
    large = torch.full((1, 3, 64, 64), 0.7, dtype=F64)
    assert network.features(image).abs().max() > 1e-3
    torch.testing.assert_close(network.features(large), 4 * network.features(image), rtol=1e-12, atol=0)


def test_grey_networks_have_one_channel() -> None:
    generator = Generator("resnet-8", num_classes=3, channels=1, latent_size=5, width=4)
    discriminator = Discriminator("resnet-8", num_classes=3, channels=1, width=4)
    grey, colour = (count(Discriminator("resnet-8", num_classes=3, channels=n, width=4)) for n in (1, 3))
    assert colour - grey == 2 * (4 * 9 + 4)  # two input channels more, into a 3x3 and a 1x1 of four outputs
    images = generator(torch.randn(2, 5), torch.tensor([0, 2]))
    assert images.shape == (2, 1, 8, 8)
    assert discriminator(images, torch.tensor([0, 2])).logits.shape == (2,)
    assert images.abs().max() < 1


def test_tables_agree_with_the_papers() -> None:
    for name, channels in G_CHANNELS.items():
        shape = GENERATORS[name]
        assert [multiplier * shape.width for multiplier in shape.multipliers] == channels
        assert (shape.bottom, shape.resolution) == (BOTTOM.get(name, 4), int(name.split("-")[1]))
    for name, (channels, halving) in D_CHANNELS.items():
        trunk = DISCRIMINATORS[name]
        assert [multiplier * trunk.width for multiplier in trunk.multipliers] == channels
        assert trunk.num_downsampling == halving
    assert DISCRIMINATORS.keys() == {"resnet-8", *G_CHANNELS}
    assert GENERATORS.keys() == {"resnet-32-tapered", *DISCRIMINATORS}


def test_nothing_of_a_traced_network_stays_in_those_that_run() -> None:
    """Tensors without numbers, as exporting uses them, leave no trace in what is computed afterwards."""
    with FakeTensorMode():
        fake = Generator("resnet-8", num_classes=3, latent_size=5, width=4)
        fake(torch.randn(2, 5), torch.tensor([0, 1]))
    real = Generator("resnet-8", num_classes=3, latent_size=5, width=4)
    images = real(torch.randn(2, 5), torch.tensor([0, 1]))
    assert type(images) is torch.Tensor
    images.sum().backward()
    assert all(type(parameter.grad) is torch.Tensor for parameter in real.parameters())
