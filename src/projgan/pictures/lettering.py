"""The letters of names in pictures: DejaVu Sans, which comes with matplotlib, and words for what it lacks."""

import importlib.util
import unicodedata
from functools import cache
from pathlib import Path

from PIL import ImageFont, features

from projgan.names import composed

NOWHERE = "\U0010ffff"
"""A code point that no font has a letter for: what is drawn in its place is the box of missing letters."""
_SIZE = 16


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font of names: Latin, Greek, Cyrillic and more; Pillow's own where matplotlib keeps none.

    Nothing is imported but the font's file is opened, once.
    """
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(path, size)
    default = ImageFont.load_default(size=size)
    assert isinstance(default, ImageFont.FreeTypeFont), "of a size"
    return default


def legible(name: str) -> str:
    """Return a name in letters that the font has, so that none is drawn as a box.

    A letter it lacks becomes a simpler form of itself (Ａ is A), the sound it is named after (ね is ne), what
    it shows (🐈 is [cat]), or its code point (猫 is U+732B).
    """
    parts: list[str] = []
    for letter in composed(name):
        part = _in_letters(letter)
        apart = bool(parts) and (part.startswith("U+") or parts[-1].startswith("U+"))
        if apart and not part.startswith(" ") and part:
            parts.append(" ")
        parts.append(part)
    return "".join(parts)


@cache
def _in_letters(letter: str) -> str:
    kind = unicodedata.category(letter)
    if kind == "Cf" or "\ufe00" <= letter <= "\ufe0f":  # has no shape of its own
        return ""
    if _is_drawn(letter):
        return letter
    if kind in {"Mn", "Me"}:  # an accent of the letter before
        return ""
    simpler = "".join(part for part in unicodedata.normalize("NFKD", letter) if _is_drawn(part))
    if simpler and simpler != letter and not unicodedata.name(letter, "").startswith("CJK"):
        return simpler
    name = unicodedata.name(letter, "")
    for words in (" SYLLABLE ", " LETTER SMALL ", " LETTER "):
        _, found, sound = name.partition(words)
        if found and sound.isascii():
            return sound.lower()
    if name and kind.startswith("S"):
        return f"[{name.lower()}]"
    return f"U+{ord(letter):04X}"


@cache
def _is_drawn(letter: str) -> bool:
    """Whether the font has a letter, and it is one that can be laid out here."""
    if not letter.isprintable():
        return False
    if unicodedata.bidirectional(letter) in {"R", "AL"} and not features.check("raqm"):
        return False  # from right to left, and joined: only that library can
    return _drawn(letter) != _drawn(NOWHERE)


def _drawn(letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font(_SIZE).getmask(letter)
    return mask.size, bytes(mask)
