"""How images are held: uint8 arrays of one size, in memory or mapped from a checked folder on disk."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from projgan.config import Fit
from projgan.data.empty_classes import empty_classes, words_on_empty


@dataclass(frozen=True)
class PackedImages:
    """Labelled images of one size.

    Attributes:
        images: uint8 `[N,C,H,W]` in 0..255, perhaps memory-mapped; not to be written to.
        labels: int64 `[N]`.
        class_names: names by label.
        conditions: float32 `[N,K]`, where images have several classes (0 or 1) or numbers; else None.
        condition_names: names of its columns.
        name: the data set's.
        fingerprint: sha256 of the pixels, labels and class names: the same wherever and from whatever the
            same images were packed.
        skipped: names of unreadable images left out (the first hundred); empty as a rule.
        upscaled: how many images were smaller than the resolution and so were enlarged.
        remade_words: that a damaged store in the cache was made again, in a line; "" as a rule.
        fit: how images that were not square became so.
        depth_words: that images stored with 16 bits a sample come out too dark, in a line; "" as a rule.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    name: str
    fingerprint: str
    split: str | None = None
    skipped: tuple[str, ...] = ()
    skipped_count: int = 0
    upscaled: int = 0
    depth_words: str = ""
    remade_words: str = ""
    condition_names: tuple[str, ...] = ()
    conditions: np.ndarray | None = None
    fit: Fit = "crop"

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def skipped_words(self) -> str:
        """How many images were left out, for a person; "" for none."""
        if not self.skipped_count:
            return ""
        left = (
            "1 unreadable image is"
            if self.skipped_count == 1
            else f"{self.skipped_count} unreadable images are"
        )
        return f"{self.name}: {left} left out"

    @property
    def loading_words(self) -> list[str]:
        """What became of the files on the way here, a line each."""
        return list(filter(None, (self.remade_words, self.skipped_words)))

    @property
    def remarks(self) -> list[str]:
        """What whoever trains on these should know, a line each."""
        remarks = [
            *self.loading_words,
            self.empty_words,
            self.depth_words and f"{self.name}: {self.depth_words}",
        ]
        if self.fit != "crop":
            remarks.append(f"{self.name}: of images that are not square, data.fit is {self.fit}")
        if self.upscaled:
            remarks.append(f"{self.name}: {self.upscaled} images are smaller than wanted and were enlarged")
        return list(filter(None, remarks))

    @property
    def num_classes(self) -> int:
        """Number of class names, whether or not each has images."""
        return len(self.class_names)

    @cached_property
    def empty_classes(self) -> tuple[str, ...]:
        """Names of declared classes without any image, which nothing can be learned of."""
        return tuple(self.class_names[label] for label in empty_classes(self.labels, self.num_classes))

    @property
    def empty_words(self) -> str:
        """Which classes have no images, for a person; "" where each has some."""
        words = words_on_empty(self.empty_classes, self.num_classes)
        return words and f"{self.name}: {words}"

    @property
    def resolution(self) -> int:
        """Height and width in pixels."""
        return int(self.images.shape[-1])

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return int(self.images.shape[1])
