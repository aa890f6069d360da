"""Runs made small enough to carry to another machine: what the next one needs of each, and no more.

Of a finished run that is its generator and its numbers; of another one, its newest checkpoint too.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from projgan.files import make_folder
from projgan.storage.checkpoints import checkpoint_path, checkpoint_steps
from projgan.storage.network_file import load_generator
from projgan.storage.run_directory import RunDirectory


def pack(run: Path, finished: bool, folder: Path) -> None:
    """Copy a run to `folder`, in place of what it held of it."""
    parts, copy = RunDirectory(run), folder / f".{run.name}.tmp"
    if not parts.config.is_file():
        return
    shutil.rmtree(copy, ignore_errors=True)
    _copy([parts.config, parts.generator, parts.stats, parts.metrics], copy)
    steps = checkpoint_steps(parts.checkpoints)
    if steps and not finished:
        _copy([checkpoint_path(parts.checkpoints, steps[-1])], copy / parts.checkpoints.name)
    shutil.rmtree(folder / run.name, ignore_errors=True)
    copy.rename(folder / run.name)  # whole, or not there


def unpack(run: Path, folder: Path) -> None:
    """Bring a run from `folder`, where it is further on than here."""
    parts = RunDirectory(folder / run.name)
    if parts.config.is_file() and _progress(parts.path) > _progress(run):
        shutil.rmtree(run, ignore_errors=True)
        _copy([parts.config, parts.generator, parts.stats, parts.metrics], run)
        _copy(parts.checkpoints.glob("step-*.pt"), run / parts.checkpoints.name)


def _progress(run: Path) -> tuple[int, int]:
    """Steps that are kept of a run, then how much has been measured of it."""
    parts = RunDirectory(run)
    steps = [-1, *checkpoint_steps(parts.checkpoints)]
    if parts.generator.is_file():
        steps.append(load_generator(parts.generator)[1].provenance.step)
    return max(steps), len(parts.read_metrics())


def _copy(files: Iterable[Path], folder: Path) -> None:
    make_folder(folder)
    for file in files:
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
