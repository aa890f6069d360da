"""Runs whose discriminator looks through the pretrained network."""

from pathlib import Path
from typing import Any

import pytest
import torch

from projgan.config import check_config
from projgan.errors import UserError
from projgan.inspection.inspection import inspect
from projgan.inspection.label_posterior import label_posterior_of
from projgan.lanes import logits_of
from projgan.measuring.subjects import sources_to_measure
from projgan.storage import pretrained
from projgan.storage.checkpoints import load_checkpoint
from projgan.storage.network_file import count_parameters, load_discriminator, load_generator
from projgan.storage.run_networks import build_networks
from projgan.training.building import build_trainer
from projgan.training.class_vectors import IMAGES_PER_CLASS, slopes, start_from_elsewhere
from small_runs import ONE_RANK, small_settings, train_small

PROJECTED: dict[str, Any] = {
    "discriminator.architecture": "projected",
    "discriminator.width": 16,
    "discriminator.input_size": 32,
    "discriminator.image_head": True,
    "training.steps": 4,
    "training.discriminator_updates": 1,
    "training.checkpoint_every": 2,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("projected") / "run"
    train_small(path, PROJECTED)
    return path


def test_slopes_by_hand() -> None:
    """Two classes of two images: the mean of the one less the mean of the other."""
    features = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0], [0.0, 7.0]])
    weights = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    torch.testing.assert_close(slopes(weights, features), torch.tensor([[2.0, -6.0], [-2.0, 6.0]]))
    line = torch.tensor([[-1.0], [0.0], [1.0]])
    torch.testing.assert_close(slopes(line, 3 * line + 2), torch.tensor([[3.0]]))


def test_classes_start_as_the_frozen_network_sees_them() -> None:
    """Images of two flat colours: vectors are opposite, and one without is zero."""
    config = check_config(small_settings(PROJECTED | {"data.channels": 3}), "here")
    _, discriminator = build_networks(config, 3)
    images = torch.zeros(300, 3, 8, 8, dtype=torch.uint8)
    labels = torch.arange(300) % 2
    images[labels == 1, 0] = 255
    start_from_elsewhere(config, discriminator, images, labels)
    classes = discriminator.condition.classes.detach()
    torch.testing.assert_close(classes[0], -classes[1], rtol=1e-4, atol=1e-5)
    assert classes[2].abs().max() == 0
    # 16 of 320 numbers are left by an orthogonal matrix: 20 in square length become 1.
    assert classes.square().sum(dim=1).mean().item() == pytest.approx(20, rel=1e-4)
    network = pretrained.load_imagenet()
    seen = torch.full((1, 3, 128, 128), -1.0)
    black = network.maps(seen)[-1].mean(dim=(2, 3))[0]
    seen[:, 0] = 255 / 128 - 1
    red = network.maps(seen)[-1].mean(dim=(2, 3))[0]
    expected = torch.nn.functional.normalize(red - black, dim=0)
    torch.testing.assert_close(
        torch.nn.functional.normalize(classes[1], dim=0), expected, rtol=1e-3, atol=1e-4
    )
    assert IMAGES_PER_CLASS < 150  # so that only a part was looked at


def test_checkpoints_hold_the_mixing_and_not_the_frozen_network(run: Path) -> None:
    state = load_checkpoint(run / "checkpoints", 4)
    names = state["discriminator"].keys()
    assert "mixing.across0" in names
    assert not any(name.startswith("network") for name in names)
    assert (run / "checkpoints" / "step-00000004.pt").stat().st_size < 6e6  # of which 3 are the mixing's
    assert "features: imagenet" in (run / "config.yaml").read_text()


def test_a_run_that_was_interrupted_ends_bit_identical(run: Path, tmp_path: Path) -> None:
    train_small(tmp_path / "run", PROJECTED | {"training.steps": 2})
    train_small(tmp_path / "run", PROJECTED)
    ours, theirs = (load_checkpoint(path / "checkpoints", 4) for path in (run, tmp_path / "run"))
    for part in ("generator", "discriminator"):
        for name, tensor in ours[part].items():
            assert torch.equal(tensor, theirs[part][name]), name


