"""What the images of a source are like, before any is brought to a size: one pass over all of them."""

from collections import Counter
from dataclasses import dataclass, field

from projgan.data.decode import Unreadable, UnreadableImageError, to_eight_bits
from projgan.data.parallel import map_items
from projgan.data.sample_depth import stored_bits, used_bits
from projgan.data.sources import Item, Source
from projgan.listening import Count, told

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass
class Survey:
    """What was seen of a source's images.

    Attributes:
        sizes: (width, height) -> how many images, in the order first met.
        first: (width, height) -> index of the first image of that size.
        modes, formats: Pillow's words for pixels and files -> how many images.
        depths: of images stored with 16 bits a sample, how many use how many; only where pixels were decoded.
        failures: images that cannot be read.
    """

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    first: dict[tuple[int, int], int] = field(default_factory=dict)
    modes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    depths: Counter[int] = field(default_factory=Counter)
    failures: list[Unreadable] = field(default_factory=list)

    @property
    def resolution(self) -> int | None:
        """Height and width of every image that can be read, None where they are not squares of one size."""
        width, height = next(iter(self.sizes)) if len(self.sizes) == 1 else (0, 1)
        return width if width == height else None

    @property
    def grey(self) -> int:
        """How many images are grey."""
        return sum(self.modes[mode] for mode in GREY_MODES)


def survey(
    source: Source, progress: Count | None = None, *, pixels: bool = False, sizes: int | None = None
) -> Survey:
    """Look at every image of a source.

    Args:
        source: the images.
        progress: called with (images looked at, images in all).
        pixels: whether to decode each image too, and not its header alone.
        sizes: how many sizes to meet before the rest is passed over; None for all.
    """

    def look(item: Item) -> tuple[int, tuple[int, int], str, str, int | None] | Unreadable:
        try:
            image = item.open()
            size, mode, kind, bits = image.size, image.mode, image.format or "pixels", None
            if pixels:
                stored = stored_bits(image)
                size = to_eight_bits(image, source.item_name(item.index)).size
                bits = used_bits(image) if stored == 16 else None
            return item.index, size, mode, kind, bits
        except UnreadableImageError as error:
            return error.unreadable

    seen = Survey()
    for result in told(map_items(source.iterate(), look), len(source), progress):
        if isinstance(result, Unreadable):
            seen.failures.append(result)
        else:
            index, size, mode, kind, bits = result
            seen.sizes[size] += 1
            seen.first.setdefault(size, index)
            seen.modes[mode] += 1
            seen.formats[kind] += 1
            if bits is not None:
                seen.depths[bits] += 1
            if len(seen.sizes) == sizes:
                break
    return seen
