"""What a trained thing was made from, and refusing to go on with what something else has made."""

from collections.abc import Mapping
from pathlib import Path

from projgan.errors import UserError
from projgan.storage.state_file import same

THINGS = {"data_fingerprint": "images", "encoder_sha256": "a classifier"}
"""What a checksum is of."""


def refuse_other_origin(now: Mapping[str, object], before: object, place: Path) -> None:
    """Compare what a training is made from with what a file or checkpoint says it was.

    Args:
        now: settings and checksums, in plain values.
        before: the same as they were stored; anything at all, for it comes from a file.
        place: the file.

    Raises:
        UserError: one of them differs.
    """
    stored = before if isinstance(before, dict) else {}
    for key, value in now.items():
        if same(stored.get(key), value):
            continue
        if key in THINGS:
            raise UserError(f"{place} is of {THINGS[key]} other than given here; choose another --out")
        raise UserError(
            f"{place} was trained with {key} {stored.get(key)}, not {value}; choose another --out"
        )