def test_its_file_brings_back_the_very_discriminator(run: Path) -> None:
    discriminator, description = load_discriminator(run / "discriminator.safetensors")
    assert description.kind == "projected discriminator"
    state = load_checkpoint(run / "checkpoints", 4)["discriminator"]
    assert all(torch.equal(tensor, state[name]) for name, tensor in discriminator.state_dict().items())
    output = discriminator(torch.zeros(2, 1, 8, 8), torch.tensor([0, 9]))
    assert output.logits.isfinite().all()
    assert count_parameters(run / "discriminator.safetensors") == sum(
        parameter.numel() for parameter in discriminator.parameters()
    )


def test_inspect_splits_it_and_learns_the_posterior(run: Path) -> None:
    discriminator, _ = load_discriminator(run / "discriminator.safetensors")
    generator, _ = load_generator(run / "generator.safetensors")
    images, labels = torch.randint(0, 256, (12, 1, 8, 8), dtype=torch.uint8), torch.arange(12) % 10
    found = inspect(discriminator, "projection", images, labels)
    logits = logits_of(discriminator, images, labels)
    assert found.class_scores is not None
    own = found.class_scores.gather(1, labels[:, None]).squeeze(1)
    torch.testing.assert_close(found.logits, logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.marginal + own, logits, rtol=1e-4, atol=1e-5)
    assert found.class_scores.std(dim=1).min() > 0
    posterior = label_posterior_of(generator, discriminator, 2)
    assert posterior.weight.shape == (10, 5 * 16)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discriminator.condition": "ac-gan"}, "meets a label by projection or not at all: choose"),
        (
            {"discriminator.condition": "hidden-concat", "discriminator.hidden_block": 1},
            "choose projection or",
        ),
        ({"discriminator.hidden_block": 1}, "discriminator.hidden_block is not for architecture projected"),
        ({"discriminator.input_size": 100}, "input_size"),
        ({"data.condition": "low-resolution"}, "start from a preset super-resolution"),
    ],
)
def test_what_it_cannot_take_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        check_config(small_settings(PROJECTED | changes), "here")
    assert "\n" not in str(caught.value)


def test_without_the_pretrained_network_no_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package")
    with pytest.raises(UserError, match="pip install"):
        train_small(tmp_path / "run", PROJECTED)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["vector", "multi-hot"])
def test_vectors_and_several_classes_have_slopes_too(kind: str) -> None:
    config = check_config(small_settings(PROJECTED | {"data.condition": kind}), "here")
    _, discriminator = build_networks(config, 2)
    conditions = torch.randn(40, 2) if kind == "vector" else (torch.rand(40, 2) < 0.5).float()
    start_from_elsewhere(
        config, discriminator, torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8), conditions
    )
    assert discriminator.condition.classes.square().sum(dim=1).min() > 0
    assert discriminator(torch.zeros(4, 1, 8, 8), conditions[:4]).logits.isfinite().all()


def test_its_teacher_is_named_wherever_it_is_measured(run: Path) -> None:
    for checkpoints in (False, True):
        sources = list(sources_to_measure(run, 1, checkpoints, None, torch.device("cpu")))
        assert {source.subject.teachers for source in sources} == {(pretrained.SHA256,)}
        assert len(sources) == (2 if checkpoints else 1)


def test_accelerated_or_plain_it_computes_the_same() -> None:
    images, labels = torch.randint(0, 256, (8, 1, 8, 8), dtype=torch.uint8), torch.arange(8) % 4
    losses = []
    for acceleration in ("auto", "none"):
        changes = PROJECTED | {"training.batch_size": 4, "training.acceleration": acceleration}
        trainer = build_trainer(check_config(small_settings(changes), "here"), images, labels, 4, ONE_RANK)
        trainer.advance()
        losses.append(trainer.pending[-1])
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-3, atol=1e-4)


def test_in_bfloat16_it_trains() -> None:
    images, labels = torch.randint(0, 256, (8, 1, 8, 8), dtype=torch.uint8), torch.arange(8) % 4
    changes = PROJECTED | {"training.batch_size": 4, "training.precision": "bf16"}
    trainer = build_trainer(check_config(small_settings(changes), "here"), images, labels, 4, ONE_RANK)
    trainer.advance()
    assert trainer.read_losses() is not None
    assert trainer.is_finite()
