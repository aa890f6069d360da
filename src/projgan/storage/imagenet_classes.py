"""The 1000 classes of ILSVRC2012, and which of them a run's classes are."""

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from projgan.errors import UserError, listed, printable, reason_of

SHOWN = 5


class ImagenetClass(NamedTuple):
    """One class."""

    wnid: str
    """Its synset in WordNet, such as n02123045."""
    words: tuple[str, ...]
    """What it is called, in lower case, the usual word first."""


@cache
def imagenet_classes() -> tuple[ImagenetClass, ...]:
    """Return the classes in the order of their labels, from the list that comes with the package."""
    text = (resources.files("projgan") / "storage" / "imagenet_classes.txt").read_text(encoding="utf-8")
    lines = [line.partition(" ") for line in text.splitlines() if not line.startswith("#")]
    return tuple(ImagenetClass(wnid, tuple(words.lower().split(", "))) for wnid, _, words in lines)


def match_classes(names: Sequence[str], given: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the synset of each class of a run, by its name or by what was given for it.

    A name is a synset, or one of a class's words in any case, `_` being a space. Of two classes with the
    word, the one that it is the usual word of is taken.

    Args:
        names: of the run's classes.
        given: what to look for in place of a name.

    Raises:
        UserError: a class that is none of the thousand, or may be several, or two that are the same.
    """
    given = given or {}
    strangers = [name for name in given if name not in names]
    if strangers:
        raise UserError(f"--classes names {printable(strangers[0])}, which is no class of the run")
    found = {name: _candidates(given.get(name, name)) for name in names}
    unmatched = [printable(name) for name, places in found.items() if len(places) != 1]
    if unmatched:
        several = next((places for places in found.values() if len(places) > 1), ())
        which = (
            f" (several: {', '.join(imagenet_classes()[place].wnid for place in several)})" if several else ""
        )
        raise UserError(
            f"no one class of ILSVRC2012 is called {listed(unmatched, SHOWN)}{which}; name one for each with "
            f"--classes FILE, in lines such as {unmatched[0]},n02123045"
        )
    wnids = tuple(imagenet_classes()[places[0]].wnid for places in found.values())
    for name, wnid in zip(names, wnids, strict=True):
        first = names[wnids.index(wnid)]
        if first != name:
            raise UserError(
                f"{printable(first)} and {printable(name)} are both {wnid}; tell them apart by --classes"
            )
    return wnids


def _candidates(name: str) -> tuple[int, ...]:
    word = name.strip().lower().replace("_", " ")
    known = list(enumerate(imagenet_classes()))
    first = tuple(place for place, known_class in known if word in (known_class.wnid, known_class.words[0]))
    return first or tuple(place for place, known_class in known if word in known_class.words)


def places_of(wnids: Sequence[str]) -> list[int]:
    """Return the labels that synsets have among the thousand.

    Raises:
        UserError: one that is none of them.
    """
    places = {known.wnid: place for place, known in enumerate(imagenet_classes())}
    for wnid in wnids:
        if wnid not in places:
            raise UserError(f"finetuning.imagenet_classes: {printable(wnid)} is no synset of ILSVRC2012")
    return [places[wnid] for wnid in wnids]


def read_given_classes(path: Path) -> dict[str, str]:
    """Read a CSV of a run's class and the name or synset to take for it, in each line, without a header.

    Raises:
        UserError: it cannot be read, or a line has other than two columns.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    for row in rows:
        if len(row) != 2:
            raise UserError(f"{path}: {printable(','.join(row))} is not a class and its name in ILSVRC2012")
    return {ours.strip(): theirs.strip() for ours, theirs in rows}
