"""The fast path is the plain one within rounding; bfloat16 is the same training, only rounded more."""

import copy
import subprocess
import sys
from typing import Any

import pytest
import torch

from projgan.networks import convolutions, winograd
from projgan.networks.batch_norm import BatchNorm2d
from projgan.networks.conditions import CONDITIONS
from projgan.networks.convolutions import PLAIN
from projgan.networks.layers import Convolving
from projgan.networks.resnet import Discriminator, Generator
from projgan.storage.run_networks import build_networks
from projgan.training.acceleration import place
from projgan.training.building import build_trainer
from projgan.training.trainer import Trainer
from small_runs import ONE_RANK, small_config

CPU = torch.device("cpu")


def three_steps(precision: str, changes: dict[str, Any] | None = None) -> tuple[Trainer, torch.Tensor]:
    config = small_config({"training.precision": precision, "training.batch_size": 16} | (changes or {}))
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8, generator=draw)
    trainer = build_trainer(config, images, torch.arange(64) % 4, 4, ONE_RANK)
    for _ in range(3):
        trainer.advance()
    return trainer, torch.stack(trainer.pending)


def test_bfloat16_follows_float32_and_keeps_its_parameters_in_float32() -> None:
    (_, exact), (rounded_trainer, rounded) = three_steps("fp32"), three_steps("bf16")
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)  # it does round
    torch.testing.assert_close(rounded, exact, rtol=0, atol=0.03)  # losses of order 1, 8 bits of mantissa
    for network in (rounded_trainer.generator, rounded_trainer.discriminator):
        assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.float32}
    latents = torch.zeros(2, rounded_trainer.generator.latent_size)
    assert rounded_trainer.generator(latents, torch.tensor([0, 1])).dtype == torch.float32


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_logit_is_made_of_features_in_float32(condition: str) -> None:
    """Under bfloat16 only what convolves is rounded: the head sees float32 and answers in float32."""
    network = Discriminator("resnet-8", condition, channels=1, num_classes=4, width=8).eval()
    images, labels = torch.randn(3, 1, 8, 8), torch.tensor([0, 3, 1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features, found = network.features(images, labels), network(images, labels)
    assert features.dtype == found.logits.dtype == torch.float32
    assert not torch.equal(features, network.features(images, labels))
    # A head in bfloat16 would be off by a thousandth.
    torch.testing.assert_close(found.logits, network.condition(features, labels).logits, rtol=1e-4, atol=1e-5)


def test_samples_of_a_run_in_bfloat16_are_those_of_its_weights_in_float32() -> None:
    trainer, _ = three_steps("bf16", {"training.ema_decay": None})
    of_its_weights = place(build_networks(small_config({}), 4)[0], CPU)
    of_its_weights.load_state_dict(trainer.generator.state_dict())
    latents, labels = torch.randn(4, trainer.generator.latent_size), torch.arange(4)
    found, expected = (
        network.eval()(latents, labels) for network in (trainer.sampling_generator, of_its_weights)
    )
    assert torch.equal(found, expected)
    assert not torch.equal(
        trainer.generator.train()(latents, labels), of_its_weights.train()(latents, labels)
    )


def test_kernels_and_feature_maps_have_channels_last() -> None:
    trainer, _ = three_steps("fp32")
    kernel = trainer.generator.blocks[0].conv2.weight
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    seen: list[bool] = []
    block = trainer.discriminator.blocks[1]
    block.register_forward_hook(
        lambda module, given, made: seen.append(made.is_contiguous(memory_format=torch.channels_last))
    )
    trainer.advance()
    assert seen
    assert all(seen)


def gradients_of(trainer: Trainer) -> list[torch.Tensor]:
    """Every gradient of one forward of both networks, float32."""
    draw = torch.Generator().manual_seed(1)
    latents = torch.randn(6, trainer.generator.latent_size, generator=draw)
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    images = trainer.generator(latents, labels)
    logits = trainer.discriminator(images, labels).logits
    parameters = [*trainer.generator.parameters(), *trainer.discriminator.parameters()]
    return [images, logits, *torch.autograd.grad(logits.square().mean(), parameters)]


def test_a_fast_run_is_the_plain_one_in_outputs_and_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a width that Winograd's algorithm serves, with convolutions of every kind."""
    calls: list[int] = []
    real = winograd.conv2d
    monkeypatch.setattr(winograd, "conv2d", lambda *inputs: (calls.append(1), real(*inputs))[1])
    monkeypatch.setattr(convolutions, "WINOGRAD_PRODUCTS", 0)
    monkeypatch.setattr(convolutions, "WINOGRAD_TILES", 0)
    found = {}
    for acceleration in ("auto", "none"):
        config = small_config(
            {"training.acceleration": acceleration, "generator.width": 96, "discriminator.width": 96}
        )
        images = torch.zeros(8, 1, 8, 8, dtype=torch.uint8)
        found[acceleration] = gradients_of(build_trainer(config, images, torch.arange(8) % 4, 4, ONE_RANK))
        assert bool(calls) == (acceleration == "auto")
        calls.clear()
    for fast, plain in zip(found["auto"], found["none"], strict=True):
        # A bias before a batch norm has gradient 0, and no relative error.
        assert (fast - plain).norm() <= 1e-5 * plain.norm() + 1e-8
    assert not all(torch.equal(*pair) for pair in zip(found["auto"], found["none"], strict=True))


@pytest.mark.parametrize(("acceleration", "tolerance"), [("auto", 6e-5), ("none", 3e-5)])
def test_images_in_float32_are_near_those_in_float64(
    acceleration: str, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole generator of random weights, gains and biases, at a width that Winograd's algorithm serves."""
    monkeypatch.setattr(convolutions, "WINOGRAD_PRODUCTS", 0)
    monkeypatch.setattr(convolutions, "WINOGRAD_TILES", 0)
    network = Generator("resnet-32", num_classes=10, width=128).eval()
    for name, parameter in network.named_parameters():
        if name.endswith((".gain", ".bias")):
            torch.nn.init.normal_(parameter, float(name.endswith("gain")), 0.5)
    latents, labels = torch.randn(8, 128), torch.arange(8)
    with torch.inference_mode():
        exact = place(copy.deepcopy(network).double(), CPU, "none")(latents.double(), labels)
        found = place(network, CPU, acceleration)(latents, labels)
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=tolerance)


def test_a_plain_network_computes_every_convolution_and_norm_as_written() -> None:
    fast, plain = (
        [place(network, CPU, acceleration) for network in build_networks(small_config({}), 4)]
        for acceleration in ("auto", "none")
    )
    for network, other in zip(fast, plain, strict=True):
        pairs = zip(network.modules(), other.modules(), strict=True)
        convolutions = [(a, b) for a, b in pairs if isinstance(a, Convolving)]
        assert len(convolutions) >= 5
        for a, b in convolutions:
            assert b.convolve is PLAIN[a.convolve]
    norms = [module for module in plain[0].modules() if isinstance(module, BatchNorm2d)]
    assert len(norms) >= 3
    assert not any(norm.fused for norm in norms)


FAULTS = """
import resource, sys, torch
torch.set_num_threads(int(sys.argv[2]))
from projgan.training.acceleration import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(20):
    torch.ones(2**25)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    torch.ones(2**25)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is told, which is Linux's")
@pytest.mark.parametrize("threads", ["1", "2"])  # by which the heap ends in other blocks
def test_kept_memory_costs_no_page_faults(threads: str) -> None:
    """Three maps of 128 MiB: 32,768 pages each when they come from the system, none when they are reused."""
    faults = {
        mode: int(
            subprocess.run(
                [sys.executable, "-c", FAULTS, mode, threads], capture_output=True, text=True, check=True
            ).stdout
        )
        for mode in ("kept", "returned")
    }
    assert faults["returned"] > 10_000
    assert faults["kept"] < 100
