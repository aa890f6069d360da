import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from projgan import training_loop
from projgan.classification.held_out import LabelledParts, load_parts
from projgan.classification.run import checkpoint_beside, count_correct, describe, train_to_file
from projgan.classification.settings import ClassifierSettings
from projgan.classification.trainer import ClassifierTrainer
from projgan.errors import UserError
from projgan.listening import Listener, Progress
from projgan.storage.network_file import load_classifier
from projgan.training_loop import TrainingResult
from small_runs import start

SETTINGS = ClassifierSettings(
    resolution=8, channels=1, width=8, epochs=2, batch_size=200, flip=True, shift=1, seed=3
)
CPU = torch.device("cpu")
STEPS = 16

KILLED = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))  # as this process does: MKL then takes no fewer
from projgan import training_loop
from projgan.classification import run
from projgan.listening import Listener
from projgan.classification.held_out import load_parts
from projgan.classification.settings import ClassifierSettings
from projgan.classification.trainer import ClassifierTrainer
settings = ClassifierSettings.model_validate_json(sys.argv[1])
parts = load_parts("digits", resolution=8, channels=1, seed=3, cache=None)
training_loop.CHECKPOINT_SECONDS = 0.0
def stepped(progress):
    if progress.step == 11:
        os.kill(os.getpid(), signal.SIGKILL)
run.train_to_file(settings, parts, Path(sys.argv[2]), "cpu", Listener(stepped=stepped))
"""


@pytest.fixture(scope="module")
def digits() -> LabelledParts:
    return load_parts("digits", resolution=8, channels=1, seed=3, cache=None)


@pytest.fixture(scope="module")
def uninterrupted(digits: LabelledParts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "c.safetensors"
    train_to_file(SETTINGS, digits, path, CPU)
    return path


def interrupted_at(step: int, digits: LabelledParts, path: Path) -> TrainingResult:
    """Train with a SIGTERM that comes in the middle of a step's report."""

    def stepped(progress: Progress) -> None:
        if progress.step == step:
            signal.raise_signal(signal.SIGTERM)

    return train_to_file(SETTINGS, digits, path, CPU, Listener(stepped=stepped))


def test_the_file_says_what_it_is_and_counts_what_it_gets_right(
    digits: LabelledParts, uninterrupted: Path
) -> None:
    classifier, words = load_classifier(uninterrupted)
    assert words.class_names == tuple("0123456789")
    assert words.network == {"resolution": 8, "channels": 1, "num_classes": 10, "width": 8}
    assert (words.provenance.data, words.provenance.data_fingerprint) == ("digits", digits.fingerprint)
    assert (words.provenance.step, words.provenance.images_seen) == (STEPS, STEPS * 200)
    assert words.provenance.settings == SETTINGS.model_dump()
    with torch.inference_mode():  # one image at a time, and pixels to numbers by hand
        answers = [
            classifier(image[None].double().div(128).sub(1).float()).argmax().item()
            for image in digits.test_images
        ]
    correct = sum(answer == label for answer, label in zip(answers, digits.test_labels.tolist(), strict=True))
    assert words.accuracy is not None
    assert words.accuracy.model_dump() == {"split": "held-out", "correct": correct, "count": 179}
    assert correct > 40  # chance is 18
    assert not checkpoint_beside(uninterrupted).exists()


