"""What is refused before a run begins, as far as neither its images nor torch are needed to say so."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from projgan.config import RunConfig
from projgan.data.conditions import Labelled
from projgan.data.sources.base import Source
from projgan.data.sources.digits import DIGITS
from projgan.data.sources.opening import refuse_absent
from projgan.errors import UserError
from projgan.storage.run_directory import RunDirectory


def refuse_at_once(config: RunConfig, run_dir: Path) -> None:
    """Refuse what can be refused in no time; nothing is written.

    Raises:
        UserError: no images named or none there, or a folder that is none for this run.
    """
    refuse_absent(data_location(config))
    refuse_run_among_images(config, run_dir)
    RunDirectory(run_dir).refuse(config)


def stored_resolution(config: RunConfig) -> int:
    """Height and width at which images are kept: larger than wanted where random crops are taken."""
    return round(config.data.resolution / (config.data.random_crop or 1.0))


def data_location(config: RunConfig) -> str:
    """Where the images are.

    Raises:
        UserError: neither the preset nor the person says so.
    """
    if config.data.source is None:
        raise UserError(
            "these settings name no images; add --data with a folder, an archive or a Parquet set"
        )
    return config.data.source


def refuse_run_among_images(config: RunConfig, run_dir: Path) -> None:
    """Keep a run's files out of the folder its images come from, where they would be taken for a class.

    Raises:
        UserError: the run directory lies in the folder of images, or there are no images.
    """
    location = data_location(config)
    images = Path(location)
    if location != DIGITS and images.is_dir() and run_dir.resolve().is_relative_to(images.resolve()):
        raise UserError(f"{run_dir} lies among the images of {images}; choose a --run-dir outside")


def refuse_one_class(config: RunConfig, data: Labelled) -> None:
    """A condition can only be learned from two classes or more that have images.

    Raises:
        UserError: there is one class, and the networks are to meet it.
    """
    present = set(data.labels.tolist())
    if config.data.condition == "class" and config.generator.condition and len(present) < 2:
        name = data.class_names[present.pop()]
        deeper = data.deeper if isinstance(data, Source) else ""
        remedy = deeper or "use --generator.condition None --discriminator.condition unconditional"
        raise UserError(
            f"{config.data.source}: one class only ({name}), so there is no condition to learn; {remedy}"
        )


def refuse_past_the_end(path: Path, step: int, steps: int) -> None:
    """A run does not go backwards.

    Raises:
        UserError: it is further already.
    """
    if step > steps:
        raise UserError(
            f"{path} is at step {step}, past the {steps} steps in all that are asked for; "
            "ask for more to go on"
        )


def refuse_other_images(path: Path, state: Mapping[str, Any], fingerprint: str, name: str) -> None:
    """A run goes on with the images that it began with.

    Raises:
        UserError: the state was trained on others.
    """
    if state.get("data_fingerprint") != fingerprint:
        raise UserError(
            f"{path} was trained on other images than those of {name} here; "
            "give the same data or choose another --run-dir"
        )
