"""Whether the images that a run names are still those that it was trained on."""

from collections.abc import Callable
from pathlib import Path

from projgan.config import DataConfig, load_config
from projgan.config.own_names import OF_ANY_PROGRAM
from projgan.data import PackedImages, load_images
from projgan.data.configured import cache_folder, condition_request
from projgan.errors import UserError
from projgan.storage.network_description import NetworkDescription
from projgan.storage.run_directory import RunDirectory
from projgan.version import VERSION


def refuse_other_images(
    run: Path,
    asked: DataConfig,
    images: PackedImages,
    description: NetworkDescription,
    *,
    remedy: str,
    said: Callable[[str], None] | None = None,
) -> None:
    """Refuse images that were put in the place of those of the training; what cannot be known passes.

    Args:
        run: a run directory.
        asked: its images, as they are asked for now; another part of them than that of the training passes.
        images: what was loaded.
        description: of a network of the run.
        remedy: how to give images.
        said: told where another version trained the run, which may have read the same images otherwise.

    Raises:
        UserError: they are others.
    """
    trained = load_config(str(RunDirectory(run).config), OF_ANY_PROGRAM).data
    expected = description.provenance.data_fingerprint
    if (asked.source, asked.split) != (trained.source, trained.split) or images.fingerprint == expected:
        return
    try:
        found = _fingerprint_of_training(trained.model_copy(update={"cache": asked.cache}))
    except UserError:  # images that are left out now, and were read then
        return
    if found == expected:
        return
    by = description.provenance.versions.get("projgan", VERSION)
    if _reading_of(by) != _reading_of(VERSION):
        if said is not None:
            said(
                f"{run}: version {by} trained it on other images than {trained.source} holds for this one; "
                f"if they were changed, {remedy}"
            )
        return
    raise UserError(
        f"{run}: was trained on other images than {trained.source} holds now; {remedy}, or put those back"
    )


def _fingerprint_of_training(data: DataConfig) -> str:
    """As training loads them: larger than wanted where it takes random crops, and with its own columns."""
    assert data.source is not None
    images = load_images(
        data.source,
        split=data.split,
        resolution=round(data.resolution / (data.random_crop or 1.0)),
        channels=data.channels,
        fit=data.fit,
        cache=cache_folder(data),
        on_unreadable=data.on_unreadable,
        request=condition_request(data),
        keep=False,
    )
    return images.fingerprint


def _reading_of(version: str) -> list[str]:
    """Versions that differ here may find other images in the same folder."""
    return version.split(".")[:2]
