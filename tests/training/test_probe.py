"""What a dry run says of a run: sizes from counting, memory and time from a few steps."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from projgan.config import load_config
from projgan.errors import UserError
from projgan.process.ranks import Ranks
from projgan.storage.run_networks import build_networks
from projgan.training import probe as probe_module
from projgan.training.building import build_trainer
from projgan.training.comparing import bfloat16_rate
from projgan.training.parts import Fakes
from projgan.training.probe import Estimate, probe
from projgan.training.trainer import Trainer
from small_runs import ONE_RANK, small_config


@pytest.fixture
def estimate() -> Estimate:
    return probe(small_config({"training.batch_size": 32, "training.generator_batch_size": 16}), ONE_RANK)


def test_sizes_are_those_of_the_networks_and_the_data(estimate: Estimate) -> None:
    counts = [sum(p.numel() for p in network.parameters()) for network in build_networks(small_config(), 10)]
    assert [estimate.generator_parameters, estimate.discriminator_parameters] == counts
    assert (estimate.data, estimate.num_images, estimate.num_classes) == ("digits", 1797, 10)
    assert estimate.probed_batch_size == 8


def test_time_is_steps_and_images_at_one_speed(estimate: Estimate) -> None:
    assert estimate.seconds_per_step > 0
    assert estimate.hours == pytest.approx(estimate.seconds_per_step * 20 / 3600)
    assert estimate.images_per_second == pytest.approx(32 * 2 / estimate.seconds_per_step)


def test_memory_counts_parameters_their_average_and_what_backward_needs(estimate: Estimate) -> None:
    parameters = estimate.generator_parameters + estimate.discriminator_parameters
    fixed = parameters * 16 + estimate.generator_parameters * 4
    activations = estimate.memory_bytes - fixed
    # The discriminator's update on 32 real and 32 generated images keeps, at the least, its first block's
    # float32 features [64, 8, 8, 8]; and at the most, some dozens of tensors of that size.
    one = 64 * 8 * 8 * 8 * 4
    assert one < activations < 100 * one
    without = probe(
        small_config(
            {"training.batch_size": 32, "training.generator_batch_size": 16, "training.ema_decay": None}
        ),
        ONE_RANK,
    )
    assert estimate.memory_bytes - without.memory_bytes == estimate.generator_parameters * 4


def test_the_run_is_estimated_from_a_small_batch_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "_seconds_per_step", lambda trainer, progress: 0.5)
    small, large = (
        probe(
            small_config({"training.batch_size": size, "training.generator_batch_size": 2 * size}), ONE_RANK
        )
        for size in (8, 64)
    )
    assert (small.seconds_per_step, large.seconds_per_step) == (0.5, 4.0)
    assert large.images_per_second == small.images_per_second


def test_precisions_are_compared_on_the_run_as_it_is() -> None:
    """Both are computed, also where the run has one of them, and nothing of it changes."""
    config = small_config({"training.precision": "bf16"})
    images = torch.zeros(8, 1, 8, 8, dtype=torch.uint8)
    trainer = build_trainer(config, images, torch.arange(8), 10, ONE_RANK)
    before = {name: tensor.clone() for name, tensor in trainer.discriminator.state_dict().items()}
    seen = []
    trainer.discriminator.blocks[0].conv1.register_forward_hook(lambda *given: seen.append(given[2].dtype))
    rate = bfloat16_rate(trainer, 8)
    assert rate is not None
    assert rate > 0
    assert seen[:4] == [torch.float32, torch.bfloat16] * 2
    for name, tensor in trainer.discriminator.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert all(parameter.grad is None for parameter in trainer.discriminator.parameters())


def test_the_faster_precision_is_said(estimate: Estimate) -> None:
    said = [dataclasses.replace(estimate, bfloat16_rate=rate).to_text() for rate in (1.62, 1.05, 0.4, None)]
    assert "precision       bf16 is about 1.6 times as fast as float32 here\n" in said[0]
    assert "precision       float32 and bf16 are as fast as each other here\n" in said[1]
    assert "precision       float32 is about 2.5 times as fast as bf16 here\n" in said[2]
    assert "precision" not in said[3]
    assert estimate.bfloat16_rate is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"training.batch_size": 1, "training.generator_batch_size": None},
        {"training.batch_size": 3, "training.generator_batch_size": 1},
        {"training.batch_size": 64, "training.generator_batch_size": 1},
        {"training.batch_size": 64, "training.generator_batch_size": 2, "training.discriminator_updates": 1},
        {"generator.condition": None, "discriminator.condition": "unconditional"},
        {"training.precision": "bf16"},
        {"data.random_crop": 0.9, "data.horizontal_flip": True},
    ],
)
def test_odd_settings_can_be_estimated(changes: dict[str, Any]) -> None:
    found = probe(small_config(changes), ONE_RANK)
    assert found.seconds_per_step > 0
    assert found.memory_bytes > 0


def test_a_small_batch_of_the_generator_is_not_estimated_by_a_large_one() -> None:
    # A generator's update on 1 image must not be taken for one on twice the discriminator's batch.
    images: list[int] = []
    draw = Fakes.draw
    with pytest.MonkeyPatch.context() as patch:

        def noting(trainer: Trainer, stream: str, position: int, count: int) -> Any:
            images.append(count)
            return draw(trainer, stream, position, count)

        patch.setattr(Fakes, "draw", noting)
        probe(small_config({"training.batch_size": 64, "training.generator_batch_size": 1}), ONE_RANK)
    assert set(images) == {1, 8}


def test_the_measured_step_is_a_step_of_the_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    advance = Trainer.advance

    def counting(trainer: Trainer) -> None:
        advance(trainer)
        steps.append(trainer.step)

    monkeypatch.setattr(Trainer, "advance", counting)
    probe(small_config(), ONE_RANK)
    assert steps == list(range(1, len(steps) + 1))
    assert 2 <= len(steps) <= 6


def test_random_state_of_the_caller_is_left_alone_or_irrelevant() -> None:
    one = probe(small_config(), ONE_RANK)
    torch.manual_seed(5)
    other = probe(small_config(), ONE_RANK)
    assert one.memory_bytes == other.memory_bytes


def test_text_says_each_number_once(estimate: Estimate) -> None:
    lines = dataclasses.replace(estimate, hours=0.5, seconds_per_step=0.123).to_text().splitlines()
    assert lines[0].endswith("digits: 1,797 images of 10 classes")
    assert lines[1].endswith(f"{estimate.generator_parameters:,} parameters")
    assert "30 min in all" in lines[4]
    assert "0.123 s a step" in lines[4]
    for hours, words in ((1e-6, "0.0036 s in all"), (3.5, "3 h 30 min in all"), (72, "3 d in all")):
        assert words in dataclasses.replace(estimate, hours=hours).to_text()


def test_a_large_run_of_the_paper_is_estimated_without_its_data(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="name no images"):
        probe(load_config("cifar10"), ONE_RANK)


def test_a_dry_run_refuses_what_training_would(tmp_path: Path) -> None:
    demo = load_config("demo")
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "cat" / "0.png")
    one_class = demo.model_copy(update={"data": demo.data.model_copy(update={"source": str(tmp_path)})})
    with pytest.raises(UserError, match="one class only"):
        probe(one_class, Ranks(0, 1, torch.device("cpu")))
    (tmp_path / "dog").mkdir()
    with pytest.raises(UserError, match="dog"):
        probe(one_class, Ranks(0, 1, torch.device("cpu")))
    odd = demo.model_copy(update={"training": demo.training.model_copy(update={"batch_size": 7})})
    with pytest.raises(UserError, match=r"training\.batch_size is 7, which 2 processes"):
        probe(odd, Ranks(0, 2, torch.device("cpu")))
