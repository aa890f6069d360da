"""Decode a whole source: its images in order, and what was learned of it on the way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from projgan.data.decode import UnreadableImageError, decode
from projgan.data.packed import SKIPPED_NAMED, Sizes
from projgan.data.parallel import map_items
from projgan.data.sources import Item, Source
from projgan.errors import UserError

Progress = Callable[[int, int], None]
OnUnreadable = Literal["error", "skip"]

_NAMED = 5


@dataclass
class Tally:
    """What is learned of the source while it is decoded."""

    labels: list[int] = field(default_factory=list)
    failures: list[UnreadableImageError] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)
    upscaled: int = 0

    def sizes(self) -> Sizes:
        return Sizes(
            min_width=min(self.widths),
            max_width=max(self.widths),
            min_height=min(self.heights),
            max_height=max(self.heights),
        )


@dataclass
class Decoding:
    """A running decoding: the images to come, and what has been seen so far."""

    source: Source
    resolution: int
    channels: int
    tally: Tally
    images: Iterator[np.ndarray]

    @property
    def skipped(self) -> tuple[str, ...]:
        return tuple(error.item[:4096] for error in self.tally.failures[:SKIPPED_NAMED])


def decode_source(
    source: Source,
    resolution: int,
    channels: int,
    progress: Progress | None,
    workers: int | None,
    on_unreadable: OnUnreadable,
) -> Decoding:
    tally = Tally()

    def one(item: Item) -> tuple[int, tuple[int, int], np.ndarray] | UnreadableImageError:
        name = source.item_name(item.index)
        try:
            image = item.open()
            return item.index, image.size, decode(image, resolution, channels, name)
        except UnreadableImageError as error:
            return error

    def images() -> Iterator[np.ndarray]:
        total = len(source)
        for done, result in enumerate(map_items(source.iterate(), one, workers), start=1):
            if isinstance(result, UnreadableImageError):
                tally.failures.append(result)
            elif not (tally.failures and on_unreadable == "error"):  # then only the remaining failures matter
                index, (width, height), pixels = result
                tally.labels.append(int(source.labels[index]))
                tally.widths.append(width)
                tally.heights.append(height)
                tally.upscaled += min(width, height) < resolution
                yield pixels
            if progress is not None:
                progress(done, total)
        _judge(source, tally, on_unreadable)

    return Decoding(source, resolution, channels, tally, images())


def _judge(source: Source, tally: Tally, on_unreadable: OnUnreadable) -> None:
    """Refuse unreadable images unless they may be skipped and something is left of every class."""
    if tally.failures and on_unreadable == "error":
        raise unreadable_images(
            source, [str(error).rsplit(";", 1)[0] for error in tally.failures], len(tally.failures)
        )
    lost = set(np.unique(source.labels).tolist()) - set(tally.labels)
    if lost:
        names = ", ".join(source.class_names[label] for label in sorted(lost)[:_NAMED])
        raise UserError(
            f"{source.location}: every image of {len(lost)} classes is unreadable ({names}); "
            "repair or remove them"
        )


def unreadable_images(source: Source, names: list[str], count: int) -> UserError:
    shown = ", ".join(names[:_NAMED]) + (f", and {count - _NAMED} more" if count > _NAMED else "")
    return UserError(
        f"{source.location}: {count} of {len(source)} images cannot be read: {shown}; "
        "repair or remove them, or leave them out with --data.on-unreadable skip"
    )
