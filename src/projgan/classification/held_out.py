"""Which images a classifier learns from, and which it is measured on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from projgan.config import Fit
from projgan.data import PackedImages, Source, load_images, open_source, reading_of
from projgan.data.decoding import OnUnreadable
from projgan.data.empty_classes import empty_classes
from projgan.data.tensors import as_tensor
from projgan.data.verification import Verify
from projgan.errors import UserError, printable
from projgan.listening import Count
from projgan.randomness import generator_at

HELD_OUT_SHARE = 0.1


@dataclass(frozen=True)
class LabelledParts:
    """Images to learn from and images to measure on, of the same classes.

    Attributes:
        images, labels: uint8 [N, C, H, W] and int64 [N], to learn from.
        test_images, test_labels: the same of those to measure on.
        test_split: the data's part these are, or "held-out" for a tenth of its training part.
        class_names: names by label.
        empty: labels of declared classes of which there is no image to learn from.
        name: the data set's.
        fingerprint: sha256 of the training part with what was held out of it, as packed.
    """

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    test_split: str
    class_names: tuple[str, ...]
    name: str
    fingerprint: str
    empty: tuple[int, ...] = ()


def load_parts(
    location: str,
    *,
    resolution: int,
    channels: int,
    fit: Fit = "crop",
    seed: int,
    cache: Path | None,
    progress: Count | None = None,
    on_unreadable: OnUnreadable = "error",
    said: Callable[[str], None] = lambda message: None,
    verify: Verify = "once",
) -> LabelledParts:
    """Load the training part of a data set, and its test part or else a seeded tenth held out of every class.

    Raises:
        UserError: nothing there, unreadable images, one class only, or too few images to hold any out.
    """

    def load(place: str | Source, split: str | None = None) -> PackedImages:
        images = load_images(
            place,
            split=split,
            resolution=resolution,
            channels=channels,
            fit=fit,
            cache=cache,
            progress=progress,
            on_unreadable=on_unreadable,
            verify=verify,
        )
        for words in images.loading_words:
            said(words)
        return images

    source = open_source(location)
    learned = load(source)
    present = [name for name in learned.class_names if name not in learned.empty_classes]
    if len(present) < 2:
        raise UserError(
            f"{location}: images of one class only ({printable(present[0])}); there is nothing to tell apart"
        )
    for line in reading_of(source):
        said(f"{source.name}: {line}")
    for words in filter(None, (learned.empty_words, learned.depth_words)):
        said(words)
    images, labels = as_tensor(learned.images), as_tensor(learned.labels)
    test_split = source.test_split
    if test_split is not None:
        test = load(location, test_split)
        test_images, test_labels = as_tensor(test.images), labels_by_name(test, learned)
    else:
        test_split = "held-out"
        held_out = stratified_tenth(labels, seed)
        if not held_out.any():
            raise UserError(f"{location}: no class has two images, so none can be held out to measure on")
        test_images, test_labels = images[held_out], labels[held_out]
        images, labels = images[~held_out], labels[~held_out]
    return LabelledParts(
        images,
        labels,
        test_images,
        test_labels,
        test_split,
        learned.class_names,
        learned.name,
        learned.fingerprint,
        empty_classes(learned.labels, learned.num_classes),
    )


def stratified_tenth(labels: Tensor, seed: int) -> Tensor:
    """Choose a tenth of every class at random, rounded, but at least one image of each class that has two.

    Args:
        labels: int64 [N].
        seed: one seed is one choice.

    Returns:
        bool [N], true where held out.
    """
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique().tolist():
        members = (labels == label).nonzero().flatten()
        order = torch.randperm(len(members), generator=generator_at(seed, "classifier-held-out", label))
        count = max(round(HELD_OUT_SHARE * len(members)), 1) if len(members) > 1 else 0
        held_out[members[order[:count]]] = True
    return held_out


def labels_by_name(test: PackedImages, learned: PackedImages) -> Tensor:
    """Return the labels of a test part, int64 [N], in the order of the training part's classes.

    Raises:
        UserError: the test part has images of a class of which the training part has none.
    """
    known = {learned.class_names[label]: label for label in set(learned.labels.tolist())}
    unknown = sorted({test.class_names[label] for label in set(test.labels.tolist())} - known.keys())
    if unknown:
        raise UserError(
            f"{test.name}: its {test.split} part has a class {printable(unknown[0])} that its training part "
            "lacks; rename or remove it"
        )
    table = torch.tensor([known.get(name, -1) for name in test.class_names])
    return table[as_tensor(test.labels)]
