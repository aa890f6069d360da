import copy
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from projgan.classification.settings import ClassifierSettings
from projgan.classification.trainer import ClassifierTrainer, triangle
from projgan.classification.training import class_logits, predict, train_classifier
from projgan.errors import UserError
from projgan.pictures.pixels import to_float


def trainer_of(images: torch.Tensor, labels: torch.Tensor, **settings: Any) -> ClassifierTrainer:
    shape = {"resolution": images.shape[2], "channels": images.shape[1], "width": 8}
    return ClassifierTrainer(ClassifierSettings(**(shape | settings)), images, labels, int(labels.max()) + 1)


def test_it_learns_what_can_be_told_apart_and_not_what_cannot() -> None:
    """Bright against dark is learnt fully; labels by a coin stay near one half on new images."""
    draws = torch.Generator().manual_seed(1)
    labels = torch.randint(2, (256,), generator=draws)
    dark_or_bright = 60 + 100 * labels[:, None, None, None]
    images = (dark_or_bright + torch.randint(0, 60, (256, 1, 8, 8), generator=draws)).to(torch.uint8)
    classifier = train_classifier(images[:192], labels[:192], 2, epochs=5)
    assert not classifier.training
    assert torch.equal(predict(classifier, images[192:]), labels[192:])
    whole = class_logits(classifier, images[192:])
    torch.testing.assert_close(class_logits(classifier, images[192:], batch_size=7), whole)

    coins = torch.randint(2, (256,), generator=draws)
    blind = train_classifier(images[:192], coins[:192], 2, epochs=2)
    right = (predict(blind, images[192:]) == coins[192:]).double().mean()
    assert 0.2 < right < 0.8


def test_training_is_a_function_of_its_seed() -> None:
    images, labels = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8), torch.arange(64) % 2
    states = []
    for seed in (0, 0, 1):
        torch.rand(3)  # the global stream must play no part
        states.append(train_classifier(images, labels, 2, epochs=1, batch_size=32, seed=seed).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["linear.weight"], states[2]["linear.weight"])


def test_a_training_in_memory_tells_how_far_it_is_on_the_device_asked_for() -> None:
    images, labels = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8), torch.arange(40) % 2
    told: list[tuple[int, int]] = []
    network = train_classifier(
        images,
        labels,
        2,
        width=8,
        epochs=2,
        batch_size=20,
        device=torch.device("cpu"),
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert not network.training


def test_logits_are_computed_without_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8), torch.arange(40) % 2
    classifier = trainer_of(images, labels).classifier
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    allowed: list[bool] = []
    classifier.register_forward_pre_hook(lambda *_: allowed.append(torch.backends.cudnn.allow_tf32))
    class_logits(classifier, images)
    assert allowed == [False]
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("setting", ["weight_decay", "learning_rate", "label_smoothing"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), -1.0])
def test_what_is_no_number_is_no_setting(setting: str, value: float) -> None:
    with pytest.raises(UserError, match=f"{setting.replace('_', '-')} is "):
        ClassifierSettings(resolution=8, channels=1, **{setting: value})


def test_the_learning_rate_is_a_triangle() -> None:
    shares = [triangle(step, 10) for step in range(10)]
    assert shares == pytest.approx([0.5, 1, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125])
    assert triangle(0, 1) == 1


def test_predictions_use_the_norms_of_evaluation_and_leave_the_mode() -> None:
    images, labels = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8), torch.arange(40) % 2
    classifier = trainer_of(images, labels).classifier.train()
    before = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    predict(classifier, images)
    assert classifier.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in classifier.state_dict().items())


def test_an_epoch_meets_every_image_once_with_its_label() -> None:
    images = torch.arange(24, dtype=torch.uint8)[:, None, None, None].expand(24, 1, 8, 8).contiguous()
    labels = torch.arange(24) * 7 % 5
    trainer = trainer_of(images, labels, batch_size=10, epochs=2)
    assert (trainer.steps_per_epoch, trainer.steps) == (2, 4)
    met = []
    for step in range(4):
        trainer.step = step
        batch, answers = trainer._batch()
        numbers = ((batch[:, 0, 0, 0] + 1) * 128).long()
        assert torch.equal(labels[numbers], answers)
        met.append(numbers)
    first, second = torch.cat(met[:2]), torch.cat(met[2:])
    assert len(first.unique()) == len(second.unique()) == 20
    assert not torch.equal(first, second)


