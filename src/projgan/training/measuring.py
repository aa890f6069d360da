"""Measure a run: on its way, at its end, or at each checkpoint that is kept."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from projgan.config import DataConfig, EvaluationConfig, RunConfig, load_config
from projgan.data import ConditionRequest, PackedImages, load_images, open_source
from projgan.data.conditions import CONDITION_KINDS, conditions_of, standardize
from projgan.data.sources.columns import ONE_CLASS
from projgan.data.tensors import as_tensor
from projgan.distributed import Ranks
from projgan.errors import UserError
from projgan.evaluation.evaluator import Evaluator, Listener
from projgan.evaluation.extractors import FeatureNetwork, open_feature_network
from projgan.evaluation.image_sources import GeneratorImages, ImageSource, generator_images, stored_images
from projgan.evaluation.protocol import Protocol, choose_protocol
from projgan.evaluation.rows import MetricRow, Subject
from projgan.generator_file import generator_path, load_generator, weights_sha256
from projgan.network_description import Standardization
from projgan.networks.resnet import Generator
from projgan.published_models import resolve_model
from projgan.run_directory import RunDirectory
from projgan.training.checkpoint import checkpoint_steps, load_checkpoint
from projgan.training.networks import build_networks
from projgan.training.trainer import Trainer

Fetched = Callable[[int, int], None]


def default_cache(config: RunConfig) -> Path:
    """Folder in which decoded images and their features are kept between runs."""
    return config.data.cache or Path.home() / ".cache" / "projgan"


def condition_request(data: DataConfig) -> ConditionRequest:
    """Return what is wanted to be known of each image; the image itself at low resolution asks nothing."""
    if data.condition == "low-resolution":
        return ONE_CLASS
    return ConditionRequest(data.condition, data.condition_columns)


def vectors_of(
    data: DataConfig, images: PackedImages, learned: Standardization | None = None
) -> Tensor | None:
    """Return what the networks meet beside each image, float32 [N, K]; None where that is a class.

    Vectors are standardised as the networks have learned them, where that is given, or else by these images.
    """
    if data.condition == "class":
        return None
    if learned is not None:
        return as_tensor(standardize(conditions_of(images), learned.means, learned.deviations))
    return as_tensor(CONDITION_KINDS[data.condition](images).values)


def open_network(
    settings: EvaluationConfig, ranks: Ranks, cache: Path, fetched: Fetched | None = None
) -> FeatureNetwork:
    """Open the feature network on every process; the first one fetches what is not there yet."""
    with ranks.first_goes_ahead():
        if ranks.is_first:
            network = open_feature_network(settings.features, ranks.device, cache, fetched)
    return network if ranks.is_first else open_feature_network(settings.features, ranks.device, cache)


def protocol_of(settings: EvaluationConfig) -> Protocol:
    """Return the protocol that the settings name, with their counts."""
    return choose_protocol(
        settings.protocol, settings.real_images, settings.generated_images, settings.generated_per_class
    )


def held_out_images(
    data: DataConfig, cache: Path, size: tuple[int, int]
) -> Callable[[], PackedImages] | None:
    """Return what loads the test images of a data set, of a resolution and channels, or None without any.

    The part called `test` is taken, or else `validation`; never the one that is compared with.
    """
    assert data.source is not None
    opened = open_source(data.source, data.split, condition_request(data))
    for name in ("test", "validation"):
        if name in opened.splits and name != opened.split:
            return partial(load_real, data, cache, size, name)
    return None


class RunEvaluator:
    """Measures the generator of a run on its way."""

    def __init__(self, evaluator: Evaluator, name: str) -> None:
        self.evaluator, self.name = evaluator, name

    def check(self, trainer: Trainer) -> None:
        """Refuse what cannot be measured before the training begins.

        Raises:
            UserError: as `Evaluator.measure`.
        """
        self.evaluator.check(self._images(trainer))

    def measure(self, trainer: Trainer) -> list[MetricRow]:
        """Measure the generator as it is now, with its batch norms in evaluation mode; all ranks call it."""
        generator = trainer.sampling_generator
        was_training = generator.training
        generator.eval()
        try:
            return self.evaluator.measure(self._images(trainer))
        finally:
            generator.train(was_training)

    def _images(self, trainer: Trainer) -> GeneratorImages:
        return _images_at_step(
            trainer.sampling_generator,
            self.evaluator.data.class_names,
            self.name,
            trainer.step,
            trainer.images_seen,
            trainer.average is not None,
            kind=trainer.config.data.condition,
        )


def _images_at_step(
    generator: Generator,
    class_names: tuple[str, ...],
    name: str,
    step: int,
    images_seen: int,
    averaged: bool,
    truncation: float | None = None,
    kind: str = "class",
    standardization: Standardization | None = None,
) -> GeneratorImages:
    subject = Subject(
        kind="generator",
        name=name,
        sha256=weights_sha256(generator),
        step=step,
        images_seen=images_seen,
        averaged=averaged,
        batch_norm="running statistics",
    )
    return GeneratorImages(generator, class_names, subject, truncation, kind, standardization)


def run_evaluator(
    config: RunConfig,
    directory: RunDirectory,
    data: PackedImages,
    ranks: Ranks,
    listener: Listener | None = None,
    fetched: Fetched | None = None,
) -> RunEvaluator:
    """Prepare to measure a run against its own training images.

    Raises:
        UserError: settings that do not fit together, or a feature network that cannot be had.
    """
    settings, cache = config.evaluation, default_cache(config)
    protocol = protocol_of(settings)
    network = open_network(settings, ranks, cache, fetched)
    size = config.data.resolution, config.data.channels
    if data.resolution != config.data.resolution:  # kept larger for random crops
        data = load_real(config.data, cache, size)
    evaluator = Evaluator(
        data,
        network,
        protocol,
        metrics=settings.metrics,
        seed=settings.seed,
        ranks=ranks,
        cache=cache,
        vectors=vectors_of(config.data, data),
        held_out=held_out_images(config.data, cache, size),
        listener=listener,
    )
    return RunEvaluator(evaluator, directory.path.resolve().name)


def evaluate(
    subject: Path,
    data: DataConfig | None,
    settings: EvaluationConfig,
    ranks: Ranks,
    *,
    checkpoints: bool = False,
    truncation: float | None = None,
    listener: Listener | None = None,
    fetched: Fetched | None = None,
) -> list[MetricRow]:
    """Measure a run, each of its checkpoints, a generator file, or images that are there already.

    Args:
        subject: a run directory, a generator file, the name of a published model, or a folder or archive of
            images.
        data: the real images, of which resolution and channels are those of the subject; None for those
            that the run was trained on.
        settings: what to measure, and how.
        ranks: this process among all.
        checkpoints: measure every checkpoint that the run has kept, not its generator file.
        truncation: bound of the latents' entries, or None.
        listener: what to tell.
        fetched: is told bytes fetched and bytes in all.

    Returns:
        The rows, which are also added to `metrics.jsonl` where the subject is a run.

    Raises:
        UserError: anything a person can mend.
    """
    protocol, subject = protocol_of(settings), resolve_model(subject)
    if truncation is not None and not 0 < truncation < 10:
        raise UserError(f"truncation is {truncation}; it must be above 0 and below 10")
    _refuse_other_files(subject)
    if data is None:
        data = _data_of_run(subject)
    cache = data.cache or Path.home() / ".cache" / "projgan"
    network = open_network(settings, ranks, cache, fetched)
    rows: list[MetricRow] = []
    evaluator: Evaluator | None = None
    for source in sources_to_measure(subject, network.channels, checkpoints, truncation, ranks.device):
        if evaluator is None:
            data, size = _as_generated(data, source), (source.resolution, source.channels)
            real = load_real(data, cache, size)
            evaluator = Evaluator(
                real,
                network,
                protocol,
                metrics=settings.metrics,
                seed=settings.seed,
                ranks=ranks,
                cache=cache,
                vectors=vectors_of(data, real, source.standardization),
                held_out=held_out_images(data, cache, size),
                listener=listener,
            )
        found = evaluator.measure(source)
        if is_run(subject) and ranks.is_first:
            RunDirectory(subject).append_metrics([row.model_dump(mode="json") for row in found])
        rows += found
    return rows


def _as_generated(data: DataConfig, source: ImageSource) -> DataConfig:
    """Ask of the real images what the generator that made the others was told."""
    if not isinstance(source, GeneratorImages) or source.kind == "class":
        return data
    asked = {"condition": source.kind, "condition_columns": source.condition_names}
    return DataConfig.model_validate(data.model_dump() | asked)


def _refuse_other_files(subject: Path) -> None:
    """What is wrong with a generator's file comes before minutes are spent on a feature network."""
    path = subject / "generator.safetensors" if subject.is_dir() else subject
    if path.suffix == ".safetensors" and path.is_file():
        load_generator(path)


