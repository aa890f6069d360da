"""A table is data: rows of settings, protocols to measure under, and what others have published.

`tables/*.yaml` hold those of the paper; any file of the same form will do.
"""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from projgan.config import RunConfig, differing_keys, explain
from projgan.errors import UserError, nearest_name
from projgan.evaluation.metric_names import PRINTED_AS
from projgan.evaluation.metrics import METRICS, Metric
from runs import FREE_KEYS, configure

FOLDER = Path(__file__).parent / "tables"
NAME = r"^[a-z0-9][a-z0-9-]*$"
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Checked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Published(_Checked):
    """A number that somebody published."""

    by: str
    """Who, such as `paper`."""
    metric: str
    """As `projgan evaluate` calls it with Inception's features."""
    protocol: str
    """The protocol of `projgan evaluate` with as many images."""
    value: Finite
    uncertainty: Finite | None = None
    """What was printed behind ±."""
    settings: str | None = None
    """How the training differs from the row's, in words."""
    source: str
    """Where it stands and was read; a number from memory is not one."""


class MeasuredProtocol(_Checked):
    """What is measured under one protocol; the counts, if given, replace its own."""

    name: Literal["paper", "standard", "intra"]
    metrics: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of numbers with Inception's features; those that cannot be had of a run are left out."""
    real_images: int | None = None
    generated_images: int | None = None
    generated_per_class: int | None = None

    @property
    def counts(self) -> dict[str, int]:
        """The counts that replace the protocol's own."""
        counts = (self.real_images, self.generated_images, self.generated_per_class)
        names = ("real_images", "generated_images", "generated_per_class")
        return {name: count for name, count in zip(names, counts, strict=True) if count is not None}

    @property
    def recorded_name(self) -> str:
        """What the rows of `metrics.jsonl` call it."""
        return "custom" if self.counts else self.name

    @property
    def title(self) -> str:
        """What people call it: with the counts that replace its own."""
        counts = [f"{count:,} {name.replace('_', ' ')}" for name, count in self.counts.items()]
        return self.name + (f" with {', '.join(counts)}" if counts else "")

    @model_validator(mode="after")
    def _metrics_are_known(self) -> "MeasuredProtocol":
        for name in self.metrics:
            if PRINTED_AS.get(name, name) not in METRICS:
                raise ValueError(f"unknown metric {name!r}{nearest_name(name, METRICS)}")
        return self


class Row(_Checked):
    """One method or variation: the preset with some settings changed."""

    name: Annotated[str, Field(pattern=NAME)]
    settings: dict[str, bool | int | float | str | list[float] | list[str] | None] = {}
    """Dotted settings and their values."""
    length: Annotated[float, Field(gt=0, le=100)] = 1
    """Steps, as a multiple of the preset's."""
    published: tuple[Published, ...] = ()
    """What this very row was published to give."""
    others: tuple[Published, ...] = ()
    """The same method under other settings: shown, and never judged against."""


class Table(_Checked):
    """One table of experiments."""

    title: str
    preset: str
    seeds: tuple[int, ...] = (0,)
    data_fingerprints: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...] = ()
    """Of the published experiment's images, in the orders known; runs on others are not judged."""
    protocols: Annotated[tuple[MeasuredProtocol, ...], Field(min_length=1)]
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Table":
        for names in ([row.name for row in self.rows], [each.name for each in self.protocols]):
            if len(set(names)) < len(names):
                raise ValueError(f"a name is given twice among {', '.join(names)}")
        return self


def table_names() -> list[str]:
    """Names of the tables that are here."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_table(name: str) -> Table:
    """Read a table by name, or a YAML file of the same form.

    Raises:
        UserError: no such table, or one that is not in order.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise UserError(f"unknown table {name!r}{nearest_name(name, table_names())}")
    try:
        return Table.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        shown = explain(error) if isinstance(error, ValidationError) else " ".join(str(error).split())
        raise UserError(f"{path}: {shown}") from None


def row_config(row: Row, preset: str, steps: int | None, settings: dict[str, object], seed: int) -> RunConfig:
    """Return the configuration of one run of a row.

    Args:
        row: of the table.
        preset: the table's, or another in its place.
        steps: of a row of length 1, in place of the preset's; the decay is scaled with them.
        settings: dotted settings of every run; those of the row come first.
        seed: of the run.
    """
    base = configure(preset, {}, steps).training.steps
    length = None if steps is None and row.length == 1 else round(base * row.length)
    return configure(preset, settings | row.settings | {"training.seed": seed}, length)


def departure(table: Table, row: Row, config: RunConfig) -> str | None:
    """Say in which setting a run's configuration first departs from the table's; None where it does not."""
    meant = row_config(row, table.preset, None, {}, config.training.seed)
    keys = differing_keys(meant, config)
    for key in sorted(keys, key=lambda key: key != "training.steps"):  # the length first: it says most
        if key not in FREE_KEYS:
            before, now = keys[key]
            return f"{key} {now}, not {before}"
    return None


def applies(name: str, row_is_conditional: bool, is_inception: bool) -> bool:
    """Whether a number can be had of a run with these features."""
    metric: Metric = METRICS[PRINTED_AS.get(name, name)]
    return (row_is_conditional or not metric.conditional) and not (metric.classifies and is_inception)