def test_flipped_images_are_the_others_in_the_next_epoch() -> None:
    images = torch.randint(0, 256, (16, 1, 8, 8), dtype=torch.uint8)
    trainer = trainer_of(images, torch.arange(16) % 2, batch_size=16, flip=True)
    flipped = []
    for epoch in range(3):
        trainer.step = epoch
        batch, _ = trainer._batch()
        plain = to_float(images[trainer._order(epoch)])
        mirrored = torch.tensor([torch.equal(*pair) for pair in zip(batch, plain.flip(3), strict=True)])
        assert all(torch.equal(*pair) for pair in zip(batch[~mirrored], plain[~mirrored], strict=True))
        flipped.append(torch.zeros(16, dtype=torch.bool).scatter(0, trainer._order(epoch), mirrored))
    assert torch.equal(flipped[0], ~flipped[1])
    assert torch.equal(flipped[0], flipped[2])
    assert 0 < flipped[0].sum() < 16


def test_shifts_reach_every_offset_and_no_further() -> None:
    image = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    image[0, 0, 4, 4] = 255
    images = image.repeat(200, 1, 1, 1)
    trainer = trainer_of(images, torch.arange(200) % 2, batch_size=200, shift=1)
    batch, _ = trainer._batch()
    places = {tuple(place) for place in (batch[:, 0] > 0).nonzero()[:, 1:].tolist()}
    assert places == {(row, column) for row in (3, 4, 5) for column in (3, 4, 5)}


def test_one_update_is_that_of_adamw_on_the_smoothed_loss() -> None:
    images = torch.randint(0, 256, (16, 1, 8, 8), dtype=torch.uint8)
    labels = torch.arange(16) % 3
    options = {
        "batch_size": 16,
        "epochs": 10,
        "learning_rate": 0.02,
        "weight_decay": 0.1,
        "label_smoothing": 0.3,
    }
    trainer, twin = trainer_of(images, labels, **options), trainer_of(images, labels, **options)
    before = {name: value.detach().clone() for name, value in twin.classifier.named_parameters()}
    loss = trainer.advance()

    order = twin._order(0)
    targets = 0.7 * F.one_hot(labels[order], 3) + 0.3 / 3
    expected = (
        -(targets * twin.classifier.train()(to_float(images[order])).log_softmax(dim=1)).sum(dim=1).mean()
    )
    expected.backward()
    torch.testing.assert_close(loss[0], expected.detach())
    rate = 0.02 * 0.5  # the first of ten steps is half way up
    for name, value in twin.classifier.named_parameters():
        if name == "stem.weight":
            moved = before[name]
        else:
            kept = 1 - rate * (0.1 if value.ndim > 1 else 0.0)
            moved = before[name] * kept - rate * value.grad / (value.grad.abs() + 1e-8)
        torch.testing.assert_close(
            trainer.classifier.get_parameter(name).detach(), moved, rtol=1e-4, atol=1e-5, msg=name
        )
    assert math.isfinite(loss)


def test_batches_are_no_larger_than_the_data() -> None:
    images = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    trainer = trainer_of(images, torch.arange(5) % 2, batch_size=128, epochs=3)
    assert (trainer.batch_size, trainer.steps) == (5, 3)
    trainer.advance()
    assert (trainer.images_seen, trainer.epoch) == (5, 1)


@pytest.mark.parametrize("name", ["exp_avg", "exp_avg_sq"])
def test_moments_of_another_shape_are_refused_before_anything_is_written_to_them(name: str) -> None:
    """The fused kernel would write past their end."""
    trainer = trainer_of(torch.zeros(8, 1, 8, 8, dtype=torch.uint8), torch.arange(8) % 2, batch_size=4)
    trainer.advance()
    state = copy.deepcopy(trainer.state_dict())
    trainer.load_state_dict(state)
    state["optimizer"]["state"][1][name] = torch.zeros(1)
    with pytest.raises(ValueError, match=r"an optimiser with \(1,\) in place of \("):
        trainer.load_state_dict(state)
