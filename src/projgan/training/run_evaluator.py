"""Measure a run on its way."""

from projgan.config import RunConfig
from projgan.data import PackedImages
from projgan.distributed import Ranks
from projgan.evaluation.evaluator import Evaluator, Listener
from projgan.evaluation.image_sources import GeneratorImages
from projgan.evaluation.rows import MetricRow
from projgan.run_directory import RunDirectory
from projgan.training.evaluators import Fetched, build_evaluator, open_network, protocol_of
from projgan.training.real_images import cache_folder, load_real
from projgan.training.subjects import images_at_step
from projgan.training.trainer import Trainer


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
        return images_at_step(
            trainer.sampling_generator,
            self.evaluator.data.class_names,
            self.name,
            trainer.step,
            trainer.images_seen,
            trainer.average is not None,
            kind=trainer.config.data.condition,
        )


def run_evaluator(
    config: RunConfig,
    directory: RunDirectory,
    real: PackedImages,
    ranks: Ranks,
    listener: Listener | None = None,
    fetched: Fetched | None = None,
) -> RunEvaluator:
    """Prepare to measure a run against its own training images.

    Raises:
        UserError: settings that do not fit together, or a feature network that cannot be had.
    """
    settings, data = config.evaluation, config.data
    protocol = protocol_of(settings)
    network = open_network(settings, ranks, cache_folder(data), fetched)
    if real.resolution != data.resolution:  # kept larger for random crops
        real = load_real(data, (data.resolution, data.channels))
    evaluator = build_evaluator(settings, protocol, network, data, real, ranks, listener=listener)
    return RunEvaluator(evaluator, directory.path.resolve().name)
