"""A generator of a run's checkpoint is used wherever its file is."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import projgan
from projgan.cli import run_command
from projgan.errors import UserError
from projgan.storage.checkpoints import checkpoint_path, checkpoint_steps
from projgan.storage.network_file import load_generator, weights_sha256
from small_runs import train_small


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 steps that keeps its checkpoints, averaged; not to be written to."""
    folder = tmp_path_factory.mktemp("kept") / "run"
    train_small(folder, {"training.ema_decay": 0.9, "training.keep_checkpoints": 9})
    return folder


def test_the_last_checkpoint_is_the_generator_s_file_and_an_earlier_one_another(run: Path) -> None:
    folder = run / "checkpoints"
    steps = checkpoint_steps(folder)
    ours = [projgan.load(checkpoint_path(folder, step)) for step in steps]
    of_file = load_generator(run / "generator.safetensors")[0]
    assert weights_sha256(ours[-1].generator) == weights_sha256(of_file)
    assert len({weights_sha256(gan.generator) for gan in ours}) == len(steps) > 1
    assert [gan.description.provenance.step for gan in ours] == steps
    assert ours[0].sample("0", count=1, seed=3)[0].tobytes() != ours[-1].sample("0", seed=3)[0].tobytes()


def test_commands_take_one(run: Path, tmp_path: Path) -> None:
    last = checkpoint_path(run / "checkpoints", 20)
    for source, name in ((last, "a"), (run, "b")):
        words = [
            "--classes",
            "0",
            "1",
            "--rows",
            "1",
            "--columns",
            "3",
            "--out",
            str(tmp_path / f"{name}.png"),
        ]
        assert run_command(["morph", str(source), *words]) == 0
        assert run_command(["sample", str(source), "--class", "0", "--out", str(tmp_path / name)]) == 0
    one, other = (sorted((tmp_path / name).rglob("*.png")) for name in "ab")
    assert one
    for mine, theirs in zip(one, other, strict=True):
        assert Image.open(mine).tobytes() == Image.open(theirs).tobytes()


def test_what_is_no_checkpoint_in_a_run_or_has_no_statistics_is_one_line(run: Path, tmp_path: Path) -> None:
    last = checkpoint_path(run / "checkpoints", 20)
    shutil.copy(last, tmp_path / "elsewhere.pt")
    with pytest.raises(UserError, match=r"elsewhere\.pt: no checkpoint in its run directory"):
        projgan.load(tmp_path / "elsewhere.pt")
    shutil.copytree(run, tmp_path / "run")
    stopped = checkpoint_path(tmp_path / "run" / "checkpoints", 20)
    torch.save(torch.load(last, weights_only=True) | {"average_is_measured": False}, stopped)
    with pytest.raises(UserError, match="no batch norm statistics of its own"):
        projgan.load(stopped)
    (tmp_path / "run" / "generator.safetensors").unlink()
    with pytest.raises(UserError, match=r"generator\.safetensors: no such file"):
        projgan.load(stopped)


def test_it_lies_in_memory_as_that_of_a_file_does(run: Path) -> None:
    """Otherwise another algorithm of the convolutions may round otherwise."""
    of_file = load_generator(run / "generator.safetensors")[0].state_dict()
    of_checkpoint = projgan.load(checkpoint_path(run / "checkpoints", 20)).generator.state_dict()
    strides = {name: tensor.stride() for name, tensor in of_file.items()}
    assert {name: tensor.stride() for name, tensor in of_checkpoint.items()} == strides