def test_a_training_stopped_by_a_signal_ends_as_if_it_had_not_been(
    digits: LabelledParts, uninterrupted: Path, tmp_path: Path
) -> None:
    path = tmp_path / "c.safetensors"
    for step in (3, STEPS // 2, STEPS - 1):  # the second ends an epoch
        result = interrupted_at(step, digits, path)
        assert (result.step, result.interrupted_by, result.description) == (step, signal.SIGTERM, None)
        assert not path.exists()
        assert checkpoint_beside(path).exists()
    said: list[str] = []
    result = train_to_file(SETTINGS, digits, path, CPU, Listener(said=said.append))
    assert said == [f"resuming {path} at step {STEPS - 1} of {STEPS}"]
    assert result.description == load_classifier(path)[1]
    assert path.read_bytes() == uninterrupted.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_signal_in_the_last_step_loses_nothing(
    digits: LabelledParts, uninterrupted: Path, tmp_path: Path
) -> None:
    path = tmp_path / "c.safetensors"
    assert interrupted_at(STEPS, digits, path).interrupted_by is None
    assert path.read_bytes() == uninterrupted.read_bytes()


def test_a_training_killed_outright_resumes_bit_for_bit(
    digits: LabelledParts, uninterrupted: Path, tmp_path: Path
) -> None:
    path = tmp_path / "c.safetensors"
    process = start(["-c", KILLED, SETTINGS.model_dump_json(), str(path)])
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, err
    said: list[str] = []
    train_to_file(SETTINGS, digits, path, CPU, Listener(said=said.append))
    assert said == [f"resuming {path} at step 10 of {STEPS}"]
    assert path.read_bytes() == uninterrupted.read_bytes()


def test_a_checkpoint_is_written_as_time_goes_by(
    digits: LabelledParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert training_loop.CHECKPOINT_SECONDS <= 60
    monkeypatch.setattr(training_loop, "CHECKPOINT_SECONDS", 0.0)
    path = tmp_path / "c.safetensors"
    seen = []
    listener = Listener(stepped=lambda _: seen.append(checkpoint_beside(path).exists()))
    train_to_file(SETTINGS, digits, path, CPU, listener)
    assert seen == [False] + [True] * (STEPS - 1)


def test_what_is_finished_is_not_trained_again(digits: LabelledParts, uninterrupted: Path) -> None:
    before = uninterrupted.stat().st_mtime_ns
    checkpoint_beside(uninterrupted).write_bytes(b"left by a kill between two renames")
    said: list[str] = []
    result = train_to_file(SETTINGS, digits, uninterrupted, CPU, Listener(said=said.append))
    assert result.description == load_classifier(uninterrupted)[1]
    assert said == [f"{uninterrupted} was trained with these settings before; nothing to do"]
    assert uninterrupted.stat().st_mtime_ns == before
    assert not checkpoint_beside(uninterrupted).exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 3}, "was trained with epochs 2, not 3; choose another --out"),
        ({"flip": False}, "was trained with flip True, not False; choose another --out"),
        ({"seed": 4}, "was trained with seed 3, not 4; choose another --out"),
    ],
)
def test_nothing_of_other_settings_is_overwritten(
    digits: LabelledParts, uninterrupted: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    other = SETTINGS.model_copy(update=change)
    before = uninterrupted.read_bytes()
    with pytest.raises(UserError) as caught:
        train_to_file(other, digits, uninterrupted, CPU)
    assert str(caught.value) == f"{uninterrupted} {words}"
    assert uninterrupted.read_bytes() == before
    path = tmp_path / "c.safetensors"
    interrupted_at(2, digits, path)
    with pytest.raises(UserError) as caught:
        train_to_file(other, digits, path, CPU)
    assert str(caught.value) == f"{checkpoint_beside(path)} {words}"


def test_nothing_of_other_images_is_overwritten(digits: LabelledParts, uninterrupted: Path) -> None:
    others = LabelledParts(**(vars(digits) | {"fingerprint": "cd", "name": "letters"}))
    with pytest.raises(UserError, match="is of images other than given here"):
        train_to_file(SETTINGS, others, uninterrupted, CPU)


class Payload:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.mkdir, (self.mark,)  # type: ignore[return-value]


def test_a_hostile_checkpoint_is_refused_and_not_run(digits: LabelledParts, tmp_path: Path) -> None:
    path, mark = tmp_path / "c.safetensors", tmp_path / "it ran"
    torch.save({"classifier": Payload(mark)}, checkpoint_beside(path))
    with pytest.raises(UserError, match="holds more than tensors and numbers, so it was not loaded"):
        train_to_file(SETTINGS, digits, path, CPU)
    assert not mark.exists()
    checkpoint_beside(path).write_bytes(b"damaged")
    with pytest.raises(UserError, match="remove it to start again, or choose another --out"):
        train_to_file(SETTINGS, digits, path, CPU)


def test_a_loss_that_is_not_finite_is_one_line(digits: LabelledParts, tmp_path: Path) -> None:
    wild = SETTINGS.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(
        UserError,
        match="step 8: the loss is not finite; no checkpoint had been written; a lower --learning-rate",
    ):
        train_to_file(wild, digits, tmp_path / "c.safetensors", CPU)
    assert not list(tmp_path.iterdir())


def test_what_was_not_counted_yet_is_counted_for_the_file(digits: LabelledParts) -> None:
    """As of a training that was killed between its last checkpoint and its file."""
    trainer = ClassifierTrainer(SETTINGS, digits.images, digits.labels, 10, CPU)
    counted = count_correct(trainer, digits)
    assert describe(trainer, digits).accuracy == counted
    trainer.accuracy = counted.model_copy(update={"correct": 7})
    assert describe(trainer, digits).accuracy == trainer.accuracy
