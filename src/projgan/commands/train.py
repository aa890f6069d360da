"""`projgan train`."""

import os
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from projgan.commands.paths import NewPath
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, bar_listener
from projgan.config import RunConfig, dump_config

if TYPE_CHECKING:
    from projgan.training.probe import Estimate
    from projgan.training_loop import TrainingResult


def train(
    preset: str,
    /,
    *,
    run_dir: NewPath | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
    config: Annotated[RunConfig, Parameter(name="*", consume_multiple=True)] = RunConfig(),
) -> int:
    """Train a GAN; the same command again resumes where it stopped.

    Any setting of the preset can be overridden: `--training.steps 100`,
    `--optimizer.betas 0.5 0.999`, `--data FOLDER` (short for `--data.source FOLDER`),
    `--start-from RUN` (trained weights to begin with, also of other classes).

    Parameters
    ----------
    preset
        Name of a built-in preset (`demo`, `cifar10`, ...) or a YAML file of settings.
    run_dir
        Folder of the run; `runs/PRESET` if not given, or that of the run whose `config.yaml` is given.
    dry_run
        Print the resolved settings, parameter counts, memory and time, or what training would refuse, after
        a look at every image; write nothing.
    json
        Print the result as JSON.
    """
    from projgan.storage.run_directory import run_directory_of
    from projgan.training.refusals import refuse_at_once

    run_dir = run_dir or run_directory_of(preset)
    if "RANK" not in os.environ:  # processes of one run find it out together
        refuse_at_once(config, run_dir)
    from projgan.process.ranks import join_ranks

    with join_ranks(config.training.device) as ranks:
        from projgan.listening import Listener

        listener = bar_listener() if ranks.is_first else Listener()
        if dry_run:
            from projgan.training.probe import probe
            from projgan.training.rehearsal import rehearse

            estimate = probe(config, ranks, listener, rehearse(config, run_dir, ranks, listener))
            if ranks.is_first:
                _report_estimate(config, estimate, as_json=json)
            return 0
        from projgan.training.run import train as train_run

        result = train_run(config, run_dir, ranks, listener)
        if ranks.is_first:
            report_training(result, as_json=json)
        return result.exit_code


def _report_estimate(config: RunConfig, estimate: "Estimate", *, as_json: bool) -> None:
    if as_json:
        show(dumps({"config": config.model_dump(mode="json"), **vars(estimate)}))
    else:
        show(f"{dump_config(config)}\n{estimate.to_text()}")


def report_training(result: "TrainingResult", *, as_json: bool) -> None:
    """Print where the generator is, or how the run stopped."""
    finished = result.interrupted_by is None
    if not finished:
        Say.line(f"stopped at step {result.step}; the same command resumes")
    if as_json:
        show(dumps({"step": result.step, "generator": str(result.path), "finished": finished}))
    elif finished:
        show(result.path)
