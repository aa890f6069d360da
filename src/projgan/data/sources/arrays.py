"""Images that are already pixels: the form of the digits, `.npz`, CIFAR and packed stores."""

import hashlib

import numpy as np
from PIL import Image

from projgan.data.sources.base import Source, fingerprint_items


class ArraySource(Source):
    """Images as uint8 `[N,H,W]` or `[N,C,H,W]` with C of 1, 3 or 4."""

    def __init__(
        self,
        *,
        kind: str,
        name: str,
        location: str,
        images: np.ndarray,
        labels: np.ndarray,
        class_names: tuple[str, ...],
        classes_from: str,
        split: str | None = None,
        splits: tuple[str, ...] = (),
        fingerprint: str | None = None,
        condition_names: tuple[str, ...] = (),
        conditions: np.ndarray | None = None,
        remarks: tuple[str, ...] = (),
    ) -> None:
        self.kind, self.name, self.location = kind, name, location
        self.split, self.splits = split, splits
        self.class_names, self.classes_from = class_names, classes_from
        self.labels = np.ascontiguousarray(labels, dtype=np.int64)
        self.condition_names, self.conditions = condition_names, conditions
        self.remarks = remarks
        self.total_bytes = images.nbytes
        self._images = images
        self.fingerprint = fingerprint or fingerprint_items(
            class_names, [_pixels_item(images)], self.labels, condition_names, conditions
        )

    def item_name(self, index: int) -> str:
        """Return "image 7 of NAME"."""
        return f"image {index} of {self.name}"

    def read(self, index: int) -> Image.Image:
        """Return the image made of the pixels at `index`."""
        pixels = self._images[index]
        if pixels.ndim == 3:
            pixels = pixels.transpose(1, 2, 0)
            if pixels.shape[2] == 1:
                pixels = pixels[:, :, 0]
        return Image.fromarray(np.ascontiguousarray(pixels))


def _pixels_item(images: np.ndarray) -> tuple[str, str]:
    digest = hashlib.sha256()
    for start in range(0, len(images), 4096):  # in pieces: transposed views are copied piece by piece
        digest.update(np.ascontiguousarray(images[start : start + 4096]).data)
    return f"pixels {images.shape}", digest.hexdigest()
