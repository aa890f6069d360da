"""What a person gives in a notebook, looked at before it is used: names of classes, images, latents."""

from collections.abc import Iterable, Mapping
from operator import index

import torch
from torch import Tensor

from projgan.data.tensors import as_torch
from projgan.errors import UserError
from projgan.networks.resnet import Generator


def names_of(classes: object) -> list[str]:
    """The names of classes, one or several, as a list.

    Raises:
        UserError: none, or what is no text: 2 may be the class "2", or the third one, "10".
    """
    if isinstance(classes, str):
        return [classes]
    if not isinstance(classes, Iterable) or isinstance(classes, bytes | Mapping):
        raise UserError(f"{classes!r} is no class; give its name, such as '3', or a list of names")
    names = list(classes)
    strangers = [name for name in names if not isinstance(name, str)]
    if strangers:
        raise UserError(f"{strangers[0]!r} is no name of a class; give it as text, such as '3'")
    if not names:
        raise UserError("no class is asked for; leave it out for all of them")
    return names


def whole_number(value: object, name: str, most: int | None = None) -> int:
    """A count, whatever counts: also a number of numpy.

    Raises:
        UserError: no whole number, or more than `most`.
    """
    bound = "" if most is None else f" of at most {most:,}"
    try:
        found = index(value)  # type: ignore[arg-type]
    except TypeError:
        found = None
    if found is None or isinstance(value, bool) or (most is not None and found > most):
        raise UserError(f"{name} is {value!r}; it must be a whole number{bound}")
    return found


def judged(generator: Generator, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Images and labels that the discriminator of a generator can be asked about.

    Raises:
        UserError: they are of another form.
    """
    shape = (generator.channels, generator.resolution, generator.resolution)
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1:] != shape or not len(images):
        raise UserError(f"images are {images.dtype} {list(images.shape)}, not uint8 [N, {shape}], N >= 1")
    if labels.is_floating_point() or labels.shape != images.shape[:1]:
        kind = f"{labels.dtype} {list(labels.shape)}"
        raise UserError(f"labels are {kind}, not a whole number for each of {len(images)} images")
    return images, labels.long()


def drawn_by_hand(latents: Tensor, size: int) -> Tensor:
    """Latents [N, size] as samples are made of them: float32 on the CPU.

    Raises:
        UserError: they are of another form, or not finite.
    """
    latents = as_torch(latents)
    if not latents.is_floating_point() or latents.ndim != 2 or latents.shape[1] != size or not len(latents):
        kind = f"{latents.dtype} {list(latents.shape)}"
        raise UserError(f"latents are {kind}, not floats [N, {size}], N >= 1")
    found = latents.detach().float().cpu()
    if not bool(found.isfinite().all()):
        raise UserError("latents are not all finite")
    return found
