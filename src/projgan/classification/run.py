"""From labelled images to a classifier file: what is special in its training, and the held-out count."""

from pathlib import Path
from typing import Any

import torch

from projgan.classification.held_out import LabelledParts
from projgan.classification.settings import ClassifierSettings
from projgan.classification.trainer import ClassifierTrainer
from projgan.classification.training import predict
from projgan.listening import Listener
from projgan.storage.checkpoints import CheckpointFile
from projgan.storage.network_description import Accuracy, NetworkDescription, Provenance, versions
from projgan.storage.network_file import load_classifier, save_network
from projgan.storage.origin import refuse_other_origin
from projgan.training_loop import TrainingLoop, TrainingResult, every_seconds, one_process

CHECKPOINT = "projgan-classifier-checkpoint-1"
_NOT_SAID_BEFORE = {"fit": "crop"}
"""Settings that older files do not have, as they were then."""


def checkpoint_beside(path: Path) -> Path:
    """Where the training of the classifier at `path` is kept while it lasts."""
    return path.with_name(f"{path.name}.checkpoint")


def train_to_file(
    settings: ClassifierSettings,
    parts: LabelledParts,
    path: Path,
    device: torch.device | str,
    listener: Listener | None = None,
) -> TrainingResult:
    """Train a classifier, from its checkpoint where there is one, and write it to one file.

    A file that these settings and images have already made is returned as it is. SIGTERM and Ctrl-C end the
    training after the current step, with a checkpoint.

    Raises:
        UserError: the file or its checkpoint is of other settings or images, or a loss is not finite.
    """
    listener = listener or Listener()
    checkpoint = CheckpointFile(checkpoint_beside(path), CHECKPOINT)
    made_from = settings.model_dump() | {"data_fingerprint": parts.fingerprint}
    if path.exists():
        finished = load_classifier(path)[1]
        refuse_other_origin(made_from, _origin_of(finished), path)
        checkpoint.discard()
        listener.said(f"{path} was trained with these settings before; nothing to do")
        return TrainingResult(path, finished.provenance.step, finished)
    trainer = ClassifierTrainer(settings, parts.images, parts.labels, len(parts.class_names), device)

    def count_after_epoch(stopping: bool) -> None:
        if trainer.step % trainer.steps_per_epoch == 0:
            loop.check_losses()
            trainer.accuracy = count_correct(trainer, parts)

    loop = TrainingLoop(
        trainer,
        checkpoint,
        name=path,
        origin={"settings": settings.model_dump(), "data_fingerprint": parts.fingerprint},
        refuse=lambda state, place: refuse_other_origin(made_from, _flat(state), place),
        is_due=every_seconds(),
        remedy="a lower --learning-rate may help",
        ranks=one_process(device),
        listener=listener,
        work=count_after_epoch,
    )
    loop.resume()
    interrupted_by = loop.run()
    if interrupted_by:
        return TrainingResult(path, trainer.step, None, interrupted_by)
    description = describe(trainer, parts)
    save_network(trainer.classifier, description, path)
    checkpoint.discard()
    return TrainingResult(path, trainer.step, description)


def count_correct(trainer: ClassifierTrainer, parts: LabelledParts) -> Accuracy:
    """Ask the classifier about every held-out image."""
    correct = int((predict(trainer.classifier, parts.test_images) == parts.test_labels).sum())
    return Accuracy(split=parts.test_split, correct=correct, count=len(parts.test_labels))


def describe(trainer: ClassifierTrainer, parts: LabelledParts) -> NetworkDescription:
    """Return what the classifier's file says of itself."""
    settings = trainer.settings
    return NetworkDescription(
        kind="classifier",
        network={
            "resolution": settings.resolution,
            "channels": settings.channels,
            "num_classes": len(parts.class_names),
            "width": settings.width,
        },
        class_names=parts.class_names,
        empty_classes=parts.empty,
        provenance=Provenance(
            data=parts.name,
            data_fingerprint=parts.fingerprint,
            step=trainer.step,
            images_seen=trainer.images_seen,
            averaged=False,
            settings=settings.model_dump(),
            versions=versions(),
        ),
        accuracy=trainer.accuracy or count_correct(trainer, parts),
    )


def _origin_of(description: NetworkDescription) -> dict[str, Any]:
    provenance = description.provenance
    return _NOT_SAID_BEFORE | provenance.settings | {"data_fingerprint": provenance.data_fingerprint}


def _flat(state: dict[str, Any]) -> dict[str, Any]:
    settings = state.get("settings")
    fingerprint = {"data_fingerprint": state.get("data_fingerprint")}
    return _NOT_SAID_BEFORE | settings | fingerprint if isinstance(settings, dict) else fingerprint
