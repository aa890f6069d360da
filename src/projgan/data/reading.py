"""What was read: the same words for every command that reads labelled images."""

import numpy as np

from projgan.data.sources import Source

_SHOWN = 5
_LONGEST = 40


def reading_of(source: Source) -> tuple[str, ...]:
    """Say what was taken for images and classes, from where, and what was passed over: one line each."""
    images = _counted(len(source), "image", "images")
    part = f" of the split {source.split}" if source.split else ""
    if source.conditions is None:
        present = np.unique(source.labels).tolist()
        names = [source.class_names[label] for label in present]
        known = f"{_counted(len(names), 'class', 'classes')} ({_some(names)})"
    else:
        names = list(source.condition_names)
        known = f"{_counted(len(names), 'column', 'columns')} ({_some(names)})"
    return (f"{images}{part}, {known} from {source.classes_from}", *source.remarks)


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _some(names: list[str]) -> str:
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in names[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(names) > _SHOWN else "")
