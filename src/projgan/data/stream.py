"""In what order images are drawn: an endless stream that is a function of the position in it.

The stream is a sequence of epochs, each a new permutation of the data. Asking for the batch at a position
gives the same images, the same flips, crops and noise, whatever was asked before and on however many
processes: each draws the whole batch's random numbers and keeps its share.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from projgan.images import to_float
from projgan.randomness import generator_at

RESIDENT_SHARE = 0.25
"""Images are kept on the GPU when they take no more than this share of its free memory."""


class ImageStream:
    """Batches of real images, float [n, C, R, R] in [-1, 1), and their conditions: int64 [n] or float [n, K].

    Args:
        images: uint8 [N, C, S, S], S being the resolution, or larger where crops are taken.
        conditions: labels int64 [N], or float [N, K].
        resolution: height and width of the batches, in pixels.
        batch_size: images of one batch over all processes.
        share: the part of each batch that is this process's.
        seed: of the run.
        device: where batches are wanted.
    """

    def __init__(
        self,
        images: Tensor,
        conditions: Tensor,
        *,
        resolution: int,
        batch_size: int,
        share: slice,
        seed: int,
        device: torch.device,
        horizontal_flip: bool = False,
        dequantize: bool = True,
    ) -> None:
        self.images, self.conditions = images, conditions.to(device)
        if device.type == "cuda" and images.numel() < RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
            self.images = images.to(device)
        self.resolution, self.batch_size, self.share = resolution, batch_size, share
        self.seed, self.device = seed, device
        self.horizontal_flip, self.dequantize = horizontal_flip, dequantize
        self._epochs: dict[int, Tensor] = {}

    def batch(self, position: int) -> tuple[Tensor, Tensor]:
        """Return this process's share of the images at [position, position + batch_size) of the stream."""
        indices = self._indices(position)[self.share]
        images = self.images[indices.to(self.images.device)].to(self.device)
        images = self._augment(images, position)
        noise = self._draw("noise", position, (images.shape[1:])) if self.dequantize else None
        return to_float(images, noise), self.conditions[indices.to(self.device)]

    def _indices(self, position: int) -> Tensor:
        parts, needed = [], self.batch_size
        while needed > 0:
            epoch, offset = divmod(position, len(self.images))
            part = self._order(epoch)[offset : offset + needed]
            parts.append(part)
            position, needed = position + len(part), needed - len(part)
        return torch.cat(parts)

    def _order(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            self._epochs = {key: order for key, order in self._epochs.items() if key == epoch - 1}
            self._epochs[epoch] = torch.randperm(
                len(self.images), generator=generator_at(self.seed, "order", epoch)
            )
        return self._epochs[epoch]

    def _draw(self, stream: str, position: int, shape: tuple[int, ...]) -> Tensor:
        generator = generator_at(self.seed, stream, position, self.device)
        return torch.rand((self.batch_size, *shape), generator=generator, device=self.device)[self.share]

    def _augment(self, images: Tensor, position: int) -> Tensor:
        spare = images.shape[-1] - self.resolution
        if spare > 0:
            images = self._crop(images, position, spare)
        if self.horizontal_flip:
            flip = self._draw("flip", position, (1, 1, 1)) < 0.5
            images = torch.where(flip, images.flip(3), images)
        return images

    def _crop(self, images: Tensor, position: int, spare: int) -> Tensor:
        offsets = (self._draw("crop", position, (2,)) * (spare + 1)).long()
        span = torch.arange(self.resolution, device=self.device)
        rows = (offsets[:, 0, None] + span)[:, None, :, None]
        columns = (offsets[:, 1, None] + span)[:, None, None, :]
        batch = torch.arange(len(images), device=self.device)[:, None, None, None]
        channels = torch.arange(images.shape[1], device=self.device)[None, :, None, None]
        return images[batch, channels, rows, columns]


def uniform_labels(num_classes: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw `count` labels uniformly over the classes, int64 [count], as the paper's code does for fakes."""
    return torch.randint(num_classes, (count,), generator=generator, device=generator.device)


def uniform_class(conditions: Tensor, num_classes: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw labels for fakes without a look at how often each class is there; see `uniform_labels`."""
    return uniform_labels(num_classes, count, generator)


def as_in_the_data(conditions: Tensor, num_columns: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw `count` of the data's conditions [N, K], each alike and with replacement: float [count, K]."""
    rows = torch.randint(len(conditions), (count,), generator=generator, device=generator.device)
    return conditions[rows]


FAKE_CONDITIONS: dict[str, Callable[[Tensor, int, int, torch.Generator], Tensor]] = {
    "class": uniform_class,
    "multi-hot": as_in_the_data,
    "vector": as_in_the_data,
}
"""How the conditions of generated images are drawn, by the kind of condition.

Called with those of the data, the classes or columns, how many are wanted, and the source of randomness.
"""
