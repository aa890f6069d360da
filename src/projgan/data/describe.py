"""What is in a data set: counts, sizes, kinds of pixels, and what a person should know before training."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from projgan.data.decode import Unreadable, UnreadableImageError, to_eight_bits
from projgan.data.empty_classes import empty_classes, listed, words_on_empty
from projgan.data.parallel import map_items
from projgan.data.reading import reading_of
from projgan.data.sample_depth import stored_bits, used_bits, words_on_depth
from projgan.data.sources import Item, Source, open_source
from projgan.data.sources.columns import ONE_CLASS, ConditionRequest
from projgan.errors import visible
from projgan.listening import Count, told

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_RARE = 10
"""A class this many times smaller than the largest is remarked on."""
_SHOWN = 5
_ALL_CLASSES_SHOWN = 30


class Span(BaseModel):
    """The least, the median and the greatest of some lengths in pixels."""

    model_config = ConfigDict(frozen=True)

    minimum: int
    median: int
    maximum: int


class Column(BaseModel):
    """The least, the mean and the greatest value of one column of a condition."""

    model_config = ConfigDict(frozen=True)

    minimum: float
    mean: float
    maximum: float


class Description(BaseModel):
    """Facts of a data set; every count is of images.

    Attributes:
        count: all images listed, readable or not.
        classes: images per class name, in the order of labels, of the classes that have some.
        empty_classes: names of declared classes without any image.
        imbalance: largest class divided by the smallest that has images.
        width, height: of the readable images; None when there are none.
        sizes: the most common sizes ("32x32") with their counts.
        modes: Pillow's pixel modes ("RGB", "L") with their counts.
        formats: file formats with their counts; "pixels" where images are stored as arrays.
        bytes: size of all encoded images.
        classes_from: what was taken for classes, and from where, in a line.
        remarks: what was passed over and what to know before training, one line each.
        columns: of the condition by name, where another than one class per image was asked for.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    name: str
    location: str
    split: str | None
    splits: tuple[str, ...]
    count: int
    classes: dict[str, int]
    imbalance: float
    width: Span | None
    height: Span | None
    sizes: dict[str, int]
    modes: dict[str, int]
    formats: dict[str, int]
    unreadable: tuple[Unreadable, ...]
    bytes: int
    fingerprint: str
    classes_from: str
    remarks: tuple[str, ...]
    columns: dict[str, Column] = {}
    empty_classes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the facts as plain values for JSON."""
        return self.model_dump(mode="json")

    def to_text(self) -> str:
        """Return the facts as lines a person reads, without a newline at the end."""
        return "\n".join(visible(line) for line in _lines(self))


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
    seen = _look(source, progress)
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
        sizes={f"{width}x{height}": count for (width, height), count in seen.sizes.most_common(_SHOWN)},
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


@dataclass
class _Seen:
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    failures: list[Unreadable] = field(default_factory=list)
    depths: Counter[int] = field(default_factory=Counter)


def _look(source: Source, progress: Count | None) -> _Seen:
    def examine(item: Item) -> tuple[tuple[int, int], str, str, int | None] | Unreadable:
        try:
            image = item.open()
            mode, kind, stored = image.mode, image.format or "pixels", stored_bits(image)
            size = to_eight_bits(image, source.item_name(item.index)).size
            return size, mode, kind, used_bits(image) if stored == 16 else None
        except UnreadableImageError as error:
            return error.unreadable

    seen = _Seen()
    for result in told(map_items(source.iterate(), examine), len(source), progress):
        if isinstance(result, Unreadable):
            seen.failures.append(result)
        else:
            size, mode, kind, bits = result
            seen.sizes[size] += 1
            seen.modes[mode] += 1
            seen.formats[kind] += 1
            if bits is not None:
                seen.depths[bits] += 1
    return seen


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
    for count, name in rare[:_SHOWN]:
        images = "1 image" if count == 1 else f"{count} images"
        remarks.append(f"class {name} has {images}, 1/{round(largest / count)} of the largest")
    if len(rare) > _SHOWN:
        remarks.append(
            f"{len(rare) - _SHOWN} more classes are {_RARE} times smaller than the largest or more"
        )
    return remarks


def _size_remarks(seen: _Seen) -> list[str]:
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


def _pixel_remarks(seen: _Seen) -> list[str]:
    remarks = []
    grey = sum(seen.modes[mode] for mode in GREY_MODES)
    total = seen.modes.total()
    if 0 < grey < total:
        remarks.append(f"{grey} greyscale images in a set of colour become RGB")
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


def _lines(description: Description) -> list[str]:
    splits = f" (split {description.split} of {', '.join(description.splits)})" if description.split else ""
    balance = (
        "equally large"
        if description.imbalance == 1
        else f"the largest {description.imbalance:.3g} times the smallest"
    )
    facts = {
        "data": f"{description.name}{splits}",
        "kind": description.kind,
        "images": f"{description.count:,}, {_readable_size(description.bytes)}",
        "classes": f"{len(description.classes)}, {balance}",
        "width": _span_text(description.width),
        "height": _span_text(description.height),
        "sizes": _counts_text(description.sizes),
        "pixels": _counts_text(description.modes),
        "formats": _counts_text(description.formats),
        "unreadable": str(len(description.unreadable)),
    }
    lines = [f"{label:<11}{value}" for label, value in facts.items()]
    lines += ["", *_class_lines(description.classes)]
    if description.columns:
        lines += ["", *_column_lines(description.columns)]
    if description.unreadable:
        lines += ["", "cannot be read:"]
        lines += [f"  {bad}" for bad in description.unreadable[: 2 * _SHOWN]]
        if len(description.unreadable) > 2 * _SHOWN:
            lines.append(f"  … and {len(description.unreadable) - 2 * _SHOWN} more")
    lines += ["", *(f"note: {remark}" for remark in (description.classes_from, *description.remarks))]
    return lines


def _class_lines(classes: dict[str, int]) -> list[str]:
    """Return one line per class, or the extremes when there are too many to read."""
    rows = list(classes.items())
    gap = len(rows) > _ALL_CLASSES_SHOWN
    if gap:
        ordered = sorted(rows, key=lambda row: -row[1])
        rows = ordered[:_SHOWN] + ordered[-_SHOWN:]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {count:>9,}" for name, count in rows]
    if gap:
        lines.insert(_SHOWN, f"  … {len(classes) - 2 * _SHOWN} classes between")
    return lines


def _column_lines(columns: dict[str, Column]) -> list[str]:
    shown = list(columns.items())[:_ALL_CLASSES_SHOWN]
    width = max(len(name) for name, _ in shown)
    lines = [
        f"  {name:<{width}}  {column.minimum:g} to {column.maximum:g}, mean {column.mean:.4g}"
        for name, column in shown
    ]
    more = len(columns) - len(shown)
    return lines + ([f"  … and {more} more columns"] if more else [])


def _span_text(span: Span | None) -> str:
    if span is None:
        return "unknown"
    if span.minimum == span.maximum:
        return f"{span.minimum}"
    return f"{span.minimum} to {span.maximum}, median {span.median}"


def _counts_text(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items()) or "unknown"


def _readable_size(size: int) -> str:
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"
