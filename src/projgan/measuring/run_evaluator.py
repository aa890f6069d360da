"""Measure a run on its way."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch

from projgan.config import RunConfig
from projgan.data import PackedImages
from projgan.data.conditions import CONDITION_KINDS
from projgan.data.configured import cache_folder, load_real
from projgan.evaluation.evaluator import Evaluator
from projgan.evaluation.extractors import FeatureNetwork, open_feature_network
from projgan.evaluation.image_sources import GeneratorImages, subject_of
from projgan.evaluation.inception import UnfetchedInception
from projgan.evaluation.rows import MetricRow, Subject
from projgan.listening import Listener
from projgan.measuring.evaluators import build_evaluator, open_network, protocol_of
from projgan.networks.resnet import Generator
from projgan.process.ranks import Ranks
from projgan.storage.run_directory import RunDirectory
from projgan.storage.run_networks import build_networks
from projgan.storage.teachers import teachers_of


class Trained(Protocol):
    """What is to be known of a training to measure it."""

    step: int

    @property
    def images_seen(self) -> int:
        """Real images shown so far."""

    @property
    def sampling_generator(self) -> Generator:
        """The generator to make images with."""

    @property
    def is_averaged(self) -> bool:
        """Whether that is a moving average."""


class RunEvaluator:
    """Measures the generator of a run on its way."""

    def __init__(self, evaluator: Evaluator, name: str, kind: str, teachers: tuple[str, ...] = ()) -> None:
        self.evaluator, self.name, self.kind, self.teachers = evaluator, name, kind, teachers

    def check(self, trained: Trained) -> None:
        """Refuse what cannot be measured before the training begins.

        Raises:
            UserError: as `Evaluator.measure`.
        """
        self.evaluator.check(self._images(trained))

    def measure(self, trained: Trained) -> list[MetricRow]:
        """Measure the generator as it is now, with its batch norms in evaluation mode; all ranks call it."""
        generator = trained.sampling_generator
        # Batch norms that each rank measures for itself are not alike; those of the first are the run's.
        self.evaluator.ranks.same_everywhere(generator)
        was_training = generator.training
        generator.eval()
        try:
            return self.evaluator.measure(self._images(trained))
        finally:
            generator.train(was_training)

    def is_done(self, trained: Trained, rows: Sequence[dict[str, Any]]) -> bool:
        """Whether the rows hold all numbers of the generator as it is now, made as they would be here."""
        return self.evaluator.has_all(self._images(trained), rows)

    def _images(self, trained: Trained) -> GeneratorImages:
        generator = trained.sampling_generator
        seen, averaged = trained.images_seen, trained.is_averaged
        subject = subject_of(generator, self.name, trained.step, seen, averaged, self.teachers)
        return GeneratorImages(generator, self.evaluator.data.class_names, subject, kind=self.kind)


def run_evaluator(
    config: RunConfig,
    directory: RunDirectory,
    real: PackedImages,
    ranks: Ranks,
    listener: Listener | None = None,
) -> RunEvaluator:
    """Prepare to measure a run against its own training images.

    Raises:
        UserError: settings that do not fit together, or a feature network that cannot be had.
    """
    settings, data = config.evaluation, config.data
    protocol = protocol_of(settings)
    network = open_network(settings, ranks, cache_folder(data), listener)
    if real.resolution != data.resolution:  # kept larger for random crops
        real = load_real(data, (data.resolution, data.channels))
    evaluator = build_evaluator(settings, protocol, network, data, real, ranks, listener=listener)
    teachers = teachers_of(config.model_dump(mode="json"))
    return RunEvaluator(evaluator, directory.path.resolve().name, data.condition, teachers)


def rehearse_evaluation(config: RunConfig, directory: RunDirectory, real: PackedImages, ranks: Ranks) -> None:
    """Refuse what a run that measures itself would before it trains; nothing is fetched or written.

    Raises:
        UserError: as `run_evaluator` and `RunEvaluator.check`, but for what fetching finds.
    """
    settings, data = config.evaluation, config.data
    protocol = protocol_of(settings)
    network: FeatureNetwork = UnfetchedInception()
    if settings.features != "inception":
        network = open_feature_network(settings.features, ranks.device, cache_folder(data))
    shape = (len(real), data.channels, data.resolution, data.resolution)
    real = replace(real, images=np.broadcast_to(np.uint8(0), shape))  # no pixel is looked at
    evaluator = build_evaluator(settings, protocol, network, data, real, ranks)
    with torch.device("meta"):
        generator, _ = build_networks(config, len(CONDITION_KINDS[data.condition](real).names))
    subject = Subject(kind="generator", name=directory.path.resolve().name, sha256="0" * 64)
    evaluator.check(GeneratorImages(generator, real.class_names, subject, kind=data.condition))
