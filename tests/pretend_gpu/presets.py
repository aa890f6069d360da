"""An iteration of every preset that trains networks of its own, at full size, without numbers."""

import json

from gpu.launches import count_iteration
from gpu.notes import Notes
from gpu.settings import Place
from projgan.config import load_config, preset_names


def families() -> list[str]:
    """The first of all presets that train networks of the same form."""
    first: dict[str, str] = {}
    for name in preset_names():
        config = load_config(name)
        if config.discriminator.architecture == "projected":  # begins with real images: see `correctness`
            continue
        form = config.model_dump(mode="json", include={"generator", "discriminator"})
        for section in form.values():
            section["width"] = None
        first.setdefault(json.dumps(form), name)
    return list(first.values())


def check(place: Place, notes: Notes) -> None:
    """In bfloat16, where the types of what meets could differ."""
    for name in families():
        with notes.case(name) as facts:
            counted = count_iteration(
                name, {"training.discriminator_updates": 1, "training.precision": "bf16"}
            )
            facts |= {"launches": counted.launches, "ok": counted.launches > 100}
