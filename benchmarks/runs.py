"""Runs as benchmarks start them: settings to a checked file, several at a time, perhaps until a deadline.

Every run is a `projgan train` of its own, so that what a benchmark did can be done again by hand.
"""

import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import yaml
from cyclopts import Parameter

from projgan.config import RESUMABLE_KEYS, RunConfig, check_config, differing_keys, dump_config, load_config
from projgan.errors import UserError
from projgan.files import make_folder, write_atomically
from projgan.storage.network_file import load_generator
from projgan.storage.run_directory import RunDirectory

STOPPED = 143
"""Exit code of a command that SIGTERM ended; also of one for which no time was left."""
FREE_KEYS = RESUMABLE_KEYS - {"training.steps", "optimizer.decay_end"}
"""Keys that change neither a finished run nor what it is compared with."""

Words = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative_iterable=())]
Numbers = Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative_iterable=())]


def configure(preset: str, settings: Mapping[str, object], steps: int | None = None) -> RunConfig:
    """Return a preset with some dotted settings changed; the decay is scaled to `steps`, if given.

    Raises:
        UserError: a setting that does not exist or does not fit.
    """
    base = load_config(preset)
    sections = base.model_dump(mode="json")
    if steps is not None:
        decay = {key: getattr(base.optimizer, key) for key in ("decay_start", "decay_end")}
        whole = base.training.steps
        sections["optimizer"] |= {
            key: None if step is None else step * steps // whole for key, step in decay.items()
        }
        sections["training"]["steps"] = steps
    for key, value in settings.items():
        section, _, name = key.partition(".")
        if section not in sections or not name:
            raise UserError(f"{key}: settings are written section.key, as in training.batch_size")
        sections[section][name] = value
    return check_config(sections, preset)


def parse_options(options: Sequence[str]) -> dict[str, object]:
    """Read words such as `training.batch_size=32`; the value is YAML."""
    pairs = (option.partition("=") for option in options)
    return {key: yaml.safe_load(value) for key, _, value in pairs}


def method_settings(method: str) -> dict[str, object]:
    """Neither network meets the label, or both do."""
    unconditional = {"generator.condition": None} if method == "unconditional" else {}
    return {"discriminator.condition": method, **unconditional}


def is_finished(run: Path, config: RunConfig) -> bool:
    """Whether a run has been trained to its end; its checkpoints need not be there any more.

    Raises:
        UserError: the folder holds a finished run of other settings.
    """
    directory = RunDirectory(run)
    if not (directory.config.is_file() and directory.generator.is_file()):
        return False
    if load_generator(directory.generator)[1].provenance.step != config.training.steps:
        return False
    changed = differing_keys(load_config(str(directory.config)), config)
    for key, (before, now) in changed.items():
        if key not in FREE_KEYS:
            raise UserError(f"{run} was trained with {key} {before}, not {now}; choose another --out")
    return True


def train(runs: Mapping[Path, RunConfig], jobs: int = 1) -> list[int]:
    """Train what is not finished yet, some at a time; returns exit codes in the order of the runs."""
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda run: train_run(run, runs[run]), runs))


def train_run(run: Path, config: RunConfig, deadline: float | None = None) -> int:
    """Train one run to its end, or go on with it until the deadline; returns the exit code."""
    if is_finished(run, config):
        return 0
    if not _time_left(deadline):
        return STOPPED
    make_folder(run.parent)
    settings = run.parent / f"{run.name}.yaml"
    write_atomically(settings, lambda file: file.write(dump_config(config).encode()))
    return call(["train", str(settings), "--run-dir", str(run)], deadline)


def call(words: Sequence[str], deadline: float | None = None) -> int:
    """Run one `projgan` command, printed; at the deadline (of `time.monotonic`) it is asked to stop.

    A training answers with a checkpoint after its current step.
    """
    if not _time_left(deadline):
        return STOPPED
    print(f"projgan {shlex.join(words)}", flush=True)
    with subprocess.Popen([sys.executable, "-m", "projgan", *words]) as process:  # noqa: S603
        try:
            return process.wait(None if deadline is None else deadline - time.monotonic())
        except subprocess.TimeoutExpired:
            process.terminate()
            return process.wait()


def _time_left(deadline: float | None) -> bool:
    return deadline is None or time.monotonic() < deadline
