"""The facts of a data set, and the lines in which a person reads them."""

from pydantic import BaseModel, ConfigDict

from projgan.data.decode import Unreadable
from projgan.errors import visible

SHOWN = 5
"""Of what is most common, of classes in a remark, and at either end of a long list."""
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
        lines += [f"  {bad}" for bad in description.unreadable[: 2 * SHOWN]]
        if len(description.unreadable) > 2 * SHOWN:
            lines.append(f"  … and {len(description.unreadable) - 2 * SHOWN} more")
    lines += ["", *(f"note: {remark}" for remark in (description.classes_from, *description.remarks))]
    return lines


def _class_lines(classes: dict[str, int]) -> list[str]:
    """Return one line per class, or the extremes when there are too many to read."""
    rows = list(classes.items())
    gap = len(rows) > _ALL_CLASSES_SHOWN
    if gap:
        ordered = sorted(rows, key=lambda row: -row[1])
        rows = ordered[:SHOWN] + ordered[-SHOWN:]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {count:>9,}" for name, count in rows]
    if gap:
        lines.insert(SHOWN, f"  … {len(classes) - 2 * SHOWN} classes between")
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
