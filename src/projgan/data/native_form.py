"""The size and the kind of pixels that a source's images have by themselves, from their headers alone."""

from dataclasses import dataclass

from projgan.data.decode import Unreadable, UnreadableImageError
from projgan.data.describe import GREY_MODES
from projgan.data.parallel import map_items
from projgan.data.sources import Item, Source
from projgan.listening import Count, told


@dataclass(frozen=True)
class NativeForm:
    """What the readable images of a source have in common.

    Attributes:
        resolution: height and width of every image, or None where they are not all squares of one size.
        channels: 1 where every image is grey, else 3.
    """

    resolution: int | None
    channels: int


def native_form(source: Source, progress: Count | None = None) -> NativeForm:
    """Return the form of a source's images; `progress` is called with (images looked at, images in all)."""

    def look(item: Item) -> tuple[tuple[int, int], bool] | Unreadable:
        try:
            image = item.open()
        except UnreadableImageError as error:
            return error.unreadable
        return image.size, image.mode in GREY_MODES

    sizes: set[tuple[int, int]] = set()
    grey = True
    for result in told(map_items(source.iterate(), look), len(source), progress):
        if not isinstance(result, Unreadable):
            sizes.add(result[0])
            grey &= result[1]
    width, height = sizes.pop() if len(sizes) == 1 else (0, 1)
    return NativeForm(resolution=width if width == height else None, channels=1 if grey else 3)
