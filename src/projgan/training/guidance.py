"""What fine-tuning takes from elsewhere: the classifier that guides it and the checkpoint it starts from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from projgan.config import FinetuningConfig, RunConfig
from projgan.data.conditions import Conditions
from projgan.errors import UserError, printable
from projgan.files import file_sha256
from projgan.networks.guidance import ImagenetGuide
from projgan.storage.checkpoints import checkpoint_path, load_checkpoint
from projgan.storage.classifiers import TRAIN_ONE, check_classifier
from projgan.storage.imagenet_classes import places_of
from projgan.storage.network_file import load_classifier
from projgan.storage.pretrained import NAME as IMAGENET
from projgan.storage.pretrained import load_imagenet
from projgan.storage.run_directory import RunDirectory


def open_guide(config: RunConfig, conditions: Conditions, device: torch.device) -> nn.Module | None:
    """Read the classifier that guides a run, or return None where none does.

    Args:
        config: of the run.
        conditions: those of the run, which name its classes.
        device: where the run trains.

    Raises:
        UserError: no such file, another one than the run began with, or a classifier of other images.
    """
    path = config.finetuning.classifier
    if path is None:
        return None
    if config.finetuning.imagenet_classes is not None:
        return _imagenet_guide(path, config.finetuning.imagenet_classes, conditions.names, device)
    classifier, description = load_classifier(path, device)
    if file_sha256(path) != config.finetuning.classifier_sha256:
        raise UserError(
            f"{path}: not the classifier that this run began with; give that one, or choose another --run-dir"
        )
    check_classifier(
        path,
        description,
        "the run",
        resolution=config.data.resolution,
        channels=config.data.channels,
        class_names=conditions.names,
    )
    never_seen = set(description.empty_classes) - set(conditions.empty)
    if never_seen:
        raise UserError(
            f"{path}: a classifier that has seen no image of class "
            f"{printable(description.class_names[min(never_seen)])}, of which the run makes some; {TRAIN_ONE}"
        )
    return classifier


def _imagenet_guide(
    path: Path, wnids: Sequence[str], class_names: Sequence[str], device: torch.device
) -> ImagenetGuide:
    if len(wnids) != len(class_names) or len(set(wnids)) < len(wnids):
        raise UserError(
            f"finetuning.imagenet_classes names {len(set(wnids))} classes, but the run has "
            f"{len(class_names)}; let `projgan finetune RUN --classifier imagenet` give them"
        )
    network = load_imagenet(f"{IMAGENET}:{path}")
    return ImagenetGuide(network, places_of(wnids)).to(device)


def load_start(settings: FinetuningConfig) -> tuple[dict[str, Any], Path]:
    """Read the checkpoint that a fine-tuning run starts from; returns it and its path.

    Raises:
        UserError: it is gone, or not the one that the run was to start from.
    """
    assert settings.run is not None
    assert settings.step is not None
    folder = RunDirectory(settings.run).checkpoints
    path = checkpoint_path(folder, settings.step)
    if not path.is_file() or file_sha256(path) != settings.checkpoint_sha256:
        raise UserError(
            f"{path}: not the checkpoint that this run was to start from (the run there went on, or is "
            "another one); run `projgan finetune` again with another --run-dir"
        )
    return load_checkpoint(folder, settings.step), path
