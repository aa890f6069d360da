"""How the images of a batch reach the device: they are there already, or are fetched while it works."""

from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

RESIDENT_SHARE = 0.25
"""Images are kept on the GPU when they take no more than this share of its free memory."""


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor of the host to a device without waiting for it; one that is there comes back as it is."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class ResidentImages:
    """Images in the memory of the device: uint8 [N, C, S, S]."""

    def __init__(self, images: Tensor, device: torch.device) -> None:
        self.images = images.to(device)

    def take(self, indices: Tensor) -> Tensor:
        """Return the images at int64 [n] as uint8 [n, C, S, S] on the device."""
        return self.images[send(indices, self.images.device)]

    def expect(self, indices: Tensor) -> None:
        """Hear which images will be taken next, to no effect: they are there."""


class FetchedImages:
    """Images in the host's memory or in a file mapped into it; the batch after this one is fetched meanwhile.

    It is gathered by a thread of its own into pinned memory, from which the copy to a GPU does not wait.
    """

    def __init__(self, images: Tensor, device: torch.device) -> None:
        self.images, self.device = images, device
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="images")
        self._expected: tuple[Tensor, Future[Tensor]] | None = None

    def take(self, indices: Tensor) -> Tensor:
        """Return the images at int64 [n] as uint8 [n, C, S, S] on the device."""
        images, indices = None, indices.cpu()
        # Others may be wanted in between, as by super-resolution: what is expected stays expected.
        if self._expected is not None and torch.equal(self._expected[0], indices):
            images, self._expected = self._expected[1].result(), None
        return (self._gather(indices) if images is None else images).to(self.device, non_blocking=True)

    def expect(self, indices: Tensor) -> None:
        """Begin to gather the images that will be taken next."""
        self._expected = indices, self._thread.submit(self._gather, indices)

    def _gather(self, indices: Tensor) -> Tensor:
        images = self.images[indices]
        return images.pin_memory() if self.device.type == "cuda" else images


def gathered(images: Tensor, device: torch.device) -> ResidentImages | FetchedImages:
    """Keep images where the device reaches them at once, if there is room; else fetch them ahead."""
    if device.type != "cuda" or stays_on_gpu(images.nbytes, device):
        return ResidentImages(images, device)
    return FetchedImages(images, device)


def stays_on_gpu(num_bytes: int, device: torch.device) -> bool:
    """Whether images of so many bytes are kept in the memory of a GPU."""
    return num_bytes < RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]
