"""Every method that classifies trains, resumes and leaves a generator to sample from."""

from pathlib import Path

import pytest
import torch

from projgan.generation.sampling import sample
from projgan.networks.conditions import CONDITIONS
from projgan.storage.network_file import load_discriminator, load_generator
from small_runs import assert_same_run, read_rows, train_small

CLASSIFIERS = ["tac-gan", "adc-gan", "d2d-ce", "multi-hinge"]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_run_resumed_equals_one_that_was_not(name: str, tmp_path: Path) -> None:
    changes = {"discriminator.condition": name, "discriminator.embedding_size": 16, "loss.class_weight": 0.5}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_small(whole, changes | {"training.steps": 6})
    train_small(parts, changes | {"training.steps": 3})
    train_small(parts, changes | {"training.steps": 6})
    assert_same_run(whole, parts)
    assert all(row["loss_discriminator"] > 0 for row in read_rows(whole))
    generator, _ = load_generator(whole / "generator.safetensors")
    images = torch.cat(list(sample(generator, [0, 0], torch.tensor([3, 8]))))
    assert not torch.equal(images[0], images[1])
    discriminator, _ = load_discriminator(whole / "discriminator.safetensors")
    assert isinstance(discriminator.condition, CONDITIONS[name])
