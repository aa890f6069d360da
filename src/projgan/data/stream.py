"""Real images in batches: an endless stream that is a function of the position in it.

Which image comes when is for `order` to say. Asking for the batch at a position gives the same images, the
same flips, crops and noise, whatever was asked before and on however many processes: each draws the whole
batch's random numbers and keeps its share.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from projgan.data.gathering import gathered, send
from projgan.data.order import Order, each_image_alike
from projgan.networks.super_resolution import FACTOR
from projgan.pictures.pixels import downscale, to_float
from projgan.randomness import generator_at

Draw = Callable[[str, tuple[int, ...]], Tensor]
"""What is drawn and its shape for one image -> numbers uniform in [0, 1) for every image at hand."""


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
        horizontal_flip: whether images are mirrored with probability one half.
        dequantize: whether noise of one grey level is added.
        order: which image is at which position; every image once in each epoch if None.

    Attributes:
        classes: int64 [K], the labels that some image has; none where conditions are not labels.
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
        order: Order | None = None,
    ) -> None:
        self.images, self.conditions = images, conditions.to(device)
        self.gathered = gathered(images, device)
        self.resolution, self.batch_size, self.share = resolution, batch_size, share
        self.seed, self.device = seed, device
        self.horizontal_flip, self.dequantize = horizontal_flip, dequantize
        labels = conditions if conditions.ndim == 1 else conditions.new_empty(0, dtype=torch.int64)
        self.classes = labels.unique().to(device)
        self.order = order or each_image_alike(conditions, seed)

    def batch(self, position: int) -> tuple[Tensor, Tensor]:
        """Return this process's share of the images at [position, position + batch_size) of the stream."""
        indices = self._indices(position)
        draw = partial(self._draw, position)
        images = self._augmented(self._take(position, indices), draw)
        return self._spread(images, draw, "noise"), self.conditions[send(indices, self.device)]

    def first_images(self, count: int) -> Tensor:
        """Return the middles of the first images of the data, uint8 [count, C, R, R] on the CPU."""
        first = (self.images.shape[-1] - self.resolution) // 2
        middle = slice(first, first + self.resolution)
        return self.images[:count, :, middle, middle].cpu()

    def _take(self, position: int, indices: Tensor) -> Tensor:
        images = self.gathered.take(indices)
        self.gathered.expect(self._indices(position + self.batch_size))
        return images

    def _indices(self, position: int) -> Tensor:
        return self.order.at(position, self.batch_size)[self.share]

    def _draw(self, position: int, stream: str, shape: tuple[int, ...]) -> Tensor:
        generator = generator_at(self.seed, stream, position, self.device)
        return torch.rand((self.batch_size, *shape), generator=generator, device=self.device)[self.share]

    def _augmented(self, images: Tensor, draw: Draw) -> Tensor:
        spare = images.shape[-1] - self.resolution
        if spare > 0:
            images = self._crop(images, draw, spare)
        if self.horizontal_flip:
            images = torch.where(draw("flip", (1, 1, 1)) < 0.5, images.flip(3), images)
        return images

    def _spread(self, images: Tensor, draw: Draw, stream: str) -> Tensor:
        return to_float(images, draw(stream, images.shape[1:]) if self.dequantize else None)

    def _crop(self, images: Tensor, draw: Draw, spare: int) -> Tensor:
        offsets = (draw("crop", (2,)) * (spare + 1)).long()
        span = torch.arange(self.resolution, device=self.device)
        rows = (offsets[:, 0, None] + span)[:, None, :, None]
        columns = (offsets[:, 1, None] + span)[:, None, None, :]
        batch = torch.arange(len(images), device=self.device)[:, None, None, None]
        channels = torch.arange(images.shape[1], device=self.device)[None, :, None, None]
        return images[batch, channels, rows, columns]


class PairStream(ImageStream):
    """Batches of real images and, as their conditions, the same images at low resolution, [n, C, R/4, R/4].

    The small image is made of the pixels of the large one, cropped and mirrored as it is; each has noise of
    its own (pfnet-research/sngan_projection, branch sr).
    """

    def batch(self, position: int) -> tuple[Tensor, Tensor]:
        """Return this process's share of the images at [position, position + batch_size) of the stream."""
        draw = partial(self._draw, position)
        images = self._augmented(self._take(position, self._indices(position)), draw)
        return self._spread(images, draw, "noise"), self._small(images, draw)

    def small_images(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw low-resolution images of the data, each alike and with replacement."""

        def draw(stream: str, shape: tuple[int, ...]) -> Tensor:
            return torch.rand((count, *shape), generator=generator, device=self.device)

        indices = torch.randint(len(self.images), (count,), generator=generator, device=self.device)
        return self._small(self._augmented(self.gathered.take(indices), draw), draw)

    def _small(self, images: Tensor, draw: Draw) -> Tensor:
        return self._spread(downscale(images, FACTOR), draw, "noise of the small image")


STREAMS: dict[str, type[ImageStream]] = {
    "class": ImageStream,
    "multi-hot": ImageStream,
    "vector": ImageStream,
    "low-resolution": PairStream,
}
"""What draws real images with their conditions, by the kind of condition."""


def uniform_labels(classes: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw `count` of the labels [K] uniformly, int64 [count], as the paper's code does for fakes."""
    return classes[torch.randint(len(classes), (count,), generator=generator, device=generator.device)]


def uniform_class(stream: ImageStream, count: int, generator: torch.Generator) -> Tensor:
    """Draw labels for fakes of the classes that have images, whatever their share; see `uniform_labels`."""
    return uniform_labels(stream.classes, count, generator)


def as_in_the_data(stream: ImageStream, count: int, generator: torch.Generator) -> Tensor:
    """Draw `count` of the data's conditions [N, K], each alike and with replacement: float [count, K]."""
    rows = torch.randint(len(stream.conditions), (count,), generator=generator, device=generator.device)
    return stream.conditions[rows]


def small_images(stream: ImageStream, count: int, generator: torch.Generator) -> Tensor:
    """Draw low-resolution images of the data; see `PairStream.small_images`."""
    assert isinstance(stream, PairStream)
    return stream.small_images(count, generator)


FAKE_CONDITIONS: dict[str, Callable[[ImageStream, int, torch.Generator], Tensor]] = {
    "class": uniform_class,
    "multi-hot": as_in_the_data,
    "vector": as_in_the_data,
    "low-resolution": small_images,
}
"""How the conditions of generated images are drawn, by the kind of condition.

Called with the stream of the data, how many are wanted, and the source of randomness.
"""
