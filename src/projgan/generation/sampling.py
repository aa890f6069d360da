"""Seeds and conditions to images.

One seed is one latent vector, so one seed and one class are one image, whatever is sampled beside it.
Images are generated in lanes (`projgan.lanes`), so that none depends on its neighbours.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from projgan.data.standardization import Standardization
from projgan.errors import UserError, nearest_name, nearest_of_several
from projgan.generation.mixtures import Mix, pairs_of, place_of
from projgan.lanes import in_lanes, lane_size
from projgan.names import composed
from projgan.networks.resnet import Generator
from projgan.pictures.pixels import to_uint8


def latents_of(seeds: Sequence[int], latent_size: int, truncation: float | None = None) -> Tensor:
    """Return the latent vectors of some seeds, float32 [N, latent_size], truncated if a bound is given."""
    latents = torch.stack(
        [torch.randn(latent_size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )
    return latents if truncation is None else truncate(latents, truncation)


def truncate(latents: Tensor, truncation: float) -> Tensor:
    """Move each entry to the same quantile of the normal distribution cut off at +-truncation.

    A seed's image changes smoothly with the bound (Brock et al. 2019 draw again instead; the distribution
    is the same). Float32 of any shape -> the same.
    """
    lower = torch.special.ndtr(torch.tensor(-truncation, dtype=torch.float64))
    quantiles = lower + torch.special.ndtr(latents.double()) * (1 - 2 * lower)
    return torch.special.ndtri(quantiles).float()


def sample(
    generator: Generator,
    seeds: Sequence[int],
    condition: Tensor | None,
    truncation: float | None = None,
    batch_size: int | None = None,
) -> Iterator[Tensor]:
    """Generate one image per seed, batch by batch.

    Args:
        generator: in evaluation mode, on any device.
        seeds: N seeds, each in [0, 2**63).
        condition: labels [N] or float [N, num_classes]; None for an unconditional generator.
        truncation: bound of the latents' entries, or None.
        batch_size: images per batch handed over, which changes nothing in them; None is one lane.

    Yields:
        uint8 [batch_size, channels, R, R] on the CPU in the order of the seeds, the last one perhaps short.
    """
    if batch_size is None:
        yield from _lanes(generator, seeds, condition, truncation)
        return
    waiting = torch.empty(0, dtype=torch.uint8)
    for lane in _lanes(generator, seeds, condition, truncation):
        waiting = torch.cat([waiting, lane]) if len(waiting) else lane
        while len(waiting) >= batch_size:
            yield waiting[:batch_size]
            waiting = waiting[batch_size:]
    if len(waiting):
        yield waiting


def _lanes(
    generator: Generator, seeds: Sequence[int], condition: Tensor | None, truncation: float | None
) -> Iterator[Tensor]:
    lane = lane_size(generator)
    for start in range(0, len(seeds), lane):
        part = slice(start, start + lane)
        latents = latents_of(seeds[part], generator.latent_size, truncation)
        yield from sample_latents(generator, latents, None if condition is None else condition[part])


def sample_latents(generator: Generator, latents: Tensor, condition: Tensor | None) -> Iterator[Tensor]:
    """Generate one image per latent vector, lane by lane.

    Args:
        generator: in evaluation mode, on any device.
        latents: float32 [N, latent_size].
        condition: labels [N] or mixing weights [N, num_classes]; None for an unconditional generator.

    Yields:
        uint8 [lane, channels, R, R] on the CPU in the order of the latents, the last one perhaps short.
    """
    device = next(generator.parameters()).device
    if condition is None:
        condition = torch.zeros(len(latents), dtype=torch.int64)
    for images, count in in_lanes(
        lambda latents, condition: generator(latents.to(device), condition.to(device)),
        lane_size(generator),
        latents,
        condition,
    ):
        yield to_uint8(images[:count]).cpu()


def class_label(name: str, class_names: Sequence[str], empty: Collection[int] = ()) -> int:
    """Return the label of a class given by name, or by position where no class is called by a number.

    Args:
        name: as a person typed it.
        class_names: by label.
        empty: labels of which the network has seen no image.

    Raises:
        UserError: an unknown class, naming the nearest, or one that was never seen.
    """
    labels, name = _labels_of_words(class_names), composed(name)
    if name not in labels:
        raise UserError(f"unknown class {name!r}{nearest_of_several(name, class_names)}")
    if labels[name] in empty:
        raise UserError(
            f"class {name!r} had no images when the network was trained, so there is nothing to show of it; "
            "choose another"
        )
    return labels[name]


def class_labels(names: Sequence[str], class_names: Sequence[str], empty: Collection[int] = ()) -> list[int]:
    """Return the labels of several classes; `all` is every class with images, unless one is called so."""
    if list(names) == ["all"] and "all" not in class_names:
        return _present(class_names, empty)
    return [class_label(name, class_names, empty) for name in names]


def _present(class_names: Sequence[str], empty: Collection[int]) -> list[int]:
    empty = set(empty)
    return [label for label in range(len(class_names)) if label not in empty]


def _labels_of_words(class_names: Sequence[str]) -> dict[str, int]:
    """Every word by which a class may be called."""
    labels = {composed(name): label for label, name in reversed(list(enumerate(class_names)))}
    if any(map(_is_number, class_names)):
        return labels  # a position would be taken for a name, or a name for a position
    return {str(label): label for label in range(len(class_names))} | labels


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def mixing_weights(
    mix: Mix,
    class_names: Sequence[str],
    units: Standardization | None = None,
    empty: Collection[int] = (),
) -> Tensor:
    """Turn `cat=0.3,dog=0.7` into weights over all classes, float32 [num_classes].

    Raises:
        UserError: not of that form, as `class_label`, or weights that do not sum to 1.
    """
    weights = torch.zeros(len(class_names))
    words = _labels_of_words(class_names)
    for name, weight in pairs_of(mix, words, "class=weight, as in cat=0.3,dog=0.7"):
        weights[class_label(name, class_names, empty)] += weight
    if abs(weights.sum().item() - 1) > 1e-4:
        raise UserError(f"{place_of(mix)}: the weights sum to {weights.sum().item():g}; they must sum to 1")
    return weights


def several_classes(
    mix: Mix,
    class_names: Sequence[str],
    units: Standardization | None = None,
    empty: Collection[int] = (),
) -> Tensor:
    """Turn `smiling=1,hat=1` into a condition float32 [num_classes]; a class not named is 0.

    Raises:
        UserError: not of that form, as `class_label`, or one named twice.
    """
    condition = torch.zeros(len(class_names))
    for name, value in _once(mix, _labels_of_words(class_names), "class=1, as in smiling=1,hat=1"):
        condition[class_label(name, class_names, empty)] = value
    return condition


def vector_in_units(
    mix: Mix, names: Sequence[str], units: Standardization | None, empty: Collection[int] = ()
) -> Tensor:
    """Turn `age=30,height=1.7`, in the units of the data, into a condition float32 [K].

    A column not named has its mean.

    Raises:
        UserError: not of that form, an unknown column or one named twice.
    """
    assert units is not None, "a vector has units"
    condition, columns = torch.zeros(len(names)), {composed(name): place for place, name in enumerate(names)}
    for name, value in _once(mix, names, "column=value, as in age=30,height=1.7"):
        if name not in columns:
            raise UserError(f"{place_of(mix)}: unknown column {name!r}{nearest_name(name, names)}")
        column = columns[name]
        condition[column] = (value - units.means[column]) / units.deviations[column]
    return condition


def _once(mix: Mix, known: Iterable[str], form: str) -> list[tuple[str, float]]:
    pairs = pairs_of(mix, known, form)
    twice = [name for index, (name, _) in enumerate(pairs) if name in dict(pairs[:index])]
    if twice:
        raise UserError(f"{place_of(mix)}: {twice[0]!r} is there twice; name it once")
    return pairs


MIXES: dict[str, Callable[[Mix, Sequence[str], Standardization | None, Collection[int]], Tensor]] = {
    "class": mixing_weights,
    "multi-hot": several_classes,
    "vector": vector_in_units,
}
"""How a mix becomes a condition, by its kind.

