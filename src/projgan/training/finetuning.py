"""Fine-tuning: a run goes on from its last checkpoint, and a frozen classifier guides its generator."""

from pathlib import Path
from typing import Any

from projgan.config import RunConfig, check_config, load_config
from projgan.errors import UserError
from projgan.files import file_sha256
from projgan.storage.checkpoints import checkpoint_path, checkpoint_steps
from projgan.storage.imagenet_classes import match_classes, read_given_classes
from projgan.storage.network_file import load_generator
from projgan.storage.pretrained import NAME as IMAGENET
from projgan.storage.pretrained import SHA256, imagenet_file
from projgan.storage.run_directory import RunDirectory, refuse_no_run
from projgan.storage.teachers import teachers_of
from projgan.training.request import FinetuningRequest

SHARE_OF_STEPS = 8
"""The paper fine-tunes for 50,000 updates after 400,000."""


def finetuned_config(run: Path, request: FinetuningRequest) -> RunConfig:
    """Return the settings with which `training.run.train` fine-tunes: the run's own, and what is asked for.

    Raises:
        UserError: no run, one without a checkpoint, no classifier file, or settings that cannot be.
    """
    directory = RunDirectory(run)
    refuse_no_run(run, "; a generator's file alone cannot be trained further")
    config = load_config(str(directory.config))
    available = checkpoint_steps(directory.checkpoints)
    if not available:
        raise UserError(f"{run}: has not reached a checkpoint, so there is nothing to fine-tune")
    guide = _imagenet(request, directory) or _classifier(request)
    start = available[-1]
    steps = request.steps if request.steps is not None else max(1, start // SHARE_OF_STEPS)
    settings = config.model_dump()
    settings["training"]["steps"] = start + steps
    # The paper's rate falls to zero in just these updates. One that has fallen already starts anew.
    settings["optimizer"] |= {"decay_start": start, "decay_end": start + steps}
    if request.device is not None:
        settings["training"]["device"] = request.device
    if request.learning_rate is not None:
        settings["optimizer"]["learning_rate"] = request.learning_rate
    settings["training"]["earlier_teachers"] = teachers_of(settings)
    settings["finetuning"] = {
        "classifier_weight": request.weight,
        **guide,
        "run": run,
        "step": start,
        "checkpoint_sha256": file_sha256(checkpoint_path(directory.checkpoints, start)),
    }
    return check_config(settings, str(run))


def _classifier(request: FinetuningRequest) -> dict[str, Any]:
    if request.classes is not None:
        raise UserError("--classes belongs to --classifier imagenet; leave it out")
    path = Path(request.classifier)
    if not path.is_file():
        raise UserError(f"{path}: no such file; make one with `projgan classifier DATA`, or take imagenet")
    return {"classifier": path, "classifier_sha256": file_sha256(path)}


def _imagenet(request: FinetuningRequest, directory: RunDirectory) -> dict[str, Any] | None:
    """The pretrained classifier and which of its classes the run's are; None where it was not asked for."""
    name = str(request.classifier)
    if name.partition(":")[0] != IMAGENET or Path(name).exists():
        return None
    path = imagenet_file(name)
    _, description = load_generator(directory.generator)
    given = read_given_classes(request.classes) if request.classes else None
    return {
        "classifier": path,
        "classifier_sha256": SHA256,
        "imagenet_classes": match_classes(description.class_names, given),
    }


def choose_run_dir(run: Path, run_dir: Path | None) -> Path:
    """Return where a run is fine-tuned: if nothing is said beside it, `-finetuned` behind its name.

    Raises:
        UserError: the run itself.
    """
    path = run.resolve()
    if run_dir is None:
        return path.with_name(f"{path.name}-finetuned")
    if run_dir.resolve() == path:
        raise UserError(
            f"{run_dir}: the run that this starts from, which is not changed; choose another folder"
        )
    return run_dir
