"""What is in a data set: counts, sizes, kinds of pixels, and what a person should know before training."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from projgan.data.description import SHOWN, Column, Description, Span
from projgan.data.empty_classes import empty_classes, words_on_empty
from projgan.data.reading import reading_of
from projgan.data.sample_depth import words_on_depth
from projgan.data.sources import Source, open_source
from projgan.data.sources.columns import ONE_CLASS, ConditionRequest
from projgan.data.survey import Survey, survey
from projgan.errors import listed
from projgan.listening import Count

_RARE = 10
"""A class this many times smaller than the largest is remarked on."""


def describe(
    location: str | Path,
    split: str | None = None,
    progress: Count | None = None,
    request: ConditionRequest = ONE_CLASS,
) -> Description:
    """Return what is at `location`, after decoding every image once.

    Raises:
        UserError: nothing there can be read as labelled images; single unreadable ones are only reported.
    """
    source = open_source(location, split, request)
    classes_from, *passed_over = reading_of(source)
    seen = survey(source, progress, pixels=True)
    counts = Counter(source.labels.tolist())
    classes = {source.class_names[label]: counts[label] for label in sorted(counts)}
    empty = tuple(
        source.class_names[label] for label in empty_classes(source.labels, len(source.class_names))
    )
    condition_remarks = (
        _class_remarks(classes, empty) if source.conditions is None else _column_remarks(source)
    )
    return Description(
        kind=source.kind,
        name=source.name,
        location=source.location,
        split=source.split,
        splits=source.splits,
        count=len(source),
        classes=classes,
        empty_classes=empty,
        imbalance=max(classes.values()) / min(classes.values()),
        width=_span([width for width, _ in seen.sizes.elements()]),
        height=_span([height for _, height in seen.sizes.elements()]),
        sizes={f"{width}x{height}": count for (width, height), count in seen.sizes.most_common(SHOWN)},
        modes=dict(seen.modes.most_common()),
        formats=dict(seen.formats.most_common()),
        unreadable=tuple(seen.failures),
        bytes=source.total_bytes,
        fingerprint=source.fingerprint,
        classes_from=classes_from,
        remarks=(
            *source.problems,
            *passed_over,
            *condition_remarks,
            *_size_remarks(seen),
            *_pixel_remarks(seen),
        ),
        columns=_columns(source),
    )


def _columns(source: Source) -> dict[str, Column]:
    if source.conditions is None:
        return {}
    least, mean, greatest = (
        values.tolist()
        for values in (
            source.conditions.min(axis=0),
            source.conditions.mean(axis=0, dtype=np.float64),
            source.conditions.max(axis=0),
        )
    )
    return {
        name: Column(minimum=least[index], mean=mean[index], maximum=greatest[index])
        for index, name in enumerate(source.condition_names)
    }


def _column_remarks(source: Source) -> list[str]:
    same = [name for name, column in _columns(source).items() if column.minimum == column.maximum]
    if not same:
        return []
    return [f"{len(same)} columns are the same for every image, so they teach nothing: {listed(same)}"]


def _span(lengths: Sequence[int]) -> Span | None:
    if not lengths:
        return None
    ordered = sorted(lengths)
    return Span(minimum=ordered[0], median=ordered[len(ordered) // 2], maximum=ordered[-1])


def _class_remarks(classes: dict[str, int], empty: Sequence[str]) -> list[str]:
    remarks = []
    if len(classes) == 1:
        remarks.append("one class only: conditional training needs two")
    if empty:
        remarks.append(words_on_empty(empty, len(classes) + len(empty)))
    largest = max(classes.values())
    rare = sorted((count, name) for name, count in classes.items() if count * _RARE <= largest)
    for count, name in rare[:SHOWN]:
        images = "1 image" if count == 1 else f"{count} images"
        remarks.append(f"class {name} has {images}, 1/{round(largest / count)} of the largest")
    if len(rare) > SHOWN:
        remarks.append(f"{len(rare) - SHOWN} more classes are {_RARE} times smaller than the largest or more")
    return remarks


def _size_remarks(seen: Survey) -> list[str]:
    if not seen.sizes:
        return []
    if len(seen.sizes) > 1:
        smallest = min(seen.sizes, key=lambda size: (size[0] * size[1], size))
        largest = max(seen.sizes, key=lambda size: (size[0] * size[1], size))
        return [
            f"sizes vary from {smallest[0]}x{smallest[1]} to {largest[0]}x{largest[1]}: "
            "each image is cut to its centre square and resized (see data.fit)"
        ]
    ((width, height),) = seen.sizes
    if width != height:
        return [f"images are {width}x{height}: each is cut to its centre square (see data.fit)"]
    return []


def _pixel_remarks(seen: Survey) -> list[str]:
    remarks = []
    if 0 < seen.grey < seen.modes.total():
        remarks.append(f"{seen.grey} greyscale images in a set of colour become RGB")
    transparent = sum(seen.modes[mode] for mode in ("RGBA", "RGBa", "LA", "La", "PA"))
    if transparent:
        remarks.append(f"{transparent} images may be transparent: they are laid over white")
    if words_on_depth(seen.depths):
        remarks.append(words_on_depth(seen.depths))
    if seen.failures:
        remarks.append(
            f"{len(seen.failures)} images cannot be read: every command refuses them, or leaves them out "
            "with --on-unreadable skip"
        )
    return remarks
