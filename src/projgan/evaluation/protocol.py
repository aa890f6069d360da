"""How many images a number is made of, and of which classes: the published protocols, by name."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from projgan.errors import UserError, nearest_name
from projgan.randomness import generator_at

LARGEST_COUNT = 10_000_000


@dataclass(frozen=True)
class Protocol:
    """Counts of images, and the classes of the generated ones."""

    name: str
    real_images: int | None
    """Drawn at random from the real split; None for all of it."""
    generated_images: int | None
    """In all; None where they are counted per class."""
    generated_per_class: int | None
    """Of each class; None where they are counted in all."""
    labels: Literal["as-real", "balanced"]
    """Classes in the proportions of the real images, or as many images of each."""


PROTOCOLS: dict[str, Protocol] = {
    "paper": Protocol("paper", 10_000, 5_000, None, "balanced"),
    "standard": Protocol("standard", None, 50_000, None, "as-real"),
    "intra": Protocol("intra", None, None, 5_000, "balanced"),
}
"""`paper`: CIFAR FID as Miyato & Koyama 2018 count (kwotsin/mimicry matched 17.5 with it; paper code: uniform
labels). `standard`: what most report since (Heusel et al. 2017). `intra`: within-class FID, same paper."""


def choose_protocol(
    name: str,
    real_images: int | None = None,
    generated_images: int | None = None,
    generated_per_class: int | None = None,
) -> Protocol:
    """Return the protocol of a name, or with other counts one that is called `custom`.

    Raises:
        UserError: no such protocol, or counts that are none or contradict it.
    """
    if name not in PROTOCOLS:
        raise UserError(f"unknown protocol {name!r}{nearest_name(name, PROTOCOLS)}")
    protocol = PROTOCOLS[name]
    counts = {
        "real_images": real_images,
        "generated_images": generated_images,
        "generated_per_class": generated_per_class,
    }
    given = {key: count for key, count in counts.items() if count is not None}
    for key, count in given.items():
        if not 2 <= count <= LARGEST_COUNT:
            raise UserError(f"{key} is {count}; it must be from 2 to {LARGEST_COUNT:,}")
    if protocol.generated_images is None and generated_images is not None:
        raise UserError(f"protocol {name} counts generated images per class; give generated_per_class")
    if protocol.generated_per_class is None and generated_per_class is not None:
        raise UserError(f"protocol {name} counts generated images in all; give generated_images")
    return replace(protocol, name="custom", **given) if given else protocol  # type: ignore[arg-type]


def choose_real(protocol: Protocol, available: int, seed: int) -> Tensor:
    """Return which of the real images are compared with, int64 [N] in ascending order.

    Raises:
        UserError: the protocol wants more than there are.
    """
    if protocol.real_images is None:
        return torch.arange(available)
    if protocol.real_images > available:
        raise UserError(
            f"protocol {protocol.name} compares with {protocol.real_images:,} real images, and there are "
            f"{available:,}; give real_images {available} (the numbers are then of a protocol of your own)"
        )
    order = torch.randperm(available, generator=generator_at(seed, "evaluation-real", 0))
    return order[: protocol.real_images].sort().values


def choose_labels(protocol: Protocol, real_labels: Tensor, classes: Tensor, seed: int) -> Tensor:
    """Return the classes of the images to be generated, int64 [N], in random order.

    `as-real` is the proportions of the real labels rounded by largest remainder; `balanced` gives the first
    classes one more where the number of classes does not divide N.

    Args:
        protocol: how many.
        real_labels: int64 [M], of the real images compared with.
        classes: int64 [K], labels to choose among, ascending.
        seed: of the order.

    Raises:
        UserError: no real image is of any of these classes, whose proportions are wanted.
    """
    if protocol.generated_per_class is not None:
        counts = torch.full((len(classes),), protocol.generated_per_class)
    else:
        assert protocol.generated_images is not None
        shares = torch.bincount(real_labels, minlength=int(classes.max()) + 1)[classes].double()
        if protocol.labels == "balanced":
            shares = torch.ones(len(classes), dtype=torch.float64)
        counts = _apportion(shares, protocol.generated_images)
    labels = classes.repeat_interleave(counts)
    return labels[torch.randperm(len(labels), generator=generator_at(seed, "evaluation-labels", 0))]


def _apportion(shares: Tensor, total: int) -> Tensor:
    if not shares.any():
        raise UserError(
            "none of the real images compared with is of a class to be generated; compare with more"
        )
    exact = shares / shares.sum() * total
    counts = (exact + 1e-9).floor().long()  # a share that rounding left just below a whole number is whole
    missing = total - int(counts.sum())
    largest = (exact - counts).argsort(descending=True, stable=True)[:missing]
    counts[largest] += 1
    return counts
