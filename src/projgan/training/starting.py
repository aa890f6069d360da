"""Starting from trained weights: other images, other classes, other settings.

What fits is taken by name and shape. Where a tensor has a row for each class, classes of equal names keep
theirs, and new ones start from the mean of all rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from projgan.config import RunConfig, load_config
from projgan.errors import UserError, listed, printable
from projgan.hub.names import is_hub_name
from projgan.networks.resnet import Generator
from projgan.storage.checkpoint_generators import discriminator_weights, open_generator
from projgan.storage.checkpoints import checkpoint_steps
from projgan.storage.hub_models import known_as
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import UnknownMethodError, generator_path
from projgan.storage.pairs import discriminator_of
from projgan.storage.run_directory import RunDirectory
from projgan.storage.run_networks import build_networks
from projgan.storage.teachers import teachers_of
from projgan.training.trainer import Trainer

LEAST_SHARE = 0.5
"""Of a network's tensors: with fewer, the two have little in common."""


@dataclass(frozen=True)
class Taken:
    """What one network took from another."""

    network: str
    tensors: int
    of: int
    left: tuple[str, ...]
    """Names of what was not taken, and why."""

    def to_text(self) -> str:
        """Return it as a line for a person."""
        few = listed(self.left, 3, between="; ")
        return f"{self.network}: {self.tensors} of {self.of} tensors taken{f', not {few}' if few else ''}"


def with_earlier_teachers(config: RunConfig, directory: RunDirectory) -> RunConfig:
    """Return the settings with the teachers of the weights that a run starts from, or has started from.

    Raises:
        UserError: no such generator as `training.start_from`.
    """
    settings = config.training
    if checkpoint_steps(directory.checkpoints):  # what it started from may be gone
        found = load_config(str(directory.config)).training.earlier_teachers
    elif settings.start_from is not None and config.finetuning.run is None:
        _, description = open_generator(generator_path(Path(settings.start_from)))
        found = teachers_of(description.provenance.settings)
    else:
        return config
    known = tuple(dict.fromkeys((*settings.earlier_teachers, *found)))
    return config.model_copy(update={"training": settings.model_copy(update={"earlier_teachers": known})})


def start_from(trainer: Trainer, config: RunConfig, names: Sequence[str]) -> list[str]:
    """Give a run's networks the weights of `training.start_from`; returns what was taken, in lines.

    Optimisers begin anew, and the moving average begins at the weights taken.

    Args:
        trainer: at step 0.
        config: of the run.
        names: of its classes, in the order of its labels.

    Raises:
        UserError: no such generator, or one that has little in common with the run's.
    """
    given = config.training.start_from
    assert given is not None
    place = generator_path(Path(given))
    source, description = open_generator(place, trainer.ranks.device)
    why_none = "none lies beside that generator"
    try:
        judge = _discriminator_weights(place, source, description)
    except UnknownMethodError:
        judge, why_none = None, "it meets the condition by a method that is not known here"
    rows = class_rows(config, len(names))
    theirs = description.class_names if source.condition == "class" else ()
    said = [_words_of_classes(names, theirs, known_as(place) if is_hub_name(given) else str(place))]
    for which, (network, other) in enumerate(
        ((trainer.generator, source.state_dict()), (trainer.discriminator, judge))
    ):
        name = ("generator", "discriminator")[which]
        if other is None:
            said.append(f"{name}: {why_none}, so it starts at random")
            continue
        taken = take(network, names, other, theirs, rows[which], name)
        if taken.tensors < LEAST_SHARE * taken.of:
            raise UserError(
                f"{place}: its {name} has little in common with this run's ({taken.to_text()}); choose "
                "settings like its own: architecture, width and data.channels"
            )
        said.append(taken.to_text())
    if trainer.average:
        trainer.average.generator.load_state_dict(trainer.generator.state_dict())
    return said


def _discriminator_weights(
    place: Path, source: Generator, description: NetworkDescription
) -> Mapping[str, Tensor] | None:
    """Those in the checkpoint itself, or of the file beside the generator's; None without one."""
    if place.suffix == ".pt":
        return discriminator_weights(place)
    pair = discriminator_of(place, source, description, of_one_step=False)
    return pair[0].state_dict() if pair else None


def class_rows(config: RunConfig, num_classes: int) -> tuple[set[str], set[str]]:
    """Return the names of those tensors of generator and discriminator that have one row a class.

    They are found by building the networks for one class more, without memory.
    """
    with torch.device("meta"):
        ours, more = build_networks(config, num_classes), build_networks(config, num_classes + 1)
    found = []
    for network, larger in zip(ours, more, strict=True):
        shapes = {name: tensor.shape for name, tensor in larger.state_dict().items()}
        found.append(
            {
                name
                for name, tensor in network.state_dict().items()
                if tensor.shape[:1] == (num_classes,) and shapes[name][:1] == (num_classes + 1,)
            }
        )
    return found[0], found[1]


@torch.no_grad()
def take(
    network: nn.Module,
    names: Sequence[str],
    source: Mapping[str, Tensor],
    source_names: Sequence[str],
    rows: set[str],
    called: str,
) -> Taken:
    """Copy what fits into a network's tensors, in place.

    Args:
        network: the one that starts.
        names: of its classes.
        source: the tensors of the trained network.
        source_names: of its classes; none where it met none.
        rows: names of the tensors with one row a class.
        called: what the network is called in words.
    """
    state = network.state_dict()
    left = []
    for name, tensor in state.items():
        if name not in source:
            left.append(f"{name} (not there)")
            continue
        given = source[name].to(tensor.device)
        if name in rows:
            given = _for_classes(given, tensor, names, source_names)
        if given.shape != tensor.shape:
            left.append(f"{name} ({_shape(given)} there, {_shape(tensor)} here)")
            continue
        tensor.copy_(given)
    return Taken(called, len(state) - len(left), len(state), tuple(left))


def _for_classes(given: Tensor, tensor: Tensor, names: Sequence[str], source_names: Sequence[str]) -> Tensor:
    """The rows of each class: its own where the source knows its name, else the mean of all."""
    if given.shape == tensor.shape[1:]:  # no classes there: every class starts from what there is
        return given.expand_as(tensor)
    if len(given) != len(source_names) or given.shape[1:] != tensor.shape[1:]:
        return given
    known = {name: label for label, name in enumerate(source_names)}
    mean = given.mean(dim=0)
    return torch.stack([given[known[name]] if name in known else mean for name in names])


def _words_of_classes(names: Sequence[str], theirs: Sequence[str], place: str) -> str:
    shared = [name for name in names if name in set(theirs)]
    if not theirs:
        return f"starting from {place}, which has no classes"
    if len(shared) == len(names):
        return f"starting from {place}; it knows all {len(names)} classes"
    new = [name for name in names if name not in set(theirs)]
    few = ", ".join(map(printable, new[:5])) + (", …" if len(new) > 5 else "")
    return f"starting from {place}; it knows {len(shared)} of {len(names)} classes, new: {few}"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"
