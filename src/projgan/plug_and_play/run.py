"""From images and a classifier to a folder with a generator that inverts it: loop, checkpoint, resume."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from projgan.classification.held_out import LabelledParts
from projgan.errors import UserError
from projgan.files import make_folder
from projgan.listening import Count, Listener, told
from projgan.networks.classifier import Classifier
from projgan.networks.inverting_generator import InvertingGenerator
from projgan.pictures.pixels import to_float
from projgan.plug_and_play.settings import InverterSettings
from projgan.plug_and_play.trainer import InverterTrainer
from projgan.storage.checkpoints import CheckpointFile
from projgan.storage.classifiers import check_classifier
from projgan.storage.network_description import Inversion, NetworkDescription, Provenance, versions
from projgan.storage.network_file import (
    load_classifier,
    load_inverting_generator,
    save_network,
    weights_sha256,
)
from projgan.storage.origin import refuse_other_origin
from projgan.training_loop import TrainingLoop, TrainingResult, every_seconds, one_process

CHECKPOINT = "projgan-inverter-checkpoint-1"
LOOKED_AT = 5000
"""Images of whose features the largest is sought, or which are to come back, at most."""
AT_ONCE = 250


class InverterRun:
    """A folder with an inverting generator and the classifier it inverts; the same command resumes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.inverter = path / "inverter.safetensors"
        self.encoder = path / "encoder.safetensors"
        self.checkpoint = path / "checkpoint.pt"


def train_inverter(
    settings: InverterSettings,
    parts: LabelledParts,
    classifier: Path,
    run: InverterRun,
    device: torch.device | str = "cpu",
    listener: Listener | None = None,
) -> TrainingResult:
    """Train a generator that inverts a classifier's features, from its checkpoint where there is one.

    What these settings, images and classifier have already made is returned as it is. SIGTERM and Ctrl-C end
    the training after the current step, with a checkpoint.

    Raises:
        UserError: the folder holds a training of other settings, images or another classifier, or some other
            file in the classifier's place; the classifier is of other classes or gives all images the same
            features; or a loss is not finite.
    """
    listener = listener or Listener()
    encoder, words = load_classifier(classifier)
    check_classifier(classifier, words, parts.name, class_names=parts.class_names)
    made_by = _origin(settings, parts, encoder)
    checkpoint = CheckpointFile(run.checkpoint, CHECKPOINT)
    if run.inverter.exists():
        description = load_inverting_generator(run.inverter)[1]
        refuse_other_origin(made_by, _origin_of(description), run.inverter)
        checkpoint.discard()
        listener.said(f"{run.path} was trained with these settings before; nothing to do")
        return TrainingResult(run.path, description.provenance.step, description)
    if run.encoder.exists() and weights_sha256(load_classifier(run.encoder)[0]) != made_by["encoder_sha256"]:
        raise UserError(f"{run.encoder}: another classifier than {classifier}; choose another --out")
    trainer = InverterTrainer(settings, parts.images, encoder, device)
    make_folder(run.path)
    loop = TrainingLoop(
        trainer,
        checkpoint,
        name=run.path,
        origin={"made_by": made_by},
        refuse=lambda state, place: refuse_other_origin(made_by, state.get("made_by"), place),
        is_due=every_seconds(),
        remedy="a lower --learning-rate may help",
        ranks=one_process(device),
        listener=listener,
    )
    loop.resume()
    interrupted_by = loop.run()
    if interrupted_by:
        return TrainingResult(run.path, trainer.step, None, interrupted_by)
    description = describe(trainer, parts, words, made_by["encoder_sha256"], listener)
    save_network(encoder, words, run.encoder)
    save_network(trainer.inverter, description, run.inverter)
    checkpoint.discard()
    return TrainingResult(run.path, trainer.step, description)


def _origin(settings: InverterSettings, parts: LabelledParts, encoder: Classifier) -> dict[str, Any]:
    """Everything an inverter follows from, in plain values."""
    others = {"data_fingerprint": parts.fingerprint, "encoder_sha256": weights_sha256(encoder)}
    return settings.model_dump() | others


def _origin_of(description: NetworkDescription) -> dict[str, Any]:
    assert description.inversion is not None
    fingerprint = description.provenance.data_fingerprint
    others = {"data_fingerprint": fingerprint, "encoder_sha256": description.inversion.encoder_sha256}
    return description.provenance.settings | others


@torch.no_grad()
def largest_feature(encoder: Classifier, images: Tensor, progress: Count | None = None) -> float:
    """Return the largest feature of up to 5,000 of the uint8 images [N, C, R, R], spread over them."""
    return max(float(encoder.features(batch).max()) for batch in _batches(images, encoder, progress))


@torch.no_grad()
def feature_error(
    inverter: InvertingGenerator, encoder: Classifier, images: Tensor, progress: Count | None = None
) -> float:
    """How badly features come back: sum of |E(G(h)) - h|^2 over that of |h - mean of h|^2.

    Args:
        inverter: G, in evaluation mode.
        encoder: E.
        images: uint8 [N, C, R, R]; up to 5,000 are used, spread over them.
        progress: told of (images looked at, all).

    Returns:
        0 where all come back, 1 where the mean would do as well.

    Raises:
        UserError: all images have the same features.
    """
    found, wanted = [], []
    for batch in _batches(images, encoder, progress):
        features = encoder.features(batch)
        wanted.append(features.double())
        found.append(encoder.features(inverter(features)).double())
    features = torch.cat(wanted)
    missed = (torch.cat(found) - features).square().sum()
    spread = (features - features.mean(dim=0)).square().sum()
    if spread == 0:
        raise UserError("the classifier gives all images the same features; train it further, or wider")
    return float(missed / spread)


def _batches(images: Tensor, encoder: Classifier, progress: Count | None) -> Iterator[Tensor]:
    """Some of the images, one in so many: a folder is in the order of its classes."""
    some = images[:: max(1, -(-len(images) // LOOKED_AT))]
    for batch in told(some.split(AT_ONCE), len(some), progress, len):
        yield to_float(batch.to(encoder.linear.weight.device))


def describe(
    trainer: InverterTrainer,
    parts: LabelledParts,
    words: NetworkDescription,
    encoder_sha256: str,
    listener: Listener,
) -> NetworkDescription:
    """Return what the inverter's file says of itself, after measuring it; it is in evaluation mode then."""
    inverter, encoder = trainer.inverter.eval(), trainer.encoder
    progress = listener.counting("measuring images")
    return NetworkDescription(
        kind="feature inverter",
        network={
            "architecture": trainer.architecture,
            "channels": encoder.channels,
            "num_features": encoder.num_features,
            "width": trainer.settings.width,
        },
        class_names=words.class_names,
        empty_classes=words.empty_classes,
        provenance=Provenance(
            data=parts.name,
            data_fingerprint=parts.fingerprint,
            step=trainer.step,
            images_seen=trainer.images_seen,
            averaged=False,
            settings=trainer.settings.model_dump(),
            versions=versions(),
        ),
        inversion=Inversion(
            encoder_sha256=encoder_sha256,
            largest_feature=largest_feature(encoder, parts.images, progress),
            feature_error=feature_error(inverter, encoder, parts.test_images, progress),
        ),
    )
