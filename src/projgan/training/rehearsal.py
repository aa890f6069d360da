"""What `train` would refuse before its first step, found without writing anything."""

from pathlib import Path
from typing import Any

from projgan.config import RunConfig
from projgan.data import PackedImages
from projgan.hub.names import is_hub_name
from projgan.listening import Listener
from projgan.measuring.run_evaluator import rehearse_evaluation
from projgan.process.ranks import Ranks
from projgan.storage.checkpoints import checkpoint_steps, load_checkpoint
from projgan.storage.published_models import refuse_absent_model
from projgan.storage.run_directory import RunDirectory
from projgan.training.building import refuse_unequal_shares
from projgan.training.optimization import remark_on_decay
from projgan.training.refusals import refuse_other_images, refuse_past_the_end
from projgan.training.run import read_data, refuse_without_images, when_to_verify
from projgan.training.starting import with_earlier_teachers


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
            _refuse_missing_start(config, directory)
            data = read_data(config, listener, when_to_verify(config, directory), keep=False)
            if config.evaluation.every:
                rehearse_evaluation(config, directory, data, ranks)
            _rehearse_resuming(config, directory, data, listener)
    return data


def _refuse_missing_start(config: RunConfig, directory: RunDirectory) -> None:
    """Refuse weights to start from that are not there; of what is on the hub only the name is looked at."""
    start = config.training.start_from
    if start is not None and is_hub_name(start):
        refuse_absent_model(Path(start))
    else:
        with_earlier_teachers(config, directory)


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
