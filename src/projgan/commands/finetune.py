"""`projgan finetune`."""

from projgan.commands.options import Asked
from projgan.commands.paths import NewPath, RunPath
from projgan.commands.printing import Json
from projgan.commands.progress import bar_listener
from projgan.commands.train import report_training
from projgan.training.request import FinetuningRequest


def finetune(
    run: RunPath,
    /,
    *,
    request: Asked[FinetuningRequest],
    run_dir: NewPath | None = None,
    json: Json = False,
) -> int:
    """Train a run further while a frozen classifier guides its generator: clearer classes, less variety.

    The generator's loss gains the classifier's cross-entropy, as in the paper's last updates. The result is
    a run directory of its own, which every other command takes; the same command again resumes.

    Parameters
    ----------
    run
        A run directory of class labels; its last checkpoint is where this starts. It is not changed.
    run_dir
        Folder of the fine-tuned run; RUN-finetuned if not given.
    json
        Print the result as JSON.
    """
    from projgan.listening import Listener
    from projgan.process.ranks import join_ranks
    from projgan.training.finetuning import choose_run_dir, finetuned_config
    from projgan.training.run import train

    folder = choose_run_dir(run, run_dir)
    config = finetuned_config(run, request)
    with join_ranks(config.training.device) as ranks:
        listener = bar_listener() if ranks.is_first else Listener()
        result = train(config, folder, ranks, listener)
        if ranks.is_first:
            report_training(result, as_json=json)
        return result.exit_code
