"""What is looked at: a generator, the discriminator beside it, and the run directory where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from projgan.config import RunConfig, load_config
from projgan.config.own_names import OF_ANY_PROGRAM
from projgan.errors import UserError
from projgan.explore.found import FoundImage, found_in
from projgan.files import names_apart
from projgan.generation.conditions_in_words import LARGEST_VECTOR_ROWS, ROWS
from projgan.networks.resnet import Discriminator, Generator
from projgan.storage.checkpoint_generators import open_generator
from projgan.storage.latents_file import load_latents
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import generator_path
from projgan.storage.pairs import discriminator_of
from projgan.storage.run_directory import RunDirectory

MOST_SUBJECTS = 8
NO_DISCRIMINATOR = (
    "There is no discriminator beside this generator. Give a run directory, whose "
    "discriminator.safetensors lies beside its generator.safetensors."
)
MOST_ROWS = 10_000
"""Classes that can be chosen from."""


@dataclass(frozen=True)
class Maker:
    """A generator, the conditions that a person can choose from, and images that were found in it."""

    generator: Generator
    description: NetworkDescription
    rows: tuple[str, ...]
    """Names of the conditions: classes, or places around the mean of a vector; one without a name if none."""
    conditions: Tensor | None
    """Labels [n], or float [n, K]; None for an unconditional generator."""
    found: tuple[FoundImage, ...] = ()

    def condition_of(self, row: int) -> Tensor | None:
        """The condition of a row, [] or [K]."""
        return None if self.conditions is None else self.conditions[row]


@dataclass(frozen=True)
class Subject:
    """One of the things that were named on the command line; nothing in it ever changes."""

    name: str
    given: str
    """As it was typed."""
    maker: Maker | None
    """None where there is none to ask, for the reason `why_no_maker`."""
    discriminator: Discriminator | None
    method: str
    """How the discriminator meets its condition; a name in `READINGS`."""
    run: RunDirectory | None
    config: RunConfig | None
    """Of the run."""
    why_no_maker: str = ""
    why_no_discriminator: str = NO_DISCRIMINATOR


def open_subjects(
    given: Sequence[Path], device: torch.device | str = "cpu", latents: Sequence[Path] = ()
) -> list[Subject]:
    """Read everything that was named.

    Args:
        given: runs, generators' files or models.
        device: where their networks are.
        latents: files of `projgan invert`, each of one of them.

    Raises:
        UserError: too many, one given twice, one that is neither a run nor a generator, or latents of none
            of them.
    """
    if len(given) > MOST_SUBJECTS:
        raise UserError(f"{len(given)} runs are too many for one page; give at most {MOST_SUBJECTS}")
    resolved = [path.resolve() for path in given]
    for path in given:
        if resolved.count(path.resolve()) > 1:
            raise UserError(f"{path}: given twice; name it once")
    subjects = [_open(path, name, device) for path, name in zip(given, names_apart(resolved), strict=True)]
    return _with_found(subjects, latents) if latents else subjects


def _with_found(subjects: Sequence[Subject], paths: Sequence[Path]) -> list[Subject]:
    """Give what is in files of latents to the generators that it was found in."""
    files = {path: load_latents(path) for path in paths}
    found = [found_in(subject.maker.generator, files) if subject.maker else () for subject in subjects]
    known = {one.file for images in found for one in images}
    for path in paths:
        if path not in known:
            raise UserError(f"{path}: found in another generator; name the run that it was found in")
    return [
        replace(subject, maker=subject.maker and replace(subject.maker, found=images))
        for subject, images in zip(subjects, found, strict=True)
    ]


def _open(path: Path, name: str, device: torch.device | str) -> Subject:
    run = RunDirectory(path) if RunDirectory(path).config.is_file() else None
    config = load_config(str(run.config), OF_ANY_PROGRAM) if run else None
    if config and config.data.condition == "low-resolution":
        why = "it enlarges images, which only `projgan super-resolve` shows"
        return Subject(name, str(path), None, None, "", run, config, why)
    if run and not run.generator.exists():
        why = "it has no generator yet; start this page again after its first checkpoint"
        return Subject(name, str(path), None, None, "", run, config, why)
    file = generator_path(path)
    generator, description = open_generator(file, device)
    subject = Subject(name, str(path), _maker(generator, description), None, "", run, config)
    try:
        pair = discriminator_of(file, generator, description)
    except UserError as error:  # of another run, or damaged: all else can be looked at
        return replace(subject, why_no_discriminator=f"{error}.")
    if pair is None:
        return subject
    return replace(subject, discriminator=pair[0], method=str(pair[1].network["condition"]))


def _maker(generator: Generator, description: NetworkDescription) -> Maker:
    if generator.condition is None:
        return Maker(generator, description, ("",), None)
    most = LARGEST_VECTOR_ROWS if generator.condition == "vector" else MOST_ROWS
    names, conditions = ROWS[generator.condition](
        description.class_names, description.standardization, most, description.empty_classes
    )
    return Maker(generator, description, tuple(names), conditions)
