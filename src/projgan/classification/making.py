"""Labelled images, wherever they lie, to a classifier's file."""

from pathlib import Path

import torch

from projgan.classification.held_out import load_parts
from projgan.classification.request import ClassifierRequest
from projgan.classification.run import checkpoint_beside, train_to_file
from projgan.data.decoding import OnUnreadable
from projgan.files import chosen_cache, make_folder
from projgan.listening import Listener
from projgan.training_loop import TrainingResult


def make_classifier(
    location: str,
    out: Path,
    request: ClassifierRequest,
    device: torch.device | str,
    listener: Listener,
    *,
    cache: Path | None = None,
    on_unreadable: OnUnreadable = "error",
) -> TrainingResult:
    """Train a classifier, or go on; the folder of `out` is made first.

    Raises:
        UserError: images that cannot be read or leave nothing to tell apart, a place that cannot be written,
            or a file there of other settings.
    """
    make_folder(out.parent)  # before minutes are spent on the file
    settings = request.settings(location, out, listener.counting("looking at images"))
    parts = load_parts(
        location,
        resolution=settings.resolution,
        channels=settings.channels,
        fit=settings.fit,
        seed=settings.seed,
        cache=chosen_cache(cache),
        progress=listener.counting("decoding images"),
        on_unreadable=on_unreadable,
        said=listener.said,
        verify="always" if checkpoint_beside(out).exists() else "once",
    )
    return train_to_file(settings, parts, out, device, listener)