Called with the mix, the names, the units, and the labels or columns of which there was no image.
"""

Rows = tuple[list[str], Tensor]
ROW_DEVIATIONS = 1.5
LARGEST_VECTOR_ROWS = 25
"""Nobody looks at more, and each takes as many numbers as there are columns."""


def single_classes(
    names: Sequence[str], units: Standardization | None, count: int, empty: Collection[int] = ()
) -> Rows:
    """The first `count` classes that have images, each alone: their names, and labels [n]."""
    labels = _present(names, empty)[:count]
    return [names[label] for label in labels], torch.tensor(labels)


def around_the_mean(
    names: Sequence[str], units: Standardization | None, count: int, empty: Collection[int] = ()
) -> Rows:
    """The mean of all columns, then the first ones 1.5 deviations below and above it, up to `count` rows."""
    assert units is not None, "a vector has units"
    rows, conditions = ["mean"], [torch.zeros(len(names))]
    count = min(count, LARGEST_VECTOR_ROWS)
    for column, name in enumerate(names[: count // 2]):
        for offset in (-ROW_DEVIATIONS, ROW_DEVIATIONS):
            rows.append(f"{name}={units.means[column] + offset * units.deviations[column]:.4g}")
            conditions.append(torch.zeros(len(names)))
            conditions[-1][column] = offset
    return rows[:count], torch.stack(conditions[:count])


ROWS: dict[str, Callable[[Sequence[str], Standardization | None, int, Collection[int]], Rows]] = {
    "class": single_classes,
    "multi-hot": single_classes,
    "vector": around_the_mean,
}
"""What a grid shows where nothing else is asked for, by the kind of condition.

Called with the names, the units, how many rows there may be, and the labels or columns without images.
"""
