"""From the settings of an evaluation to what measures by them."""

from collections.abc import Callable
from pathlib import Path

from projgan.config import DataConfig, EvaluationConfig
from projgan.data import PackedImages
from projgan.distributed import Ranks
from projgan.evaluation.evaluator import Evaluator, Listener
from projgan.evaluation.extractors import FeatureNetwork, open_feature_network
from projgan.evaluation.protocol import Protocol, choose_protocol
from projgan.network_description import Standardization
from projgan.training.real_images import cache_folder, held_out_images, vectors_of

Fetched = Callable[[int, int], None]


def protocol_of(settings: EvaluationConfig) -> Protocol:
    """Return the protocol that the settings name, with their counts."""
    return choose_protocol(
        settings.protocol, settings.real_images, settings.generated_images, settings.generated_per_class
    )


def open_network(
    settings: EvaluationConfig, ranks: Ranks, cache: Path, fetched: Fetched | None = None
) -> FeatureNetwork:
    """Open the feature network on every process; the first one fetches what is not there yet."""
    with ranks.first_goes_ahead():
        if ranks.is_first:
            network = open_feature_network(settings.features, ranks.device, cache, fetched)
    return network if ranks.is_first else open_feature_network(settings.features, ranks.device, cache)


def build_evaluator(
    settings: EvaluationConfig,
    protocol: Protocol,
    network: FeatureNetwork,
    data: DataConfig,
    real: PackedImages,
    ranks: Ranks,
    *,
    learned: Standardization | None = None,
    listener: Listener | None = None,
) -> Evaluator:
    """Return what measures images against the real ones of `data`, loaded at the size of those it is to meet.

    Vectors are standardised as they were learned, as in `vectors_of`.

    Raises:
        UserError: as `Evaluator`.
    """
    return Evaluator(
        real,
        network,
        protocol,
        metrics=settings.metrics,
        seed=settings.seed,
        ranks=ranks,
        cache=cache_folder(data),
        vectors=vectors_of(data, real, learned),
        held_out=held_out_images(data, (real.resolution, real.channels)),
        listener=listener,
    )
