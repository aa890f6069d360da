"""Which networks a generator was trained against: none of them is a fair judge of it."""

import re
from typing import Any

from projgan.storage.pretrained import SHA256


def teachers_of(settings: dict[str, Any]) -> tuple[str, ...]:
    """Return the checksums of a run's teachers: what its discriminator looks through, and what guided it.

    Args:
        settings: the whole configuration of the training, as a network's file holds it; what is not of its
            form says nothing.
    """
    discriminator, finetuning = (settings.get(name) or {} for name in ("discriminator", "finetuning"))
    found = []
    if isinstance(discriminator, dict) and discriminator.get("architecture") == "projected":
        found.append(SHA256)
    guide = finetuning.get("classifier_sha256") if isinstance(finetuning, dict) else None
    if isinstance(guide, str) and re.fullmatch("[0-9a-f]{64}", guide):
        found.append(guide)
    return tuple(dict.fromkeys(found))
