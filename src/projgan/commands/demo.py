"""`projgan demo`."""

from pathlib import Path

from projgan.commands.paths import NewPath
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, bar_listener
from projgan.config import load_config


def demo(run_dir: NewPath = Path("runs/demo"), *, json: Json = False) -> int:
    """Train on real 8x8 digits for a few minutes, draw a grid and count the recognised samples.

    Parameters
    ----------
    run_dir
        Folder of the run; the same command again resumes.
    json
        Print the result as JSON.
    """
    from projgan.commands.demo_score import score_demo
    from projgan.process.ranks import join_ranks
    from projgan.storage.run_directory import RunDirectory
    from projgan.training.run import train as train_run

    config = load_config("demo")
    with join_ranks(config.training.device) as ranks:
        run = train_run(config, run_dir, ranks, bar_listener())
    if run.interrupted_by:
        Say.line(f"stopped at step {run.step}; the same command resumes")
        return run.exit_code
    result = score_demo(RunDirectory(run_dir))
    if json:
        show(dumps(vars(result)))
        return 0
    share = result.recognised / result.samples
    show(f"samples, one class a row: {result.grid}")
    show(
        f"recognised as the digit asked for: {result.recognised} of {result.samples} ({share:.1%}), "
        "by a classifier trained on real digits only "
        f"(right on {result.classifier_accuracy:.1%} of held-out ones)"
    )
    show(f"samples of a published model, trained on CIFAR-10 before: {result.published_grid}")
    return 0
