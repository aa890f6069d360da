"""Networks on the hub: one generator a repository, and beside it the discriminator of its run, if shared."""

import re
from pathlib import Path

from projgan.errors import UserError
from projgan.hub.client import fetch, list_files
from projgan.hub.names import hub_name

GENERATOR, DISCRIMINATOR = "generator.safetensors", "discriminator.safetensors"
"""All that is ever fetched: no configuration, no code, no pickle."""
LARGEST = 4 * 2**30
"""Bytes of one of them."""
_IN_CACHE = re.compile(
    r"models--(?P<user>[\w.-]+)--(?P<name>[\w.-]+)/snapshots/(?P<commit>[0-9a-f]{40})/[^/]+"
)


def fetch_model(word: Path) -> Path:
    """Return the generator's file of `hf:USER/NAME`, the discriminator's beside it if there is one.

    Raises:
        UserError: no such repository, none of ours, damaged on the way, or no answer.
    """
    name = hub_name(word)
    listing = list_files(name, "model")
    if GENERATOR not in listing.files:
        raise UserError(f"{name}: not a repository of projgan, which has a {GENERATOR}")
    if DISCRIMINATOR in listing.files:
        fetch(listing, DISCRIMINATOR, LARGEST)
    return fetch(listing, GENERATOR, LARGEST)


def known_as(path: Path) -> str:
    """Return what a run, a file or a fetched model is called in numbers: its name, without the way to it."""
    found = _IN_CACHE.fullmatch("/".join(path.absolute().parts[-4:]))
    if found:
        return f"hf:{found['user']}/{found['name']}@{found['commit'][:12]}"
    return path.resolve().name if path.is_dir() else path.name
