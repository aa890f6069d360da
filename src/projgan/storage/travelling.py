"""What a network's file and a run's settings say once folders of the machine are left out: files travel."""

from pathlib import Path
from typing import Any

from projgan.hub.names import is_hub_name
from projgan.storage.network_description import NetworkDescription

PATHS = ("run", "classifier")
"""Keys of `finetuning` that are paths."""


def without_paths(settings: dict[str, Any]) -> dict[str, Any]:
    """Return a run's settings without folders of the machine it was made on; what is on the hub stays."""
    source, start = settings["data"]["source"], settings["training"].get("start_from")
    parent = settings.get("finetuning", {})
    names = {key: Path(parent[key]).name for key in PATHS if parent.get(key)}
    looking = {
        section: settings[section] | {"features": _without_folders(settings[section]["features"])}
        for section in ("discriminator", "evaluation")
        if "features" in settings[section]
    }
    return settings | {
        **looking,
        "data": settings["data"] | {"source": source and _name_alone(source), "cache": None},
        "training": settings["training"] | ({"start_from": _name_alone(start)} if start else {}),
        "finetuning": parent | names,
    }


def travelling(description: NetworkDescription) -> NetworkDescription:
    """Return the description without folders of this machine."""
    provenance = description.provenance
    settings = without_paths(provenance.settings)
    return description.model_copy(update={"provenance": provenance.model_copy(update={"settings": settings})})


def _name_alone(place: str) -> str:
    return place if is_hub_name(place) else Path(place).name


def _without_folders(network: str) -> str:
    """`imagenet:some/where/FILE` -> `imagenet:FILE`."""
    kind, colon, path = network.partition(":")
    return kind + colon + Path(path).name
