"""Images of several updates made in one forward are those made update by update."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from projgan.networks.batch_norm import ConditionalBatchNorm2d, statistics_of_parts
from projgan.networks.plain import compute_as_written
from projgan.networks.resnet import Generator
from projgan.training import trainer as trainer_module
from projgan.training.building import build_trainer
from projgan.training.fake_batches import MOST_PIXELS, fake_batches, updates_at_once
from projgan.training.steps import fake_images
from projgan.training.trainer import Trainer
from small_runs import ONE_RANK, small_config

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.mark.parametrize("plain", [False, True], ids=["fused", "as written"])
@pytest.mark.parametrize(
    "settings",
    [{"num_classes": 3}, {"num_classes": None}, {"num_classes": 3, "norm": "adain"}],
    ids=["class", "unconditional", "adain"],
)
def test_images_and_running_statistics_are_those_of_updates_apart(
    settings: dict[str, Any], plain: bool
) -> None:
    generator = Generator("resnet-8", channels=1, latent_size=5, width=8, **settings).double()
    if plain:
        compute_as_written(generator)
    latents = torch.randn(12, 5, dtype=torch.float64) * torch.arange(1, 13)[:, None]  # no two parts are alike
    labels = torch.arange(12) % 3
    apart, together = copy.deepcopy(generator), generator
    wanted = torch.cat(
        [fake_images(apart, latents[part : part + 4], labels[part : part + 4], 1) for part in (0, 4, 8)]
    )
    torch.testing.assert_close(fake_images(together, latents, labels, 3), wanted, rtol=0, atol=1e-12)
    for name, buffer in apart.named_buffers():
        torch.testing.assert_close(together.get_buffer(name), buffer, rtol=1e-12, atol=0, msg=name)
    # As one batch they would be others, but for a norm that asks no other image.
    alone = fake_images(copy.deepcopy(apart), latents, labels, 1)
    assert (alone - wanted).abs().max() > 1e-3 or "norm" in settings


def test_a_gradient_through_statistics_of_parts_is_that_of_parts_apart() -> None:
    norm = ConditionalBatchNorm2d(3, 2).double()
    images = torch.randn(6, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    weights, labels = torch.randn(6, 3, 4, 4, dtype=torch.float64), torch.arange(6) % 2

    def gradients(result: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad((result * weights).sum(), [images, norm.gain, norm.bias])

    wanted = gradients(
        torch.cat([norm.rectified(images[part], labels[part]) for part in ([0, 1, 2], [3, 4, 5])])
    )
    with statistics_of_parts(norm, 2):
        found = gradients(norm.rectified(images, labels))
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_batches_are_in_the_order_of_the_updates() -> None:
    draws = [(torch.full((2, 1), float(update)), torch.tensor([update, -update])) for update in range(6)]
    sizes = []

    def make(latents: Tensor, condition: Tensor) -> Tensor:
        sizes.append(len(latents))
        return latents * 10 + condition[:, None]

    for at_once in (1, 2, 3, 6):
        sizes.clear()
        for update, (images, condition) in enumerate(fake_batches(make, draws, at_once)):
            assert images.flatten().tolist() == [11 * update, 9 * update]
            assert condition.tolist() == [update, -update]
        assert sizes == [2 * at_once] * (6 // at_once)


def test_a_gpu_makes_at_once_what_its_memory_holds_easily() -> None:
    assert updates_at_once(GPU, "auto", 5, 64 * 32**2) == 5
    assert updates_at_once(GPU, "auto", 5, MOST_PIXELS // 4) == 1  # 5 are too many, 2 to 4 no divisors
    assert updates_at_once(GPU, "auto", 6, MOST_PIXELS // 4) == 3
    assert updates_at_once(GPU, "auto", 4, 2 * MOST_PIXELS) == 1
    for device, acceleration in ((CPU, "auto"), (GPU, "none")):
        assert updates_at_once(device, acceleration, 5, 1) == 1


def test_a_run_shows_its_discriminator_the_same_images(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[bool, list[Tensor]] = {}
    for together in (False, True):
        if together:
            monkeypatch.setattr(
                trainer_module, "updates_at_once", lambda device, how, updates, pixels: updates
            )
        images = torch.randint(0, 256, (40, 1, 8, 8), generator=torch.Generator().manual_seed(1))
        config = small_config({"training.discriminator_updates": 3})
        trainer = build_trainer(config, images.to(torch.uint8), torch.arange(40) % 4, 4, ONE_RANK)
        shown[together] = _shown(trainer)
        trainer.advance()
        assert trainer.at_once == (3 if together else 1)
    assert len(shown[True]) == len(shown[False]) == 3
    for ours, theirs in zip(shown[True], shown[False], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def _shown(trainer: Trainer) -> list[Tensor]:
    seen: list[Tensor] = []
    update = trainer.update_discriminator

    def noting(*inputs: Tensor) -> Tensor:
        seen.append(inputs[2].clone())
        return update(*inputs)

    trainer.update_discriminator = noting
    return seen