def _data_of_run(subject: Path) -> DataConfig:
    if not subject.exists():
        raise UserError(f"{subject}: there is nothing to measure; give a run, a generator file or images")
    if not is_run(subject):
        raise UserError(f"{subject} does not say which real images to compare with; give them with --data")
    return load_config(str(RunDirectory(subject).config)).data


def load_real(data: DataConfig, cache: Path, size: tuple[int, int], split: str | None = None) -> PackedImages:
    """Load real images as training does, but at the size of the generated ones; of another part if given.

    Args:
        data: which images.
        cache: folder of packed images.
        size: resolution and channels of the generated images, any of both.
        split: another part of the data.
    """
    if data.source is None:
        raise UserError("there is no data set to compare with; give one with --data")
    return load_images(
        data.source,
        split=split or data.split,
        resolution=size[0],
        channels=size[1],
        cache=cache,
        on_unreadable=data.on_unreadable,
        request=condition_request(data),
    )


def is_run(path: Path) -> bool:
    """Whether a path is a run directory."""
    return path.is_dir() and RunDirectory(path).config.is_file()


def sources_to_measure(
    subject: Path, channels: int, checkpoints: bool, truncation: float | None, device: torch.device
) -> Iterator[ImageSource]:
    """Yield what is to be measured at a path: a run, its checkpoints, a generator file, or images.

    Raises:
        UserError: nothing there that can be measured.
    """
    if checkpoints:
        yield from _checkpoints(subject, truncation, device)
    elif is_run(subject) or subject.suffix == ".safetensors":
        generator, description = load_generator(generator_path(subject), device)
        name = subject.resolve().name if subject.is_dir() else subject.name
        yield generator_images(generator, description, name, truncation)
    elif truncation is not None:
        raise UserError(f"{subject}: images that are there already have no truncation; leave it out")
    else:
        yield stored_images(subject, None, channels)


def _checkpoints(run: Path, truncation: float | None, device: torch.device) -> Iterator[ImageSource]:
    directory = RunDirectory(run)
    steps = checkpoint_steps(directory.checkpoints)
    if not directory.config.is_file() or not steps:
        raise UserError(f"{run}: no run with checkpoints; leave --checkpoints out or give a run directory")
    config = load_config(str(directory.config))
    _, description = load_generator(generator_path(run))
    for step in steps:
        state = load_checkpoint(directory.checkpoints, step)
        generator, _ = build_networks(config, len(description.class_names))
        averaged = state["average"] is not None
        generator.load_state_dict(state["average"] if averaged else state["generator"])
        seen = step * config.training.batch_size * config.training.discriminator_updates
        yield _images_at_step(
            generator.to(device).eval(),
            description.class_names,
            run.resolve().name,
            step,
            seen,
            averaged,
            truncation,
            config.data.condition,
            description.standardization,
        )
