"""Words to conditions: a class by name, a mix, values of a vector; and the rows of a grid."""

from collections.abc import Callable, Collection, Iterable, Sequence

import torch
from torch import Tensor

from projgan.data.sources.columns import LARGEST_VALUE
from projgan.data.standardization import Standardization
from projgan.errors import UserError, nearest_name, nearest_of_several
from projgan.generation.mixtures import Mix, pairs_of, place_of
from projgan.names import composed


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
    if not abs(weights.sum().item() - 1) <= 1e-4:  # nor where the sum is no number
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
    condition, columns = (
        torch.zeros(len(names), dtype=torch.float64),
        {composed(name): place for place, name in enumerate(names)},
    )
    for name, value in _once(mix, names, "column=value, as in age=30,height=1.7"):
        if name not in columns:
            raise UserError(f"{place_of(mix)}: unknown column {name!r}{nearest_name(name, names)}")
        column = columns[name]
        condition[column] = (value - units.means[column]) / units.deviations[column]
    if not (condition.abs() <= LARGEST_VALUE).all():
        raise UserError(f"{place_of(mix)}: too far from what the network has learned; give a smaller number")
    return condition.float()


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
