"""Measure a run at its end or at each checkpoint that is kept, or images of any origin."""

from collections.abc import Callable, Sequence
from pathlib import Path

from projgan.config import DataConfig, MeasurementConfig
from projgan.config.request import ImagesRequest
from projgan.data.configured import cache_folder, fit_of, load_real
from projgan.errors import UserError
from projgan.evaluation.evaluator import Evaluator
from projgan.evaluation.image_sources import GeneratorImages
from projgan.evaluation.rows import MetricRow
from projgan.files import why_not_writable
from projgan.inspection.trained_images import refuse_other_images
from projgan.listening import Listener
from projgan.measuring.evaluators import build_evaluator, open_network, protocol_of
from projgan.measuring.subjects import ask_as_trained, describe_subject, is_run, sources_to_measure
from projgan.process.ranks import Ranks
from projgan.storage.published_models import resolve_model
from projgan.storage.run_directory import RunDirectory
from projgan.storage.run_images import images_of_run

REMEDY = "give real images with --data"


def evaluate(
    subject: Path,
    data: DataConfig | None,
    settings: MeasurementConfig,
    ranks: Ranks,
    *,
    checkpoints: bool = False,
    truncation: float | None = None,
    images: ImagesRequest | None = None,
    listener: Listener | None = None,
) -> list[MetricRow]:
    """Measure a run, each of its checkpoints, a generator file, or images that are there already.

    Args:
        subject: a run directory, a generator file, the name of a published model, or a folder or archive of
            images.
        data: the real images, of which resolution, channels and fit are those of the subject; None for
            those that the run was trained on.
        settings: what to measure, and how.
        ranks: this process among all.
        checkpoints: measure every checkpoint that the run has kept, not its generator file.
        truncation: bound of the latents' entries, or None.
        images: which of the run's own images to compare with, where no others are given, where decoded ones
            are kept, and what to do about those that cannot be decoded.
        listener: what to tell.

    Returns:
        The rows, which are also added to `metrics.jsonl` where the subject is a run.

    Raises:
        UserError: anything a person can mend.
    """
    protocol, images = protocol_of(settings), images or ImagesRequest()
    if data is None and images.split is not None and not subject.is_dir():
        raise UserError("--split is of the real images; give them too: --data DATA --split SPLIT")
    subject = resolve_model(subject)
    if truncation is not None and not 0 < truncation < 10:
        raise UserError(f"truncation is {truncation}; it must be above 0 and below 10")
    description = describe_subject(subject)
    if not subject.exists():
        raise UserError(f"{subject}: there is nothing to measure; give a run, a generator file or images")
    is_own = data is None
    if data is None:
        data = images_of_run(subject, None, images, remedy=REMEDY)
    elif description is not None:
        data = data.model_copy(update={"fit": fit_of(description.provenance.settings)})
    if images.on_unreadable is not None:
        data = data.model_copy(update={"on_unreadable": images.on_unreadable})
    said = listener.said if listener else None
    keeps = is_run(subject) and ranks.is_first and _can_keep(subject, said)
    network = open_network(settings, ranks, cache_folder(data), listener)
    rows: list[MetricRow] = []
    evaluator: Evaluator | None = None
    for source in sources_to_measure(
        subject, network.channels, checkpoints, truncation, ranks.device, data.on_unreadable, said
    ):
        if evaluator is None:
            if isinstance(source, GeneratorImages):
                data = ask_as_trained(data, source.kind, source.condition_names)
            real = load_real(data, (source.resolution, source.channels), said=said)
            if is_own and description is not None:
                refuse_other_images(subject, data, real, description, remedy=REMEDY, said=said)
            evaluator = build_evaluator(
                settings,
                protocol,
                network,
                data,
                real,
                ranks,
                learned=source.standardization,
                listener=listener,
            )
        found = evaluator.measure(source)
        if keeps:
            _keep(RunDirectory(subject), found, said)
        rows += found
    return rows


Said = Callable[[str], None] | None


def _can_keep(run: Path, said: Said) -> bool:
    """Whether numbers can be added to those of a run; says so before the work where they cannot."""
    reason = why_not_writable(run)
    if reason and said:
        said(f"{run}: cannot be written ({reason}); the numbers are shown, and kept nowhere")
    return reason is None


def _keep(directory: RunDirectory, rows: Sequence[MetricRow], said: Said) -> None:
    """Add numbers to those of a run; they are shown also where the disk is full."""
    try:
        directory.append_metrics([row.model_dump(mode="json") for row in rows])
    except UserError as error:
        if said is None:
            raise
        said(f"{error}; these numbers are shown, and kept nowhere")
