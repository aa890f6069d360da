"""What `train` would refuse before its first step, found without writing anything."""

from pathlib import Path
from typing import Any

from projgan.config import RunConfig
from projgan.data import PackedImages
from projgan.data.configured import cache_folder
from projgan.evaluation.extractors import open_feature_network
from projgan.listening import Listener
from projgan.measuring.evaluators import protocol_of
from projgan.process.ranks import Ranks
from projgan.storage.checkpoints import checkpoint_steps, load_checkpoint
from projgan.storage.run_directory import RunDirectory
from projgan.training.building import refuse_unequal_shares
from projgan.training.optimization import remark_on_decay
from projgan.training.refusals import refuse_other_images, refuse_past_the_end
from projgan.training.run import read_data, refuse_without_images, when_to_verify


def rehearse(config: RunConfig, run_dir: Path, ranks: Ranks, listener: Listener) -> PackedImages | None:
    """Refuse what `train` would, looking at every image as it would.

    Returns:
        What it would train on, but for pixels that are not in the cache; None on all but the first rank.

    Raises:
        UserError: as `train`.
    """
    directory = RunDirectory(run_dir)
    refuse_without_images(config, run_dir)
    refuse_unequal_shares(config, ranks)
    data = None
    with ranks.first_goes_ahead():
        if ranks.is_first:
            directory.rehearse(config)
            data = read_data(config, listener, when_to_verify(config, directory), keep=False)
            _refuse_evaluation(config, ranks)
            _rehearse_resuming(config, directory, data, listener)
    return data


def _refuse_evaluation(config: RunConfig, ranks: Ranks) -> None:
    """Refuse a protocol that cannot be and a file that is no network; nothing is fetched."""
    settings = config.evaluation
    if settings.every:
        protocol_of(settings)
        if settings.features != "inception":
            open_feature_network(settings.features, ranks.device, cache_folder(config.data))


def _rehearse_resuming(
    config: RunConfig, directory: RunDirectory, data: PackedImages, listener: Listener
) -> None:
    steps = checkpoint_steps(directory.checkpoints)
    if not steps:
        remark = remark_on_decay(config.optimizer, config.training.steps)
        if remark:
            listener.said(remark)
        return
    refuse_past_the_end(directory.path, steps[-1], config.training.steps)
    state: dict[str, Any] = load_checkpoint(directory.checkpoints, steps[-1])
    refuse_other_images(directory.path, state, data.fingerprint, data.name)
    listener.said(f"{directory.path} would go on from step {steps[-1]}")
