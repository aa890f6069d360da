"""The Inception network of 2015 that FID, KID and the Inception score are defined by.

It is the graph of TensorFlow's `inception-2015-12-05` in the TorchScript form published with StyleGAN2-ADA
(Karras et al. 2020), called as there: `network(uint8 [N, 3, H, W], return_features=True)` gives the 2048
pooled features, `no_output_bias=True` the class probabilities of the published Inception score.

A TorchScript file is a program. The fetched one is trusted because its checksum is the published one, and
none other is run from the cache. A file given by path is trusted as the person's own: the checks here find
a mistake (a wrong or torn file, another network), they do not make a hostile file safe.
"""

import zipfile
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import torch
import torch.nn.functional as F
from torch import Tensor

from projgan.download import Opener, download
from projgan.errors import UserError
from projgan.evaluation.feature_network import FeatureNetwork
from projgan.files import file_sha256
from projgan.listening import Count

FILE_NAME = "inception-2015-12-05.pt"
URL = f"https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/{FILE_NAME}"
SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"
"""Of the file at `URL`, as crowsonkb/k-diffusion pins it (evaluation.py)."""
LARGEST_FILE = 2**28
"""Bytes; the published file has 95.6 million."""
NUM_FEATURES = 2048
NUM_OUTPUTS = 1008
REMEDY = (
    f"get {URL} elsewhere and give it as inception:PATH, or measure with classifier:FILE of "
    "`projgan classifier`"
)


class Inception(FeatureNetwork):
    """Inception of 2015; its logits are log-probabilities without the output bias, of 1008 outputs.

    Args:
        path: a TorchScript file.
        device: where it runs.

    Raises:
        UserError: no such file, no TorchScript file, or not this network.
    """

    name = "inception"
    is_inception = True
    resize = "bilinear to 299 x 299 without antialiasing, inside the network as in TensorFlow 1"
    num_features = NUM_FEATURES
    class_names = None
    resolution = None
    channels = 3

    def __init__(self, path: Path, device: torch.device | str) -> None:
        self.device = torch.device(device)
        _check_archive(path)
        self.sha256 = file_sha256(path)
        try:
            self._network: Any = torch.jit.load(str(path), map_location=self.device).eval()
        except (RuntimeError, ValueError) as error:
            raise _refusal(path, f"cannot be loaded, {_short(error)}") from None
        self._check_network(path)

    def _of_lane(self, images: Tensor) -> tuple[Tensor, Tensor]:
        # Without the optimizer, which would fuse, and so round, differently after the first calls.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            features = self._network(images, return_features=True)
        # What the network does when asked for probabilities, without a second pass through it all.
        return features, F.linear(features, self._network.output.weight).log_softmax(dim=1)

    @torch.inference_mode()
    def _check_network(self, path: Path) -> None:
        """Ask for one image's features and probabilities and see that they are Inception's."""
        image = torch.arange(3 * 32 * 32, device=self.device).remainder(256).byte().view(1, 3, 32, 32)
        weight = getattr(getattr(self._network, "output", None), "weight", None)
        if not isinstance(weight, Tensor) or weight.shape != (NUM_OUTPUTS, NUM_FEATURES):
            raise _refusal(path, f"it has no output.weight of [{NUM_OUTPUTS}, {NUM_FEATURES}]")
        try:
            probabilities = self._network(image, no_output_bias=True)
            features = self._network(image, return_features=True)
        except RuntimeError as error:
            raise _refusal(path, f"it cannot be called as that is, {_short(error)}") from None
        for what, found, width in (
            ("features", features, NUM_FEATURES),
            ("probabilities", probabilities, NUM_OUTPUTS),
        ):
            shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            if shape != [1, width]:
                raise _refusal(path, f"its {what} of one image are {shape}, not [1, {width}]")
        if not torch.allclose(F.linear(features, weight).softmax(dim=1), probabilities, atol=1e-4):
            raise _refusal(path, "its probabilities are not the softmax of output.weight times its features")


class UnfetchedInception(Inception):
    """What is known of it before its file is there: which images it takes, and what it can say of them."""

    def __init__(self) -> None:
        pass


def open_published(
    device: torch.device | str,
    cache: Path,
    progress: Count | None = None,
    opener: Opener = urlopen,
) -> Inception:
    """Return Inception from the cache folder, fetched into it on first use.

    Raises:
        UserError: it cannot be fetched, or the cached file is not the published one.
    """
    path = cache / FILE_NAME
    if not path.exists():
        download(
            URL,
            path,
            sha256=SHA256,
            largest=LARGEST_FILE,
            remedy=f"{REMEDY}, or put it at {path}",
            opener=opener,
            progress=progress,
        )
    elif file_sha256(path) != SHA256:
        raise UserError(
            f"{path}: not the published Inception (its checksum is another): torn or replaced; remove it"
        )
    return Inception(path, device)


def _check_archive(path: Path) -> None:
    """See that a file is what `torch.jit.save` writes: a zip of code and data that does not swell."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; {REMEDY}")
    if path.stat().st_size > LARGEST_FILE:
        raise _refusal(path, f"larger than {LARGEST_FILE} bytes")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (OSError, zipfile.BadZipFile):
        raise _refusal(path, "no TorchScript file, or cut short") from None
    names = {entry.filename.partition("/")[2] for entry in entries}
    if not ({"data.pkl", "constants.pkl"} <= names and any(name.startswith("code/") for name in names)):
        raise _refusal(path, "a zip without TorchScript's code and data")
    if sum(entry.file_size for entry in entries) > LARGEST_FILE:
        raise _refusal(path, f"it unpacks to more than {LARGEST_FILE} bytes")


def _refusal(path: Path, reason: str) -> UserError:
    return UserError(f"{path}: not Inception as published with StyleGAN2-ADA ({reason}); {REMEDY}")


def _short(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:120]
