"""What a notebook has set of torch, and the mode of its networks: nothing comes of it, nothing is changed."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.backends import cuda, cudnn

import projgan
from projgan.api.ambient import undisturbed


@pytest.fixture
def digits() -> projgan.GAN:
    return projgan.load("digits", device="cpu")


@contextlib.contextmanager
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def on_meta() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


AROUND = {
    "float64": double,
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "another device": on_meta,
}


@pytest.mark.parametrize("around", AROUND)
def test_what_is_around_a_call_changes_no_image(digits: projgan.GAN, around: str) -> None:
    """Also of a search, which needs gradients."""
    expected = digits.sample_tensor("3", count=3)
    (found,) = digits.invert(expected[:1], class_name="3", starts=1, steps=3, progress=False)
    manager: AbstractContextManager[None] = AROUND[around]()
    with manager:
        images = digits.sample_tensor("3", count=3)
        again = projgan.load("digits", device="cpu").sample_tensor("3", count=3)
        (searched,) = digits.invert(expected[:1], class_name="3", starts=1, steps=3, progress=False)
        frames = digits.morph(["3", "8"], steps=2)
    assert torch.equal(images, expected)
    assert torch.equal(again, expected)
    torch.testing.assert_close(searched.latent, found.latent)
    assert np.array_equal(np.asarray(frames[0]), expected[0, 0].numpy())


@pytest.mark.parametrize("around", AROUND)
def test_what_is_around_a_training_changes_no_weight(around: str, tmp_path: Path) -> None:
    def trained(name: str) -> torch.Tensor:
        run = projgan.train("demo", run_dir=tmp_path / name, training={"steps": 2}, progress=False)
        return run.load(device="cpu").sample_tensor("3")

    expected = trained("expected")
    manager: AbstractContextManager[None] = AROUND[around]()
    with manager:
        found = trained("found")
    assert torch.equal(found, expected)


def test_the_mode_of_a_network_changes_no_image_and_is_left(digits: projgan.GAN) -> None:
    """In training mode batch norm would take the statistics of these few images, and keep them."""
    expected = digits.sample_tensor("3", count=4)
    digits.generator.train()
    digits.generator.norm.eval()
    modes = [module.training for module in digits.generator.modules()]
    assert torch.equal(digits.sample_tensor("3", count=4), expected)
    assert [module.training for module in digits.generator.modules()] == modes
    digits.generator.eval()
    assert torch.equal(digits.sample_tensor("3", count=4), expected)


def test_a_discriminator_in_training_mode_is_asked_as_it_is(tmp_path: Path) -> None:
    gan = projgan.train("demo", run_dir=tmp_path / "run", training={"steps": 2}, progress=False).load(
        device="cpu"
    )
    data = projgan.images("digits", resolution=8, channels=1)
    expected = gan.inspect(data.images[:20], data.labels[:20]).logits
    assert gan.discriminator is not None
    gan.discriminator.train()
    assert torch.equal(gan.inspect(data.images[:20], data.labels[:20]).logits, expected)
    assert gan.discriminator.training
    assert torch.equal(gan.inspect(data.images[:20], data.labels[:20]).logits, expected)


def test_a_search_leaves_the_networks_able_to_learn(tmp_path: Path) -> None:
    run = projgan.train(
        "demo",
        run_dir=tmp_path / "run",
        discriminator={"architecture": "resnet-8"},
        training={"steps": 1},
        progress=False,
    )
    gan = run.load(device="cpu")
    assert gan.discriminator is not None
    frozen = next(gan.generator.parameters()).requires_grad_(False)
    image = gan.sample_tensor("3")
    gan.invert(image, class_name="3", starts=1, steps=1, features="discriminator", progress=False)
    learning = [
        weight
        for network in (gan.generator, gan.discriminator)
        for weight in network.parameters()
        if not weight.requires_grad
    ]
    assert len(learning) == 1
    assert learning[0] is frozen


def test_opening_a_generator_touches_no_precision_by_name() -> None:
    """Torch refuses to tell it once an older switch was written, even with the value that it had."""
    code = (
        "import torch, projgan\n"
        "torch.set_float32_matmul_precision('medium')\n"
        "projgan.load('digits', device='cpu')\n"
        "print(torch.get_float32_matmul_precision())"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "medium"


def fail_after_setting_threads() -> None:
    torch.set_num_threads(1)
    raise KeyError


def test_what_a_training_sets_of_the_process_is_set_back(tmp_path: Path) -> None:
    def settings() -> tuple[object, ...]:
        flags = cudnn.allow_tf32, cuda.matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark
        drawn = torch.get_rng_state().sum().item()
        return *flags, drawn, torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()

    before = settings()
    try:
        torch.set_num_threads(2)
        cudnn.allow_tf32 = cuda.matmul.allow_tf32 = cudnn.benchmark = True
        cudnn.deterministic = False
        own = settings()
        with pytest.raises(KeyError), undisturbed():
            fail_after_setting_threads()
        assert settings() == own
        run = projgan.train("demo", run_dir=tmp_path / "run", training={"steps": 1}, progress=False)
        assert run.config.training.cpu_threads == 1  # so that there is something to set back
        assert settings() == own
    finally:
        torch.set_num_threads(before[5])
        cudnn.allow_tf32, cuda.matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark = before[:4]
