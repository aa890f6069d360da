"""Runs that differ in their seed only are one method; a method is named by what sets it apart."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from projgan.config import RESUMABLE_KEYS, differing_keys
from projgan.errors import UserError, printable
from projgan.report.runs import Run

SEED = "training.seed"
FIRST_KEY = "discriminator.condition"
FIRST_KEYS = (FIRST_KEY, "discriminator.architecture", "generator.architecture")
"""Where methods differ in many settings, these tell a person most."""
IGNORED_KEYS = RESUMABLE_KEYS | {SEED, "finetuning.checkpoint_sha256"}
"""A checkpoint is another one for each seed."""


@dataclass(frozen=True)
class Method:
    """One way of training, with its seeds."""

    name: str
    """Short: the values that set it apart."""
    settings: dict[str, Any]
    """Every key in which the methods differ, with this one's value."""
    unnamed: tuple[str, ...]
    """Those of the keys that no name says: a second difference may explain what the first seems to."""
    runs: tuple[Run, ...]
    """In the order of their seeds."""


def group_runs(runs: Sequence[Run]) -> list[Method]:
    """Return the methods in the order in which their first runs were given.

    Raises:
        UserError: one method has one seed twice, which an interval over seeds would count twice.
    """
    groups: list[list[Run]] = []
    for run in runs:
        for group in groups:
            if not _set_apart(group[0], run):
                group.append(run)
                break
        else:
            groups.append([run])
    for group in groups:
        group.sort(key=lambda run: run.seed)
        for one, other in itertools.pairwise(group):
            if one.seed == other.seed:
                raise UserError(
                    f"{one.name} and {other.name} are one method with one seed ({one.seed}), which "
                    "would count twice; leave one out"
                )
    keys = _differing(groups)
    settings = [{key: _value(group[0], key) for key in keys} for group in groups]
    chosen = _telling_keys(settings)
    # An unconditional discriminator has an unconditional generator, and no other has.
    said = {*chosen, "generator.condition"} if FIRST_KEY in chosen else set(chosen)
    unnamed = tuple(key for key in keys if key not in said)
    return [
        Method(_name(group[0], values, chosen), values, unnamed, tuple(group))
        for values, group in zip(settings, groups, strict=True)
    ]


def _set_apart(one: Run, other: Run) -> set[str]:
    return differing_keys(one.config, other.config).keys() - IGNORED_KEYS


def _differing(groups: Sequence[list[Run]]) -> list[str]:
    """Keys in which methods differ, `FIRST_KEYS` first, then in the order of the configuration."""
    found = set().union(*(_set_apart(groups[0][0], group[0]) for group in groups))
    ordered = [f"{section}.{key}" for section, keys in _sections(groups[0][0]).items() for key in keys]
    return sorted(found, key=lambda key: ([key != first for first in FIRST_KEYS], ordered.index(key)))


def _sections(run: Run) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = run.config.model_dump(mode="json")
    return sections


def _value(run: Run, key: str) -> Any:
    section, name = key.split(".")
    return _sections(run)[section][name]


def _telling_keys(settings: Sequence[dict[str, Any]]) -> list[str]:
    """The first keys that are enough to tell methods apart."""
    chosen: list[str] = []
    for key in settings[0]:
        if _distinct(settings, [*chosen, key]) > _distinct(settings, chosen):
            chosen.append(key)
    return chosen


def _name(run: Run, values: dict[str, Any], chosen: Sequence[str]) -> str:
    if not chosen:
        return str(_value(run, FIRST_KEY))
    return ", ".join(_words(key, values[key], chosen) for key in chosen)


def _distinct(settings: Sequence[dict[str, Any]], keys: Sequence[str]) -> int:
    return len({tuple(str(values[key]) for key in keys) for values in settings})


def _words(key: str, value: Any, keys: Sequence[str]) -> str:
    """`projection`; `width 8`; `generator width 8` where the discriminator's differs too."""
    if key == FIRST_KEY:
        return in_words(value)
    section, name = key.split(".")
    alone = [other.split(".")[1] for other in keys].count(name) == 1
    return f"{name if alone else f'{section} {name}'} {in_words(value)}".replace("_", " ")


def in_words(value: Any) -> str:
    """Write a setting as a person would say it."""
    if value is None or isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(map(str, value)) if isinstance(value, list) else printable(str(value))
