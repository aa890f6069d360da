"""Which networks a generator was trained against: none of them is a fair judge of it."""

import re
from collections.abc import Iterator
from typing import Any

from projgan.storage.pretrained import SHA256


def teachers_of(settings: dict[str, Any]) -> tuple[str, ...]:
    """Return the checksums of a run's teachers: what its discriminator looks through, and what guided it.

    Those of the weights that it started from come first.

    Args:
        settings: the whole configuration of the training, as a network's file holds it; what is not of its
            form says nothing.
    """
    found = [one for one in _named(settings) if isinstance(one, str) and re.fullmatch("[0-9a-f]{64}", one)]
    return tuple(dict.fromkeys(found))


def _named(settings: dict[str, Any]) -> Iterator[Any]:
    sections = (settings.get(name) for name in ("training", "discriminator", "finetuning"))
    training, discriminator, finetuning = (one if isinstance(one, dict) else {} for one in sections)
    earlier = training.get("earlier_teachers")
    yield from earlier if isinstance(earlier, list | tuple) else ()
    if discriminator.get("architecture") == "projected":
        yield SHA256
    yield finetuning.get("classifier_sha256")
