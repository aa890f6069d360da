"""Measuring from a notebook."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from projgan.api.ambient import undisturbed
from projgan.api.gan import GAN
from projgan.api.given import whole_number
from projgan.api.listeners import Progress, listener_of
from projgan.api.opening import path_of, stored_path
from projgan.api.trainings import Run, place_of_images
from projgan.config import DataConfig, Fit, MeasurementConfig, explain
from projgan.config.request import ImagesRequest
from projgan.data import PackedImages, load_images
from projgan.data.decoding import OnUnreadable
from projgan.errors import UserError
from projgan.evaluation.rows import MetricRow
from projgan.files import chosen_cache
from projgan.listening import Listener
from projgan.process.ranks import join_ranks
from projgan.request import named_as_arguments

if TYPE_CHECKING:
    from projgan.report import Report


def evaluate(
    subject: Run | GAN | str | Path,
    data: str | Path | None = None,
    *,
    features: str = "inception",
    metrics: str | Sequence[str] | None = None,
    protocol: str = "standard",
    real_images: int | None = None,
    generated_images: int | None = None,
    generated_per_class: int | None = None,
    seed: int = 0,
    truncation: float | None = None,
    checkpoints: bool = False,
    split: str | None = None,
    on_unreadable: Literal["error", "skip"] | None = None,
    device: str = "auto",
    progress: Progress = True,
) -> list[MetricRow]:
    """Measure a generator, or images of any origin, as `projgan evaluate` does.

    Args:
        subject: a run, a loaded generator with the weights of its file, a published model's name, a file, or
            a folder of images.
        data: real images to compare with; those that a run was trained on if not given.
        features: `inception`, `imagenet`, `inception:FILE`, `imagenet:FILE`, `classifier:FILE` or `own:NAME`.
        metrics: as `["fd", "precision"]`; all that take no minutes if not given.
        protocol: `standard`, `paper` or `intra`.
        real_images: in place of the protocol's count.
        generated_images: in place of the protocol's count.
        generated_per_class: in place of the count of each class of protocol `intra`.
        seed: of the choice of images and of the first generated one.
        truncation: bound of the latents' entries.
        checkpoints: whether to measure every checkpoint that a run has kept.
        split: part of the real images to compare with, such as `test`.
        on_unreadable: what to do about images that cannot be decoded; as the run was trained, else `error`.
        device: `auto`, `cpu` or `cuda`.
        progress: as in `train`.

    Returns:
        One row a number: `row.metric`, `row.value`, `row.standard_error`, `row.to_dict()`.

    Raises:
        UserError: nothing to measure, or a metric that cannot be measured on it.
    """
    from pydantic import ValidationError

    from projgan.measuring.measuring import evaluate as measure

    try:
        settings = MeasurementConfig.model_validate(
            {
                "features": features,
                "protocol": protocol,
                "metrics": (metrics,) if isinstance(metrics, str) else metrics,
                "real_images": real_images,
                "generated_images": generated_images,
                "generated_per_class": generated_per_class,
                "seed": seed,
            }
        )
    except ValidationError as error:
        raise UserError(explain(error)) from None
    real = None if data is None else DataConfig(source=place_of_images(data), split=split)
    with join_ranks(device) as ranks, named_as_arguments(), undisturbed():
        return measure(
            stored_path(subject),
            real,
            settings,
            ranks,
            checkpoints=checkpoints,
            truncation=truncation,
            images=ImagesRequest(split=split, on_unreadable=on_unreadable),
            listener=listener_of(progress) if ranks.is_first else Listener(),
        )


def compare(runs: Run | str | Path | Sequence[Run | str | Path], out: str | Path | None = None) -> "Report":
    """Put several runs into one report, as `projgan compare` does; written where `out` says.

    Raises:
        UserError: runs of other data, or numbers of unlike protocols.
    """
    from projgan.report import build_report, write_report

    several = runs if isinstance(runs, Sequence) and not isinstance(runs, str) else [runs]
    report = build_report([path_of(run) for run in several])
    if out is not None:
        write_report(report, Path(out))
    return report


def images(
    location: str | Path,
    *,
    resolution: int,
    channels: int = 3,
    split: str | None = None,
    fit: Fit = "crop",
    on_unreadable: OnUnreadable = "error",
) -> PackedImages:
    """Read a set of labelled images: `.images` uint8 [N, C, R, R], `.labels` int64 [N], `.class_names`.

    Args:
        location: a folder of class folders, an archive, a Parquet set, an .npz, or `digits`.
        resolution: height and width in pixels.
        channels: 1 for grey, 3 for RGB.
        split: part of the data, such as `test`.
        fit: what becomes of images that are not square: `crop`, `pad` or `stretch`.
        on_unreadable: what to do about images that cannot be decoded: `error` or `skip`.

    Raises:
        UserError: nothing there, or images that cannot be read.
    """
    if fit not in get_args(Fit):
        raise UserError(f"fit is {fit!r}; it must be one of {', '.join(get_args(Fit))}")
    if on_unreadable not in get_args(OnUnreadable):
        raise UserError(f"on_unreadable is {on_unreadable!r}; it must be error or skip")
    return load_images(
        place_of_images(location),
        split=split,
        resolution=whole_number(resolution, "resolution"),
        channels=channels,
        fit=fit,
        on_unreadable=on_unreadable,
        cache=chosen_cache(None),
    )
