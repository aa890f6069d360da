"""Which classes an evaluation is of: those with real images, of which a generator has seen some too."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from projgan.data import PackedImages
from projgan.data.empty_classes import empty_classes
from projgan.errors import UserError, listed


def classes_with_images(data: PackedImages) -> Tensor:
    """Return the labels that some image has, int64 [K], ascending."""
    empty = empty_classes(data.labels, data.num_classes)
    return torch.from_numpy(np.delete(np.arange(data.num_classes), empty))


def classes_to_measure(
    with_images: Tensor, never_seen: Sequence[int], names: Sequence[str], subject: str
) -> tuple[Tensor, str]:
    """Return the labels of classes that have real images and that a generator has seen, and what to say.

    Args:
        with_images: int64 [K], of the real images.
        never_seen: labels of which the generator has seen no image.
        names: by label.
        subject: whose images are measured.

    Raises:
        UserError: none is left.
    """
    seen = ~torch.isin(with_images, torch.tensor(never_seen, dtype=torch.int64))
    if not seen.any():
        raise UserError(f"{subject} has seen no image of any class that there are real images of")
    missing = names_of(with_images[~seen], names)
    said = missing and f"{subject} has seen no image of {listed(missing)}, so none is made of that"
    return with_images[seen], said or ""


def names_of(classes: Tensor, names: Sequence[str]) -> list[str]:
    """Return the names of labels [K]."""
    return [names[label] for label in classes.tolist()]


def rarest(labels: Tensor, classes: Tensor) -> tuple[int, int]:
    """Return the class of which there are fewest images, the first of equals, and how many these are."""
    counts = torch.bincount(labels, minlength=int(classes.max()) + 1)[classes]
    place = int(counts.argmin())
    return int(classes[place]), int(counts[place])


def shortage(
    metric: str, needed: Sequence[tuple[str, Tensor, int]], classes: Tensor, names: Sequence[str]
) -> str:
    """Say which class has fewer images than a metric needs of each; "" where none has.

    Args:
        metric: its name.
        needed: of each kind of images its name, its labels int64 [N], and how many are needed of a class.
        classes: int64 [K], labels.
        names: by label.
    """
    for kind, labels, least in needed:
        label, count = rarest(labels, classes)
        if count < least:
            return f"class {names[label]} has {count} {kind} image(s), and {metric} needs {least} of each"
    return ""
