"""Starting from trained weights: what is taken, by hand."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from projgan.cli import run_command
from projgan.errors import UserError
from projgan.storage.checkpoints import checkpoint_path, checkpoint_steps, load_checkpoint
from projgan.storage.run_directory import RunDirectory
from projgan.training.starting import class_rows, take
from small_runs import small_config, train_small


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of three classes, two of which have the names of digits."""
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("colours")
    for name, level in (("3", 40), ("8", 120), ("blob", 220)):
        (folder / name).mkdir()
        for index in range(4):
            Image.fromarray(np.full((8, 8), level + index, np.uint8)).save(folder / name / f"{index}.png")
    return folder


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "generator.safetensors")


def test_rows_of_classes_are_found_by_one_class_more() -> None:
    generator, discriminator = class_rows(small_config(), 10)
    assert generator == {
        f"blocks.{block}.norm{norm}.{part}"
        for block in (0, 1)
        for norm in (1, 2)
        for part in ("gain", "bias")
    }
    assert discriminator == {"condition.embedding.weight", "condition.embedding.u"}
    # A tensor whose size happens to be the number of classes is none of them: the networks are 8 wide.
    assert class_rows(small_config(), 8) == (generator, discriminator)


def test_what_fits_is_taken_rows_by_name_and_the_rest_is_named() -> None:
    network = torch.nn.Module()
    network.register_buffer("same", torch.zeros(2))
    network.register_buffer("rows", torch.zeros(3, 2))
    network.register_buffer("other", torch.zeros(4))
    network.register_buffer("new", torch.zeros(1))
    source = {
        "same": torch.tensor([1.0, 2.0]),
        "rows": torch.tensor([[1.0, 1.0], [3.0, 5.0]]),
        "other": torch.ones(5),
    }
    taken = take(network, ["dog", "emu", "cat"], source, ["cat", "dog"], {"rows"}, "generator")
    assert network.same.tolist() == [1, 2]
    assert network.rows.tolist() == [[3, 5], [2, 3], [1, 1]]  # emu: the mean of both
    assert network.other.tolist() == [0, 0, 0, 0]
    assert (taken.tensors, taken.of) == (2, 4)
    assert taken.to_text() == "generator: 2 of 4 tensors taken, not other (5 there, 4 here); new (not there)"


def test_every_class_starts_from_a_generator_without_classes() -> None:
    network = torch.nn.Module()
    network.register_buffer("gain", torch.zeros(3, 2))
    take(network, ["a", "b", "c"], {"gain": torch.tensor([1.0, 2.0])}, [], {"gain"}, "generator")
    assert network.gain.tolist() == [[1, 2]] * 3


def test_a_run_begins_at_the_weights_of_another(uninterrupted: Path, colours: Path, tmp_path: Path) -> None:
    said: list[str] = []
    run = tmp_path / "run"
    changes = {
        "data.source": str(colours),
        "data.cache": str(tmp_path / "cache"),
        "training.start_from": str(uninterrupted),
        "training.steps": 1,
        "optimizer.learning_rate": 1e-12,  # nothing moves
        "training.batch_size": 4,
        "training.generator_batch_size": 4,
    }
    train_small(run, changes, said=said.append)
    assert f"starting from {uninterrupted}" in said[1]
    assert "it knows 2 of 3 classes, new: blob" in said[1]
    assert any(line.startswith("generator: ") and ", not" not in line for line in said)
    source = load_file(uninterrupted / "generator.safetensors")
    state = load_checkpoint(RunDirectory(run).checkpoints, 1)
    found = state["generator"]
    close = {"rtol": 0, "atol": 1e-6}
    torch.testing.assert_close(found["conv.weight"], source["conv.weight"], **close)
    gain, ours = source["blocks.0.norm1.gain"], found["blocks.0.norm1.gain"]
    torch.testing.assert_close(ours, torch.stack([gain[3], gain[8], gain.mean(dim=0)]), **close)
    judge = load_file(uninterrupted / "discriminator.safetensors")
    torch.testing.assert_close(
        state["discriminator"]["condition.marginal.weight"], judge["condition.marginal.weight"], **close
    )
    torch.testing.assert_close(state["average"]["conv.weight"], source["conv.weight"], **close)


def test_a_checkpoint_gives_its_discriminator_too(uninterrupted: Path, tmp_path: Path) -> None:
    """Those of its own step, not of the file that the run has left since."""
    steps = checkpoint_steps(uninterrupted / "checkpoints")
    earlier = checkpoint_path(uninterrupted / "checkpoints", steps[0])
    state = load_checkpoint(uninterrupted / "checkpoints", steps[0])
    still = {"training.steps": 1, "optimizer.learning_rate": 1e-12}  # nothing moves
    said: list[str] = []
    train_small(tmp_path / "run", still | {"training.start_from": str(earlier)}, said=said.append)
    assert [line.partition(":")[0] for line in said if " tensors taken" in line] == [
        "generator",
        "discriminator",
    ]
    assert not any("at random" in line or ", not" in line for line in said)
    found = load_checkpoint(tmp_path / "run" / "checkpoints", 1)
    close = {"rtol": 0, "atol": 1e-6}
    for name in ("condition.marginal.weight", "condition.embedding.weight"):
        torch.testing.assert_close(found["discriminator"][name], state["discriminator"][name], **close)
        assert not found["discriminator"][name].equal(
            load_file(uninterrupted / "discriminator.safetensors")[name]
        )
    torch.testing.assert_close(found["generator"]["conv.weight"], state["average"]["conv.weight"], **close)


def test_a_checkpoint_of_another_discriminator_is_one_line(uninterrupted: Path, tmp_path: Path) -> None:
    run = tmp_path / "other"
    shutil.copytree(uninterrupted, run)
    step = checkpoint_steps(run / "checkpoints")[-1]
    path = checkpoint_path(run / "checkpoints", step)
    state = torch.load(path, weights_only=True)
    state["discriminator"].pop("condition.marginal.weight")
    torch.save(state, path)
    with pytest.raises(UserError, match=r"not a checkpoint of this training .*; give another checkpoint"):
        train_small(tmp_path / "run", {"training.start_from": str(path)})


def test_resuming_does_not_start_again(uninterrupted: Path, tmp_path: Path) -> None:
    changes = {"training.start_from": str(uninterrupted), "training.steps": 5}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_small(whole, changes)
    train_small(parts, changes | {"training.steps": 3})
    said: list[str] = []
    train_small(parts, changes, said=said.append)
    assert not any("starting from" in line for line in said)
    assert (
        load_file(whole / "generator.safetensors").keys() == load_file(parts / "generator.safetensors").keys()
    )
    for name, tensor in load_file(whole / "generator.safetensors").items():
        torch.testing.assert_close(load_file(parts / "generator.safetensors")[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training.start_from": "no-such-thing"}, "no-such-thing"),
        ({"training.start_from": "cifar10"}, "has little in common with this run's"),
    ],
)
def test_what_cannot_be_started_from_is_one_line(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        train_small(tmp_path / "run", changes)
    assert not RunDirectory(tmp_path / "run").config.exists()


def test_the_command_takes_a_published_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "train",
        "demo",
        "--start-from",
        "digits",
        "--run-dir",
        str(tmp_path / "run"),
        "--training.steps",
        "1",
    ]
    assert run_command(words) == 0
    told = capsys.readouterr().err
    assert "it knows all 10 classes" in told
    assert "none lies beside that generator, so it starts at random" in told
