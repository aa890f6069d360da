"""What comes from the page is checked here, whatever the page's own controls may have let through.

Functions and no `Request`: most bounds are those of the generator that is shown, and a line names a control.
"""

from typing import Any

from projgan.errors import UserError
from projgan.explore.subjects import Maker

LARGEST_SEED = 2**53 - 1
"""The largest whole number that a browser's numbers can all hold; the command line takes more."""
MOST_IMAGES = 256
MOST_PIXELS = 2**22
"""Of all images of one answer."""


def whole(value: Any, name: str, low: int, high: int) -> int:
    """Return a whole number in [low, high].

    Raises:
        UserError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise UserError(f"{name} is no whole number; give one from {low} to {high:,}")
    if not low <= value <= high:
        raise UserError(f"{name} is {_shown(value)}; give one from {low} to {high:,}")
    return int(value)


def number(value: Any, name: str, low: float, high: float) -> float:
    """Return a finite number in [low, high]; errors as in `whole`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise UserError(f"{name} is no number; give one from {low:g} to {high:g}")
    if not low <= value <= high:
        raise UserError(f"{name} is {_shown(value)}; give one from {low:g} to {high:g}")
    return float(value)


def _shown(value: float) -> str:
    """A number in a few letters, however large it is."""
    return f"{value:,}" if abs(value) < 10**16 else "too large"


def seed_of(value: Any) -> int:
    """Return a seed; errors as in `whole`."""
    return whole(value, "the seed", 0, LARGEST_SEED)


def truncation_of(value: Any) -> float | None:
    """Return the bound of the latents' entries, None where the field is empty; errors as in `number`."""
    bound = typed(value)
    return None if bound is None else number(bound, "the truncation", 0.01, 9.99)


def typed(value: Any) -> Any:
    """Return the number that was typed; None where nothing was, and anything else as it is."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return float(value[:40]) if "." in value or "e" in value.lower() else int(value[:40])
    except ValueError:
        return value


def rows_of(values: Any, maker: Maker) -> list[int]:
    """Return the positions of chosen conditions, each once.

    Raises:
        UserError: none, or one that is not there.
    """
    return [0] if maker.conditions is None else places_of(values, "a class", len(maker.rows))


def places_of(values: Any, name: str, count: int) -> list[int]:
    """Return the positions that are chosen of a list, each once; errors as in `rows_of`."""
    chosen = values if isinstance(values, list) else [values]
    if not chosen or chosen == [None]:
        raise UserError(f"no {name.split()[-1]} is chosen; choose one or more")
    return list(dict.fromkeys(whole(value, name, 0, count - 1) for value in chosen))


def most_images(resolution: int) -> int:
    """How many images one answer may have."""
    return max(1, min(MOST_IMAGES, MOST_PIXELS // resolution**2))


def refuse_many(count: int, resolution: int) -> None:
    """Refuse more images than a page should hold.

    Raises:
        UserError: there are.
    """
    if count > most_images(resolution):
        raise UserError(
            f"{count:,} images are too many at once; of {resolution}x{resolution} pixels there may be "
            f"{most_images(resolution)}: choose fewer, or use `projgan sample`"
        )
