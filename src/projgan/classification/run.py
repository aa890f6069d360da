"""From labelled images to a classifier file: the loop, its checkpoint, and the count on held-out images."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

import projgan
from projgan.classification.held_out import LabelledParts
from projgan.classification.settings import ClassifierSettings
from projgan.classification.trainer import ClassifierTrainer
from projgan.classification.training import predict
from projgan.errors import UserError
from projgan.process.interruption import Interruption
from projgan.storage.network_description import Accuracy, NetworkDescription, Provenance
from projgan.storage.network_file import load_classifier, save_network
from projgan.storage.state_file import load_state, restore, save_state

CHECKPOINT = "projgan-classifier-checkpoint-1"
CHECKPOINT_SECONDS = 30.0


@dataclass(frozen=True)
class ClassifierProgress:
    """How far a training is, after each step."""

    step: int
    steps: int
    images_seen: int
    epoch: int
    loss: Tensor
    """The last step's, a scalar on the device."""
    accuracy: Accuracy | None
    """On the held-out images after the last whole epoch; None in the first."""


@dataclass(frozen=True)
class ClassifierListener:
    """Where a training reports to; a library user may leave everything as it is."""

    started: Callable[[int, int, int], None] = lambda step, steps, images_per_step: None
    stepped: Callable[[ClassifierProgress], None] = lambda progress: None
    said: Callable[[str], None] = lambda message: None


@dataclass(frozen=True)
class ClassifierResult:
    """How a call of `train_to_file` ended."""

    path: Path
    step: int
    description: NetworkDescription | None
    """What the file says of itself; None where the training was interrupted."""
    interrupted_by: int | None
    """Number of the signal that ended it early, or None."""


def checkpoint_beside(path: Path) -> Path:
    """Where the training of the classifier at `path` is kept while it lasts."""
    return path.with_name(f"{path.name}.checkpoint")


def train_to_file(
    settings: ClassifierSettings,
    parts: LabelledParts,
    path: Path,
    device: torch.device,
    listener: ClassifierListener | None = None,
) -> ClassifierResult:
    """Train a classifier, from its checkpoint where there is one, and write it to one file.

    A file that these settings and images have already made is returned as it is. SIGTERM and Ctrl-C end the
    training after the current step, with a checkpoint.

    Raises:
        UserError: the file or its checkpoint is of other settings or images, or a loss is not finite.
    """
    listener = listener or ClassifierListener()
    finished = _finished(settings, parts, path)
    if finished is not None:
        checkpoint_beside(path).unlink(missing_ok=True)
        listener.said(f"{path} was trained with these settings before; nothing to do")
        return ClassifierResult(path, finished.provenance.step, finished, None)
    trainer = ClassifierTrainer(settings, parts.images, parts.labels, len(parts.class_names), device)
    return _Training(trainer, parts, path, listener).run()


def count_correct(trainer: ClassifierTrainer, parts: LabelledParts) -> Accuracy:
    """Ask the classifier about every held-out image."""
    correct = int((predict(trainer.classifier, parts.test_images) == parts.test_labels).sum())
    return Accuracy(split=parts.test_split, correct=correct, count=len(parts.test_labels))


def _finished(settings: ClassifierSettings, parts: LabelledParts, path: Path) -> NetworkDescription | None:
    if not path.exists():
        return None
    description = load_classifier(path)[1]
    provenance = description.provenance
    _refuse_others(settings, parts, provenance.settings, provenance.data_fingerprint, path)
    return description


def _refuse_others(
    settings: ClassifierSettings, parts: LabelledParts, before: object, fingerprint: object, place: Path
) -> None:
    """Refuse to go on with, or to write over, what other settings or images have made."""
    if fingerprint != parts.fingerprint:
        raise UserError(
            f"{place} was trained on other images than those of {parts.name} here; choose another --out"
        )
    now = settings.model_dump()
    stored = before if isinstance(before, dict) else {}
    for key, value in now.items():
        if stored.get(key) != value:
            raise UserError(
                f"{place} was trained with {key} {stored.get(key)}, not {value}; choose another --out"
            )


class _Training:
    """The loop, in a fixed order: step, measure, report, checkpoint, done?"""

    def __init__(
        self, trainer: ClassifierTrainer, parts: LabelledParts, path: Path, listener: ClassifierListener
    ) -> None:
        self.trainer, self.parts, self.path, self.listener = trainer, parts, path, listener
        self.checkpoint = checkpoint_beside(path)
        self.accuracy: Accuracy | None = None

    def run(self) -> ClassifierResult:
        trainer, listener = self.trainer, self.listener
        self._resume()
        listener.started(trainer.step, trainer.steps, trainer.batch_size)
        saved = time.monotonic()
        with Interruption(
            lambda: listener.said("stopping after this step; again to stop at once")
        ) as interruption:
            while trainer.step < trainer.steps and not interruption.signal:
                loss = trainer.advance()
                if trainer.step % trainer.steps_per_epoch == 0:
                    self._measure(loss)
                listener.stepped(self._progress(loss))
                if interruption.signal or time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self._save(loss)
                    saved = time.monotonic()
        if trainer.step < trainer.steps:
            return ClassifierResult(self.path, trainer.step, None, interruption.signal)
        return self._finish()

    def _progress(self, loss: Tensor) -> ClassifierProgress:
        trainer = self.trainer
        return ClassifierProgress(
            trainer.step, trainer.steps, trainer.images_seen, trainer.epoch, loss, self.accuracy
        )

    def _measure(self, loss: Tensor) -> None:
        self._refuse_not_finite(loss)
        self.accuracy = count_correct(self.trainer, self.parts)

    def _refuse_not_finite(self, loss: Tensor) -> None:
        if not loss.isfinite():
            raise UserError(
                f"step {self.trainer.step}: the loss is not finite; a lower --learning-rate may help"
            )

    def _save(self, loss: Tensor) -> None:
        self._refuse_not_finite(loss)
        state = self.trainer.state_dict() | {
            "settings": self.trainer.settings.model_dump(),
            "data_fingerprint": self.parts.fingerprint,
        }
        save_state(self.checkpoint, state, CHECKPOINT)

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        remedy = "remove it to start again, or choose another --out"
        state = load_state(self.checkpoint, CHECKPOINT, remedy)
        settings = self.trainer.settings
        _refuse_others(
            settings, self.parts, state.get("settings"), state.get("data_fingerprint"), self.checkpoint
        )
        restore(self.trainer.load_state_dict, state, self.checkpoint, remedy)
        self.listener.said(f"resuming {self.path} at step {self.trainer.step} of {self.trainer.steps}")

    def _finish(self) -> ClassifierResult:
        trainer, parts = self.trainer, self.parts
        description = NetworkDescription(
            kind="classifier",
            network={
                "resolution": trainer.settings.resolution,
                "channels": trainer.settings.channels,
                "num_classes": len(parts.class_names),
                "width": trainer.settings.width,
            },
            class_names=parts.class_names,
            provenance=Provenance(
                data=parts.name,
                data_fingerprint=parts.fingerprint,
                step=trainer.step,
                images_seen=trainer.images_seen,
                averaged=False,
                settings=trainer.settings.model_dump(),
                versions={"projgan": projgan.__version__, "torch": torch.__version__},
            ),
            accuracy=self.accuracy or count_correct(trainer, parts),
        )
        save_network(trainer.classifier, description, self.path)
        self.checkpoint.unlink(missing_ok=True)
        return ClassifierResult(self.path, trainer.step, description, None)
