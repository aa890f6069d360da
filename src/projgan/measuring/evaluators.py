"""From the settings of an evaluation to what measures by them."""

from pathlib import Path

from torch import Tensor

from projgan.config import DataConfig, MeasurementConfig
from projgan.data import PackedImages
from projgan.data.conditions import CONDITION_KINDS, conditions_of, standardize
from projgan.data.configured import cache_folder, held_out_images
from projgan.data.standardization import Standardization
from projgan.data.tensors import as_tensor
from projgan.evaluation.evaluator import Evaluator
from projgan.evaluation.extractors import FeatureNetwork, open_feature_network
from projgan.evaluation.protocol import Protocol, choose_protocol
from projgan.listening import Listener
from projgan.process.ranks import Ranks


def protocol_of(settings: MeasurementConfig) -> Protocol:
    """Return the protocol that the settings name, with their counts."""
    return choose_protocol(
        settings.protocol, settings.real_images, settings.generated_images, settings.generated_per_class
    )


def open_network(
    settings: MeasurementConfig, ranks: Ranks, cache: Path, listener: Listener | None = None
) -> FeatureNetwork:
    """Open the feature network on every process; the first one fetches what is not there yet."""
    with ranks.first_goes_ahead():
        if ranks.is_first:
            progress = (listener or Listener()).counting("fetching bytes")
            network = open_feature_network(settings.features, ranks.device, cache, progress)
    return network if ranks.is_first else open_feature_network(settings.features, ranks.device, cache)


def build_evaluator(
    settings: MeasurementConfig,
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
