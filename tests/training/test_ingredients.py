"""Augmentation, LeCam and two time scales in a run: formulas, resuming, ranks' shares, nothing when off."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from projgan.losses import ADVERSARIAL_LOSSES, ClassTerm, adversarial_objective
from projgan.networks.augmentation import CHANGES
from projgan.networks.condition_method import DiscriminatorOutput
from projgan.process.ranks import Ranks
from projgan.training.building import build_trainer
from projgan.training.lecam import Anchors, lecam_objective
from projgan.training.trainer import Trainer
from small_runs import assert_same_run, small_config, train_small

ALL: dict[str, Any] = {
    "discriminator.augmentation": ["colour", "translation", "cutout"],
    "loss.lecam_weight": 0.3,
    "optimizer.discriminator_learning_rate": 2e-3,
}


def output(*logits: float) -> DiscriminatorOutput:
    return DiscriminatorOutput(torch.tensor(logits), None, None)


def test_lecam_is_its_formula_over_two_updates() -> None:
    plain = adversarial_objective(ADVERSARIAL_LOSSES["hinge"], ClassTerm())
    anchors = Anchors(0.9, lambda values: values)
    objective = lecam_objective(plain, 0.5, anchors)
    labels = torch.tensor([0, 0])
    real, fake = output(0.5, 2.0), output(-0.5, 1.0)
    # the anchors are 0 at first: the hinge, and half the squares of what is beyond them
    assert objective.real(real, labels).tolist() == [0.5 + 0.125, 0 + 2.0]
    assert objective.fake(fake, labels).tolist() == [0.5 + 0.125, 2.0 + 0]
    assert anchors.real.item() == pytest.approx(0.1 * 1.25)
    assert anchors.fake.item() == pytest.approx(0.1 * 0.25)
    # real logits meet the generated ones' average, generated ones the real ones'
    again = objective.real(real, labels) - plain.real(real, labels)
    assert again.tolist() == pytest.approx([0.5 * (0.5 - 0.025) ** 2, 0.5 * (2 - 0.025) ** 2])
    again = objective.fake(fake, labels) - plain.fake(fake, labels)
    assert again.tolist() == pytest.approx([0.5 * (0.125 + 0.5) ** 2, 0])
    assert objective.generator is plain.generator


def test_anchors_are_no_part_of_the_gradient() -> None:
    plain = adversarial_objective(ADVERSARIAL_LOSSES["hinge"], ClassTerm())
    objective = lecam_objective(plain, 1.0, Anchors(0.5, lambda values: values))
    logits = torch.tensor([3.0, -3.0], requires_grad=True)
    given = DiscriminatorOutput(logits, None, None)
    for _ in range(2):
        value = objective.real(given, logits).sum() + objective.fake(given, logits).sum()
    (gradient,) = torch.autograd.grad(value, logits)
    # anchors are 0: 2f, at 3 as a real one and at -3 as a generated one; the hinge gives 1 and -1
    assert gradient.tolist() == [2 * 3 + 1, 2 * -3 - 1]


def trainer_of(changes: dict[str, Any], ranks: Ranks | None = None) -> Trainer:
    images = torch.randint(0, 256, (40, 1, 8, 8), generator=torch.Generator().manual_seed(1))
    ranks = ranks or Ranks(0, 1, torch.device("cpu"))
    return build_trainer(small_config(changes), images.to(torch.uint8), torch.arange(40) % 10, 10, ranks)


def test_each_network_has_its_learning_rate_and_both_decay() -> None:
    trainer = trainer_of({"optimizer.discriminator_learning_rate": 2e-3})
    trainer.step = 14  # the decay runs from step 4 to step 24
    trainer.advance()
    rates = [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers]
    assert rates == pytest.approx([5e-4 / 2, 2e-3 / 2])
    assert trainer.learning_rate == pytest.approx(5e-4 / 2)
    same = trainer_of({})
    same.advance()
    assert [optimizer.param_groups[0]["lr"] for optimizer in same.optimizers] == [5e-4, 5e-4]


def weights(trainer: Trainer) -> list[Tensor]:
    return [*trainer.generator.parameters(), *trainer.discriminator.parameters()]


def test_an_empty_list_of_changes_is_none() -> None:
    one, other = trainer_of({"discriminator.augmentation": []}), trainer_of({})
    one.advance(), other.advance()
    assert all(map(torch.equal, weights(one), weights(other)))


def test_strength_zero_trains_as_no_augmentation_does() -> None:
    off = {"discriminator.augmentation": ["translation", "cutout"], "discriminator.augmentation_strength": 0}
    one, other = trainer_of(off), trainer_of({})
    changed = trainer_of({"discriminator.augmentation": ["translation", "cutout"]})
    for trainer in (one, other, changed):
        for _ in range(2):
            trainer.advance()
    assert all(map(torch.equal, weights(one), weights(other)))
    assert not all(map(torch.equal, weights(changed), weights(other)))


def test_every_update_draws_anew_and_ranks_share_the_draws() -> None:
    whole = trainer_of(ALL)
    draws = sum(change.draws for change in CHANGES.values())
    seen = []
    for position in range(2):
        seen.append(whole.parts.fakes.draw_changes("discriminator", position, [8, 8]))
        assert seen[-1].shape == (16, draws)
    assert len(torch.cat(seen).unique()) == 32 * draws  # no number twice: real and generated are apart
    halves = []
    for rank in range(2):
        fakes = dataclasses.replace(whole.parts.fakes, ranks=Ranks(rank, 2, torch.device("cpu")))
        halves.append(fakes.draw_changes("discriminator", 0, [8, 8]))
    real, fake = (torch.cat([half[part] for half in halves]) for part in (slice(4), slice(4, 8)))
    assert torch.equal(torch.cat([real, fake]), seen[0])


def test_a_run_with_all_of_them_resumes_to_the_bit(tmp_path: Path) -> None:
    short = {"training.steps": 8, "training.checkpoint_every": 4}
    train_small(tmp_path / "whole", ALL | short)
    train_small(tmp_path / "parts", ALL | short | {"training.steps": 4})
    train_small(tmp_path / "parts", ALL | short)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    trainer = trainer_of(ALL)
    trainer.advance()
    assert trainer.anchors is not None
    assert trainer.state_dict()["anchors"]["real"] == trainer.anchors.real != 0
