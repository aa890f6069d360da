"""Checkpoints that are damaged, foreign or hostile, and runs that must not write one."""

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from projgan.errors import UserError
from projgan.listening import Progress
from projgan.storage.checkpoints import FORMAT, checkpoint_path, checkpoint_steps, load_checkpoint
from projgan.training.run import train
from projgan.training.trainer import Trainer
from small_runs import (
    ONE_RANK,
    assert_no_leftovers,
    assert_same_run,
    files_of,
    last_checkpoint,
    small_config,
    train_small,
)


@pytest.fixture
def stopped(uninterrupted: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, with checkpoints of steps 15 and 20."""
    return Path(shutil.copytree(uninterrupted, tmp_path / "stopped"))


def newest(run_dir: Path) -> Path:
    return run_dir / "checkpoints" / "step-00000020.pt"


def refusal(run_dir: Path, changes: dict[str, Any] | None = None) -> str:
    """The one line with which training in a run is refused, having changed no file."""
    before = files_of(run_dir)
    with pytest.raises(UserError) as caught:
        train_small(run_dir, changes)
    assert files_of(run_dir) == before
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("size", [0, 1, 3, 100, 50_000, -1])
def test_a_truncated_checkpoint_is_refused_and_the_one_before_it_named(stopped: Path, size: int) -> None:
    content = newest(stopped).read_bytes()
    newest(stopped).write_bytes(content[:size])
    message = refusal(stopped)
    assert "step-00000020.pt" in message
    assert "remove it to resume from step-00000015.pt" in message


def test_following_the_remedy_resumes(uninterrupted: Path, stopped: Path) -> None:
    newest(stopped).write_bytes(b"")
    refusal(stopped)
    newest(stopped).unlink()
    train_small(stopped)
    assert_same_run(uninterrupted, stopped)


def test_without_an_earlier_checkpoint_the_remedy_is_to_start_again(stopped: Path) -> None:
    (stopped / "checkpoints" / "step-00000015.pt").unlink()
    newest(stopped).write_bytes(b"PK\x03\x04 nothing")
    assert "choose another --run-dir, or remove it, the networks and the numbers to start" in refusal(stopped)


def test_random_damage_is_one_line_whatever_it_hits(stopped: Path) -> None:
    content = newest(stopped).read_bytes()
    draw = torch.Generator().manual_seed(0)
    refused: list[str] = []
    for _ in range(60):
        damaged = bytearray(content)
        # The archive's directory is at the end and the pickle near the start: half of the hits go there.
        where = torch.randint(0, 6000, (8,), generator=draw).tolist()
        for index, place in enumerate(where):
            damaged[-place if index % 2 else place] ^= 1 << (place % 8)
        newest(stopped).write_bytes(damaged)
        try:
            load_checkpoint(stopped / "checkpoints", 20)
        except UserError as error:
            refused.append(str(error))
    assert len(refused) > 30
    assert all(len(message.splitlines()) == 1 for message in refused)


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("form", ["zip of torch", "plain pickle"])
@pytest.mark.filterwarnings("error")
def test_a_payload_in_a_checkpoint_does_not_run(stopped: Path, tmp_path: Path, form: str) -> None:
    proof = tmp_path / "the payload ran"
    state = last_checkpoint(stopped) | {"pending": Payload(proof)}
    if form == "zip of torch":
        torch.save(state, newest(stopped))
    else:
        newest(stopped).write_bytes(pickle.dumps(Payload(proof)))
    message = refusal(stopped)
    assert not proof.exists()
    assert "holds more than tensors and numbers, so it was not loaded" in message
    # The payload is a live one: whoever does load it runs it.
    torch.load(newest(stopped), weights_only=False) if form == "zip of torch" else pickle.loads(
        newest(stopped).read_bytes()
    )
    assert proof.is_dir()


FOREIGN: dict[str, Any] = {
    "another format": lambda state: state | {"format": "projgan-checkpoint-999"},
    "no format": lambda state: {key: value for key, value in state.items() if key != "format"},
    "not a dictionary": lambda state: [1, 2, 3],
    "a tensor": lambda state: torch.zeros(3),
    "no optimiser": lambda state: {key: value for key, value in state.items() if "optimizer" not in key},
    "another step than its name": lambda state: state | {"step": 7},
    "a step that is no number": lambda state: state | {"step": "twenty"},
    "no average": lambda state: state | {"average": None},
    "losses of another form": lambda state: state | {"pending": torch.zeros(2, 3)},
    "a generator that is none": lambda state: state | {"generator": 5},
    "an optimiser that is none": lambda state: state | {"generator_optimizer": {"state": {}}},
    "moments of another shape": lambda state: (
        state | {"generator_optimizer": _with_other_moments(state["generator_optimizer"])}
    ),
    "other images": lambda state: state | {"data_fingerprint": "0" * 64},
}


def _with_other_moments(optimizer: dict[str, Any]) -> dict[str, Any]:
    moments = {key: dict(value, exp_avg=torch.zeros(2)) for key, value in optimizer["state"].items()}
    return optimizer | {"state": moments}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_checkpoint_is_refused(stopped: Path, kind: str) -> None:
    state = last_checkpoint(stopped)
    assert state["format"] == FORMAT
    torch.save(FOREIGN[kind](state), newest(stopped))
    # More steps than the checkpoint has, so that a bad state would be trained on.
    message = refusal(stopped, {"training.steps": 21})
    if kind == "other images":
        assert "was trained on other images" in message
    else:
        assert "step-00000020.pt" in message


def test_networks_of_other_shapes_are_refused_by_name(stopped: Path, tmp_path: Path) -> None:
    train_small(tmp_path / "wide", {"generator.width": 16, "training.steps": 1})
    shutil.copy(tmp_path / "wide" / "checkpoints" / "step-00000001.pt", newest(stopped))
    state = torch.load(newest(stopped), weights_only=True)
    torch.save(state | {"step": 20}, newest(stopped))
    message = refusal(stopped)
    assert "not a checkpoint of this training" in message
    assert "size mismatch" in message


def test_other_images_are_refused(stopped: Path, tmp_path: Path) -> None:
    images = tmp_path / "images.npz"
    _write_npz(images)
    message = refusal(stopped, {"data.source": str(images), "training.steps": 24})
    assert "was trained on other images than those of images here" in message


def test_the_same_images_elsewhere_are_the_same_run(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _write_npz(tmp_path / name / "images.npz")
    here = {"data.source": str(tmp_path / "a" / "images.npz"), "data.cache": tmp_path / "cache"}
    there = here | {"data.source": str(tmp_path / "b" / "images.npz")}
    train_small(tmp_path / "run", here | {"training.steps": 2})
    assert train_small(tmp_path / "run", there | {"training.steps": 3}).step == 3


def _write_npz(path: Path) -> None:
    import numpy as np

    images = np.arange(40 * 64, dtype=np.uint8).reshape(40, 8, 8)
    np.savez(path, images=images, labels=np.arange(40) % 4)


def test_a_step_past_the_end_is_refused(stopped: Path) -> None:
    message = refusal(stopped, {"training.steps": 12})
    assert "is at step 20, past the 12 steps in all that are asked for; ask for more" in message


def test_a_temporary_file_is_not_taken_for_a_checkpoint(uninterrupted: Path, stopped: Path) -> None:
    folder = stopped / "checkpoints"
    for name in (".step-00000030.pt.99.tmp", "step-00000030.pt.tmp", "step-30.pt", "step-00000030.pt~"):
        (folder / name).write_bytes(b"half a checkpoint")
    assert checkpoint_steps(folder) == [15, 20]
    (stopped / ".generator.safetensors.99.tmp").write_bytes(b"half a generator")
    train_small(stopped)
    assert_same_run(uninterrupted, stopped)
    assert not (folder / ".step-00000030.pt.99.tmp").exists()
    assert not (stopped / ".generator.safetensors.99.tmp").exists()


def test_steps_are_ordered_as_numbers(tmp_path: Path) -> None:
    for step in (99_999_999, 100_000_000, 5):
        checkpoint_path(tmp_path, step).touch()
    assert checkpoint_steps(tmp_path) == [5, 99_999_999, 100_000_000]
    assert checkpoint_steps(tmp_path / "absent") == []


def test_a_rate_that_diverges_stops_the_run_before_any_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^step \d+: a (loss|weight) is not finite") as caught:
        train_small(tmp_path, {"optimizer.learning_rate": 1e30})
    assert "no checkpoint had been written" in str(caught.value)
    assert list((tmp_path / "checkpoints").iterdir()) == []
    assert not (tmp_path / "generator.safetensors").exists()


def test_a_bad_loss_names_its_step_and_the_last_good_checkpoint(
    uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Trainer.advance

    def poisoned(trainer: Trainer) -> None:
        if trainer.step == 12:
            next(trainer.discriminator.parameters()).data.fill_(float("nan"))
        advance(trainer)

    monkeypatch.setattr(Trainer, "advance", poisoned)
    with pytest.raises(UserError) as caught:
        train_small(tmp_path)
    assert str(caught.value).startswith("step 13: a loss is not finite (generator nan, discriminator nan); ")
    assert f"the last good checkpoint is {tmp_path / 'checkpoints' / 'step-00000010.pt'}" in str(caught.value)
    assert checkpoint_steps(tmp_path / "checkpoints") == [5, 10]
    assert len(str(caught.value).splitlines()) == 1
    monkeypatch.undo()
    train_small(tmp_path)
    assert_same_run(uninterrupted, tmp_path)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_a_weight_broken_by_the_last_update_is_not_checkpointed(tmp_path: Path, network: str) -> None:
    # The losses of step 10 are those before its updates: they are fine.
    def poison(progress: Progress) -> None:
        if progress.step == 10:
            list(getattr(trainers[0], network).parameters())[-1].data[0] = float("inf")

    trainers: list[Trainer] = []
    started = Trainer.load_state_dict, Trainer.__init__

    def noting(trainer: Trainer, *arguments: Any) -> None:
        started[1](trainer, *arguments)
        trainers.append(trainer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "__init__", noting)
        with pytest.raises(UserError, match="step 10: a weight is not finite; the last good checkpoint"):
            train_small(tmp_path, {"training.keep_checkpoints": 1}, stepped=poison)
    assert checkpoint_steps(tmp_path / "checkpoints") == [5]


@pytest.mark.parametrize("when", ["the first checkpoint", "a later one"])
def test_a_full_disk_is_one_line_and_what_was_there_stays(
    uninterrupted: Path, tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 0 if when == "the first checkpoint" else 2
    fsync = os.fsync

    def full(descriptor: int) -> None:
        nonlocal room
        if os.fstat(descriptor).st_size > 100_000:
            room -= 1
            if room < 0:
                raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError) as caught:
        train_small(tmp_path)
    message = str(caught.value)
    assert "cannot be written (No space left on device); what was there before is untouched" in message
    assert checkpoint_steps(tmp_path / "checkpoints") == ([] if when == "the first checkpoint" else [5, 10])
    assert_no_leftovers(tmp_path)
    monkeypatch.undo()
    train_small(tmp_path)
    assert_same_run(uninterrupted, tmp_path)


def test_training_takes_the_configuration_it_is_given(tmp_path: Path) -> None:
    # The library's own door, without a listener.
    result = train(small_config({"training.steps": 1}), tmp_path / "deep" / "run", ONE_RANK)
    assert result.path == tmp_path / "deep" / "run" / "generator.safetensors"
    assert result.path.is_file()
