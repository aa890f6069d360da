"""Runs as a report needs them, read once and checked: no two of other data or other classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import nn

from projgan.config import RunConfig, load_config
from projgan.config.own_names import OF_ANY_PROGRAM
from projgan.errors import UserError, printable
from projgan.evaluation.rows import MetricRow
from projgan.files import names_apart
from projgan.networks.conditions import CONDITIONS
from projgan.storage.network_description import Provenance
from projgan.storage.network_file import count_parameters, discriminator_shapes, load_generator
from projgan.storage.run_directory import RunDirectory, refuse_no_run
from projgan.stored import first_mistake


@dataclass(frozen=True)
class Run:
    """One run, without its weights."""

    name: str
    """As much of the end of its path as sets it apart from the other runs."""
    path: Path
    config: RunConfig
    provenance: Provenance
    """Of the generator."""
    class_names: tuple[str, ...]
    present_classes: tuple[int, ...]
    """Labels of the classes that have images."""
    generator_parameters: int
    discriminator_parameters: int | None
    """None where no discriminator was kept."""
    discriminator_shapes: frozenset[tuple[str, tuple[int, ...]]] | None
    """Names and shapes of its tensors; None without its file."""
    stats: tuple[dict[str, Any], ...]
    """Rows of `stats.jsonl`."""
    rows: tuple[MetricRow, ...]
    """Measured numbers of the run's own generator, in the order they were written."""
    damaged_rows: int = 0
    """Lines of `metrics.jsonl` that cannot be read."""

    @property
    def seed(self) -> int:
        """Seed of the training."""
        return self.config.training.seed


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """Read run directories.

    Raises:
        UserError: none given, one given twice, one that is no run, or two of other images or classes.
    """
    if not paths:
        raise UserError("no run given; name one run directory or more, such as runs/demo")
    resolved = [path.resolve() for path in paths]
    for path in paths:
        if resolved.count(path.resolve()) > 1:
            raise UserError(f"{path}: given twice; a run counts once")
    runs = [_read(path, name) for path, name in zip(paths, names_apart(resolved), strict=True)]
    for run in runs[1:]:
        _refuse_other_data(runs[0], run)
    return runs


def _read(path: Path, name: str) -> Run:
    directory = RunDirectory(path)
    refuse_no_run(path)
    if not directory.generator.is_file():
        raise UserError(f"{path}: no generator.safetensors there; the run has not reached a checkpoint yet")
    generator, description = load_generator(directory.generator)
    config, beside = load_config(str(directory.config), OF_ANY_PROGRAM), directory.discriminator
    return Run(
        name=name,
        path=path,
        config=config,
        provenance=description.provenance,
        class_names=description.class_names,
        present_classes=tuple(description.present_classes),
        generator_parameters=_count_parameters(generator),
        discriminator_parameters=_count_of_discriminator(directory, config),
        discriminator_shapes=discriminator_shapes(beside) if beside.is_file() else None,
        stats=tuple(directory.read_stats()),
        rows=_read_rows(directory),
        damaged_rows=directory.count_damaged_metrics(),
    )


def _count_of_discriminator(directory: RunDirectory, config: RunConfig) -> int | None:
    """None where there is none, or where it meets the condition in a way that another program brought."""
    if not directory.discriminator.is_file() or config.discriminator.condition not in CONDITIONS:
        return None
    return count_parameters(directory.discriminator)


def _count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _read_rows(directory: RunDirectory) -> tuple[MetricRow, ...]:
    rows = []
    for values in directory.read_metrics():
        try:
            row = MetricRow.model_validate(values)
        except ValidationError as error:
            raise UserError(
                f"{directory.metrics}: a row of {printable(values['metric'])} is not one this version reads: "
                f"{first_mistake(error)}"
            ) from None
        if row.subject.kind == "generator" and row.subject.step is not None:
            rows.append(row)
    return tuple(rows)


def _refuse_other_data(one: Run, other: Run) -> None:
    if one.class_names != other.class_names:
        ours, theirs = len(one.class_names), len(other.class_names)
        difference = f"{ours} and {theirs} classes" if ours != theirs else "other class names"
        raise UserError(
            f"{one.name} and {other.name} have {difference}: runs on other data cannot be compared"
        )
    ours_of, theirs_of = one.provenance, other.provenance
    if ours_of.data_fingerprint != theirs_of.data_fingerprint:
        raise UserError(
            f"{one.name} was trained on {printable(ours_of.data)} ({ours_of.data_fingerprint[:12]}) and "
            f"{other.name} on {printable(theirs_of.data)} ({theirs_of.data_fingerprint[:12]}): runs on other "
            "data, resolution or channels cannot be compared"
        )
