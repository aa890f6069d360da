"""The one table of sizes and widths: which networks there are, by name. Imports no torch.

What may be chosen as `data.resolution` or as an architecture follows from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

_Row = TypeVar("_Row")

MIN_RESOLUTION, MAX_RESOLUTION = 8, 512
"""Of a classifier."""


@dataclass(frozen=True)
class GeneratorShape:
    """A generator: `bottom` pixels wide after the linear layer, then one doubling block per further width."""

    resolution: int
    width: int
    multipliers: tuple[int, ...]

    @property
    def bottom(self) -> int:
        """Height and width of the first feature map, in pixels."""
        return int(self.resolution >> (len(self.multipliers) - 1))


@dataclass(frozen=True)
class DiscriminatorShape:
    """A trunk: one block per width, of which the first `num_downsampling` halve height and width."""

    resolution: int
    width: int
    multipliers: tuple[int, ...]
    num_downsampling: int
    linear_bias: bool = True
    hidden_block: int = 3
    """Where `hidden-concat` joins, counted from 1."""


@dataclass(frozen=True)
class SuperResolutionShape:
    """A pair of networks that enlarge; widths are multiples of their base width."""

    resolution: int
    """Height and width of the images that the discriminator sees."""
    after_meeting: tuple[int, ...]
    """Blocks of the discriminator behind the low-resolution map: all halve it but the last."""
    width: int = 64
    noise_channels: int = 128


GENERATORS: dict[str, GeneratorShape] = {
    "resnet-8": GeneratorShape(8, 64, (1, 1, 1)),
    "resnet-32": GeneratorShape(32, 256, (1, 1, 1, 1)),
    "resnet-32-tapered": GeneratorShape(32, 64, (4, 4, 2, 1)),
    "resnet-48": GeneratorShape(48, 64, (8, 4, 2, 1)),
    "resnet-64": GeneratorShape(64, 64, (16, 8, 4, 2, 1)),
    "resnet-96": GeneratorShape(96, 64, (16, 8, 4, 2, 1)),
    "resnet-128": GeneratorShape(128, 64, (16, 16, 8, 4, 2, 1)),
    "resnet-128-small": GeneratorShape(128, 64, (8, 8, 4, 4, 2, 1)),
    "resnet-256": GeneratorShape(256, 32, (16, 16, 8, 8, 4, 2, 1)),
    "resnet-512": GeneratorShape(512, 32, (16, 16, 8, 8, 4, 2, 1, 1)),
}
"""Base width and its multiples, by name: the linear layer's, then each block's output.

The paper's code has those of 32, 64, 128 and 256 pixels. 48 is Miyato et al. 2018's for STL-10. 512 goes on
from 256 as BigGAN's does (Brock et al. 2019), by one more block of the last width. `resnet-8` and `resnet-96`
are ours, the latter being `resnet-64` from 6x6 pixels on; and `resnet-32-tapered`: as many operations as
`resnet-32` of twice its width, four times the parameters.
"""

DISCRIMINATORS: dict[str, DiscriminatorShape] = {
    "resnet-8": DiscriminatorShape(8, 64, (1, 1, 1), 2, hidden_block=2),
    "resnet-32": DiscriminatorShape(32, 128, (1, 1, 1, 1), 2, linear_bias=False, hidden_block=2),
    "resnet-48": DiscriminatorShape(48, 64, (1, 2, 4, 8, 16), 4),
    "resnet-64": DiscriminatorShape(64, 64, (1, 2, 4, 8, 16), 5),
    "resnet-96": DiscriminatorShape(96, 64, (1, 2, 4, 8, 16), 5),
    "resnet-128": DiscriminatorShape(128, 64, (1, 2, 4, 8, 16, 16), 5),
    "resnet-128-small": DiscriminatorShape(128, 64, (1, 2, 4, 4, 8, 8), 5),
    "resnet-256": DiscriminatorShape(256, 32, (1, 2, 4, 8, 8, 16, 16), 6),
    "resnet-512": DiscriminatorShape(512, 32, (1, 1, 2, 4, 8, 8, 16, 16), 7, hidden_block=4),
}
"""Base width and its multiples, by name, one per block; from the same places as the generators.

At 512 pixels `hidden-concat` joins one block later than at 256, where the map is as large as there.
"""

SUPER_RESOLUTION: dict[str, SuperResolutionShape] = {
    "super-resolution-16-64": SuperResolutionShape(64, (4, 8, 8)),
    "super-resolution-32-128": SuperResolutionShape(128, (4, 8, 16, 16)),
}
"""By name. `super-resolution-32-128` is the author's; the other is ours: one halving block less."""


class UnknownNameError(ValueError):
    """A name that is in no table of this version."""


def row_of(table: Mapping[str, _Row], name: str, argument: str) -> _Row:
    """Look up what an argument names in a table, such as these.

    Raises:
        UnknownNameError: there is no such name; these are the names.
    """
    if name not in table:
        raise UnknownNameError(f"{argument} is {name!r}; there are {', '.join(table)}")
    return table[name]


RESOLUTIONS: tuple[int, ...] = tuple(sorted({shape.resolution for shape in GENERATORS.values()}))
"""Heights and widths of images that networks can be had for, in pixels."""


def resolution_of(architecture: str) -> int | None:
    """Return the height and width of the images of a network, or None where any will do (`projected`)."""
    if architecture in SUPER_RESOLUTION:
        return SUPER_RESOLUTION[architecture].resolution
    found = GENERATORS.get(architecture) or DISCRIMINATORS.get(architecture)
    return found.resolution if found else None
