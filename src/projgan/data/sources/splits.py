"""How the parts of a data set are called, and which one is meant."""

import re
from collections.abc import Iterable

from projgan.errors import UserError, nearest_name

_ALIASES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
_WORDS = {**_ALIASES, "testing": "test", "dev": "validation"}
_FILLERS = frozenset({"set", "data", "dataset", "split", "image", "images", "img", "imgs"})
"""Words beside a split's own in the names of folders, as in `train_images`, `test-set` and `val2017`."""

SPLIT_COLUMNS = ("split", "subset", "partition")
"""Columns of a table that may say in which split an image is."""


def canonical_split(name: str) -> str:
    """Return "train", "validation" or "test" for any usual spelling of them, else the name itself."""
    return _ALIASES.get(name.lower(), name)


def split_of_folder(name: str) -> str | None:
    """Return the split that a folder of this name usually holds, or None where it is no name of one."""
    words = _words(name)
    return _WORDS.get(words[0]) if len(words) == 1 else None


def share_one_name(names: Iterable[str]) -> list[str]:
    """Return the names that differ only in the split they name, such as `pets_train` and `pets_test`."""
    alike: dict[tuple[str, ...], dict[str, str]] = {}
    for name in sorted(names):
        words = _words(name)
        splits = [_WORDS[word] for word in words if word in _WORDS]
        if len(splits) == 1:
            rest = tuple(word for word in words if word not in _WORDS)
            alike.setdefault(rest, {}).setdefault(splits[0], name)
    return next((list(found.values()) for found in alike.values() if len(found) > 1), [])


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_\d]+", name.lower()) if word and word not in _FILLERS]


def is_split_name(name: str) -> bool:
    """Return whether a folder of this name usually holds a split."""
    return split_of_folder(name) is not None


def choose_split(split: str | None, present: Iterable[str], place: str) -> str:
    """Return the split meant: the one asked for, else "train", else the only one there is.

    Args:
        split: as the person gave it, or None.
        present: the canonical names of the splits there are.
        place: where they are, for the error.

    Raises:
        UserError: no such split, or none given where "train" is absent and there are several.
    """
    present = sorted(present)
    if split is None:
        if "train" in present:
            return "train"
        if len(present) == 1:
            return present[0]
        raise UserError(f"{place} has no split 'train'; choose one of: {', '.join(present)}")
    wanted = canonical_split(split)
    if wanted not in present:
        raise UserError(
            f"{place} has no split {split!r} (present: {', '.join(present)}){nearest_name(split, present)}"
        )
    return wanted
