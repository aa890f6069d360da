"""A small network that enlarges, and its file."""

from pathlib import Path

import torch

from projgan.networks.super_resolution import SuperResolutionGenerator
from projgan.storage.network_description import NetworkDescription, Provenance
from projgan.storage.network_file import save_network

ARGUMENTS = {"architecture": "super-resolution-16-64", "channels": 3, "noise_channels": 2, "width": 6}


def random() -> SuperResolutionGenerator:
    torch.manual_seed(1)
    return SuperResolutionGenerator(**ARGUMENTS).eval()


def save(network: SuperResolutionGenerator, folder: Path, **arguments: object) -> Path:
    provenance = Provenance(
        data="x", data_fingerprint="x", step=1, images_seen=1, averaged=False, settings={}, versions={}
    )
    description = NetworkDescription(
        kind="super-resolution generator",
        network=ARGUMENTS | arguments,
        class_names=(),
        provenance=provenance,
    )
    folder.mkdir(exist_ok=True)
    save_network(network, description, folder / "generator.safetensors")
    return folder
