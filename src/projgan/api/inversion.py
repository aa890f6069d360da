"""Images of a notebook to what is found of them in a generator."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from projgan.api.listeners import Progress, listener_of
from projgan.data.configured import fit_of
from projgan.data.decode import fit, to_eight_bits
from projgan.data.tensors import as_tensor, as_torch
from projgan.errors import UserError
from projgan.inversion.looks import open_look
from projgan.inversion.request import InversionRequest
from projgan.inversion.searching import Found, Search
from projgan.inversion.writing import settings_of
from projgan.networks.resnet import Discriminator, Generator
from projgan.storage.network_description import NetworkDescription

Pictures = Image.Image | Sequence[Image.Image] | Tensor | np.ndarray


def invert(
    generator: Generator,
    description: NetworkDescription,
    path: Path,
    beside: Discriminator | None,
    images: Pictures,
    request: InversionRequest,
    progress: Progress,
) -> list[Found]:
    """Find every image; see `GAN.invert`."""
    settings = settings_of(request, generator, description, path)
    device = next(generator.parameters()).device
    look = open_look(request.features, generator.channels, generator.resolution, beside, device)
    targets = _targets(images, generator, description)
    listener = listener_of(progress)
    search = Search(generator, description.present_classes, settings, look)
    return search.find_all(targets, listener.counting("searching steps"))


def _targets(images: Pictures, generator: Generator, description: NetworkDescription) -> Tensor:
    shape = (generator.channels, generator.resolution, generator.resolution)
    if isinstance(images, Tensor | np.ndarray):
        images = as_torch(images)
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1:] != shape:
            raise UserError(f"images are {images.dtype} {list(images.shape)}, not uint8 [N, {shape}]")
        return images.cpu()
    pictures = [images] if isinstance(images, Image.Image) else list(images)
    strangers = [type(one).__name__ for one in pictures if not isinstance(one, Image.Image)]
    if strangers or not pictures:
        found = strangers[0] if strangers else "nothing"
        raise UserError(f"{found} is no image; give PIL images, or uint8 [N, channels, R, R]")
    how = fit_of(description.provenance.settings)
    fitted = [fit(to_eight_bits(one, "the image"), shape[1], shape[0], how) for one in pictures]
    return torch.stack([as_tensor(one) for one in fitted])
