"""Decode a whole source: its images in order, and what was learned of it on the way."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from projgan.config import Fit
from projgan.data.decode import ENLARGED, Unreadable, UnreadableImageError, decode
from projgan.data.parallel import map_items
from projgan.data.sample_depth import stored_bits, used_bits
from projgan.data.sources import Item, Source
from projgan.data.store import SKIPPED_NAMED, Sizes, packed_fingerprint
from projgan.errors import UserError, listed
from projgan.listening import Count, told

OnUnreadable = Literal["error", "skip"]

_NAMED = 5


class Decoding:
    """A source that is to be brought to one size, and what the one pass over it has shown.

    Args:
        source: the images.
        resolution: height and width in pixels.
        channels: 1 for grey, 3 for RGB.
        fit: what becomes of images that are not square.
        on_unreadable: "error" to refuse a source with unreadable images, "skip" to leave them out.
        progress: called with (images done, images in all).

    Attributes:
        labels: labels of the images yielded so far.
        failures: what could not be read so far.
        upscaled: how many images so far were smaller than the resolution.
        depths: of the images so far that are stored with 16 bits a sample, how many use how many.
    """

    def __init__(
        self,
        source: Source,
        resolution: int,
        channels: int,
        *,
        fit: Fit = "crop",
        on_unreadable: OnUnreadable = "error",
        progress: Count | None = None,
    ) -> None:
        self.source, self.resolution, self.channels, self.fit = source, resolution, channels, fit
        self.on_unreadable, self._progress = on_unreadable, progress
        self.labels: list[int] = []
        self._indices: list[int] = []
        self.failures: list[Unreadable] = []
        self.upscaled = 0
        self.depths: Counter[int] = Counter()
        self._widths: set[int] = set()
        self._heights: set[int] = set()

    def images(self) -> Iterator[np.ndarray]:
        """Yield uint8 `[C,H,W]` arrays in the source's order, without the unreadable ones.

        Raises:
            UserError: at the end, when images are unreadable and may not be skipped, or nothing is left of
                a class; after the first failure the rest is still read, so that all are counted.
        """
        results = map_items(self.source.iterate(), self._decode)
        for item, result in told(results, len(self.source), self._progress):
            if isinstance(result, Unreadable):
                self.failures.append(result)
            elif self.on_unreadable == "skip" or not self.failures:
                size, bits, pixels = result
                self._note(item.index, size, bits)
                yield pixels
        self._judge()

    def _decode(self, item: Item) -> tuple[Item, tuple[tuple[int, int], int | None, np.ndarray] | Unreadable]:
        try:
            image = item.open()
            stored = stored_bits(image)
            name = self.source.item_name(item.index)
            pixels = decode(image, self.resolution, self.channels, name, self.fit)
            return item, (image.size, used_bits(image) if stored == 16 else None, pixels)
        except UnreadableImageError as error:
            return item, error.unreadable

    def _note(self, index: int, size: tuple[int, int], bits: int | None) -> None:
        self.labels.append(int(self.source.labels[index]))
        self._indices.append(index)
        self._widths.add(size[0])
        self._heights.add(size[1])
        self.upscaled += ENLARGED[self.fit](size) < self.resolution
        if bits is not None:
            self.depths[bits] += 1

    def _judge(self) -> None:
        if self.failures and self.on_unreadable == "error":
            raise unreadable_images(
                self.source, [str(failure) for failure in self.failures], len(self.failures)
            )
        lost = sorted(set(np.unique(self.source.labels).tolist()) - set(self.labels))
        if lost:
            names = ", ".join(self.source.class_names[label] for label in lost[:_NAMED])
            raise UserError(
                f"{self.source.location}: every image of {len(lost)} classes is unreadable ({names}); "
                "repair or remove them"
            )

    @property
    def conditions(self) -> np.ndarray | None:
        """The conditions of the images yielded so far, float32 `[n,K]`, where the source has some."""
        return None if self.source.conditions is None else self.source.conditions[self._indices]

    @property
    def sizes(self) -> Sizes:
        """The extremes of the sizes of the images yielded."""
        return Sizes(
            min_width=min(self._widths),
            max_width=max(self._widths),
            min_height=min(self._heights),
            max_height=max(self._heights),
        )

    @property
    def skipped(self) -> tuple[str, ...]:
        """Names of the images left out, the first hundred."""
        return tuple(failure.name[:4096] for failure in self.failures[:SKIPPED_NAMED])

    @property
    def fingerprint(self) -> str:
        """By which a store of the images yielded is found again, once the pass is over."""
        return self.fingerprint_without(self.skipped, len(self.failures))

    def fingerprint_without(self, skipped: tuple[str, ...], count: int) -> str:
        """By which a store is found of which `count` images, the first ones named, were left out."""
        size = self.resolution, self.channels
        return packed_fingerprint(self.source.fingerprint, *size, skipped, count, self.fit)


def unreadable_images(source: Source, failures: Sequence[str], count: int) -> UserError:
    """Return the error that names the first of `count` unreadable images and says what to do."""
    shown = listed(failures, _NAMED, count=count)
    return UserError(
        f"{source.location}: {count} of {len(source)} images cannot be read: {shown}; "
        "repair or remove them, or leave them out with --on-unreadable skip"
    )
