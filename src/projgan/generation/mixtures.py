"""How a mixture is written: `cat=0.3,dog=0.7`, also where names have commas and equals signs of their own."""

from collections.abc import Collection, Iterable, Mapping
from numbers import Real

from projgan.data.sources.columns import LARGEST_VALUE
from projgan.errors import UserError
from projgan.names import composed

Mix = str | Mapping[str, float]
"""`cat=0.3,dog=0.7` as typed, or the same as a dict."""
Part = tuple[str, float, int]
"""A name, its number, and where the comma after it is, or the text ends."""


def named_numbers(text: str, known: Iterable[str], form: str) -> list[tuple[str, float]]:
    """Split a mixture at commas that come before a known name and `=`; the others belong to names.

    A name that is not known is left to the caller, who can name the nearest.

    Args:
        text: as a person typed it.
        known: every name that may stand there.
        form: how to write it, for the refusal.

    Raises:
        UserError: not of that form.
    """
    known = set(known)
    parts = _whole(text, known)
    start, pairs = 0, []
    while start <= len(text):
        name, number, end = parts[start] if start in parts else _first_part(text, start, known, form)
        pairs.append((name, number))
        start = end + 1
    return pairs


def _whole(text: str, known: Collection[str]) -> dict[int, Part]:
    """Where a part may begin so that only known ones follow: the shortest such part."""
    starts = [0] + [place + 1 for place, letter in enumerate(text) if letter == ","]
    equals = [place for place, letter in enumerate(text) if letter == "="]
    parts: dict[int, Part] = {}
    for start in reversed(starts):
        for place in equals:
            if place < start or text[start:place].strip() not in known:
                continue
            number, end = _number(text, place)
            if number is not None and (end == len(text) or end + 1 in parts):
                parts[start] = (text[start:place].strip(), number, end)
                break
    return parts


def _first_part(text: str, start: int, known: Collection[str], form: str) -> Part:
    """A part of a text that is wrong somewhere: to the next comma, or the one after the number."""
    comma = text.find(",", start)
    piece = text[start:] if comma < 0 else text[start:comma]
    if "=" not in piece and piece.strip() not in known:
        comma = text.find(",", max(text.find("=", start), start))
        piece = text[start:] if comma < 0 else text[start:comma]
    name, equals, _ = piece.rpartition("=")
    number, end = _number(text, start + len(name))
    if not equals or number is None:
        raise UserError(f"--mix {text}: {piece.strip()!r} is not of the form {form}")
    return name.strip(), number, end


def _number(text: str, equals: int) -> tuple[float | None, int]:
    """The number after an equals sign, up to the next comma, and where that is; None of one too large."""
    comma = text.find(",", equals)
    end = len(text) if comma < 0 else comma
    try:
        value = float(text[equals + 1 : end])
    except ValueError:
        return None, end
    return (value if abs(value) <= LARGEST_VALUE else None), end


def pairs_of(mix: Mix, known: Iterable[str], form: str) -> list[tuple[str, float]]:
    """Return the names of a mix, composed, with their numbers.

    Raises:
        UserError: as `named_numbers`, or a number that is not finite.
    """
    if isinstance(mix, str):
        return named_numbers(composed(mix), map(composed, known), form)
    for name, value in mix.items():
        if not isinstance(name, str):
            raise UserError(f"{place_of(mix)}: {name!r} is no name; give it as text")
        if not isinstance(value, Real) or not abs(value) <= LARGEST_VALUE:
            most = f"{LARGEST_VALUE:g}"
            raise UserError(f"{place_of(mix)}: {value!r} of {name!r} is no finite number up to {most}")
    return [(composed(name), float(value)) for name, value in mix.items()]


def place_of(mix: Mix) -> str:
    """Say in a message where a mix was given."""
    return f"--mix {mix}" if isinstance(mix, str) else str(dict(mix))
