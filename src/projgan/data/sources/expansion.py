"""The one rule against archives that are small on disk and endless in memory."""

from projgan.errors import UserError

FREE_BYTES = 2**30
"""Below this an archive may expand as much as it likes."""
MAX_RATIO = 200
"""Beyond it, it may grow this much: photographs hardly shrink, and repeated zeros shrink 1000-fold."""


def check_expansion(stored: int, expanded: int, place: str) -> None:
    """Refuse `expanded` bytes that come from `stored` bytes when no real image data would shrink so."""
    if expanded > FREE_BYTES and expanded > MAX_RATIO * max(stored, 1):
        raise UserError(
            f"{place} would expand from {stored:,} to {expanded:,} bytes or more, which no set "
            "of images does; it is damaged or a decompression bomb"
        )
