"""What a notebook asks of a generator, to images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from projgan.api.given import drawn_by_hand, names_of
from projgan.errors import UserError
from projgan.generation.conditions_in_words import MIXES, class_labels
from projgan.generation.rejection import most_real
from projgan.generation.request import SampleRequest
from projgan.generation.sampling import sample, sample_latents, truncate
from projgan.request import named_as_arguments

if TYPE_CHECKING:
    from projgan.api.gan import GAN

Classes = str | Sequence[str] | Mapping[str, float] | None


def sampled(
    gan: "GAN",
    classes: Classes,
    count: int,
    seed: int,
    truncation: float | None,
    reject: float | None,
    latents: Tensor | None,
) -> Tensor:
    """Return uint8 [N, channels, R, R] on the CPU; see `GAN.sample`."""
    if latents is not None:
        if (count, seed, reject) != (1, 0, None):
            raise UserError("latents take the place of count, seed and reject; leave these out")
        return _of_latents(gan, latents, classes, truncation)
    with named_as_arguments():
        asked = SampleRequest(count=count, seed=seed, truncation=truncation, reject=reject)
    rows = _conditions(gan, classes)
    seeds = [one for row in rows for one in _seeds(gan, asked, row)]
    conditions = None if rows[0] is None else torch.stack([row for row in rows if row is not None])
    repeated = None if conditions is None else conditions.repeat_interleave(asked.count, dim=0)
    return torch.cat(list(sample(gan.generator, seeds, repeated, asked.truncation)))


def _of_latents(gan: "GAN", latents: Tensor, classes: Classes, truncation: float | None) -> Tensor:
    drawn = drawn_by_hand(latents, gan.generator.latent_size)
    with named_as_arguments():
        bound = SampleRequest(truncation=truncation).truncation
    drawn = drawn if bound is None else truncate(drawn, bound)
    rows = _conditions(gan, classes)
    given = [None if row is None else row.expand(len(drawn), *row.shape) for row in rows]
    return torch.cat([part for row in given for part in sample_latents(gan.generator, drawn, row)])


def _conditions(gan: "GAN", classes: Classes) -> list[Tensor | None]:
    """One condition a row; None for an unconditional generator."""
    kind, names, empty = gan.generator.condition, gan.class_names, gan.description.empty_classes
    if kind is None:
        if classes is not None:
            raise UserError(f"{gan.path}: an unconditional generator; it takes no classes")
        return [None]
    if isinstance(classes, Mapping):
        return [MIXES[kind](classes, names, gan.description.standardization, empty)]
    if kind != "class":
        raise UserError(f"{gan.path}: its condition is {kind}; give a dict of values")
    asked = gan.shown_classes if classes is None else names_of(classes)
    return list(torch.tensor(class_labels(asked, names, empty)))


def _seeds(gan: "GAN", asked: SampleRequest, condition: Tensor | None) -> Sequence[int]:
    if asked.reject is None:
        return asked.pool
    if gan.discriminator is None:
        raise UserError(f"{gan.path}: there is no discriminator.safetensors beside it to reject with")
    return most_real(gan.generator, gan.discriminator, asked.pool, asked.count, condition, asked.truncation)
