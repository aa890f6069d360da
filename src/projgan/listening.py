"""What long work tells whoever waits for it; a library user may leave everything as it is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor


Item = TypeVar("Item")
Count = Callable[[int, int], object]
"""Takes how many are done, and of how many."""


def told(
    items: Iterable[Item],
    total: int,
    progress: Count | None,
    size: Callable[[Item], int] = lambda item: 1,
) -> Iterator[Item]:
    """Yield the items, telling of each once the work on it is done: when the next one is asked for.

    Args:
        items: what is worked through.
        total: how many there are in all.
        progress: told of (done, total), if it is there.
        size: how many an item counts as, such as `len` of a batch.
    """
    done = 0
    for item in items:
        yield item
        done += size(item)
        if progress is not None:
            progress(done, total)


@dataclass(frozen=True)
class Progress:
    """How far a training is, after each step."""

    step: int
    steps: int
    images_seen: int
    losses: "Tensor"
    """Of the last step, on the device: of one network [1], or of generator and discriminator [2]."""
    describe: Callable[[], str] = lambda: ""
    """Says the rest in words; asks the device for numbers, so it is called for a line that is shown."""


@dataclass(frozen=True)
class Listener:
    """Where trainings and measurements report to."""

    started: Callable[[int, int, int], None] = lambda step, steps, images_per_step: None
    stepped: Callable[[Progress], None] = lambda progress: None
    ended: Callable[[], None] = lambda: None
    """Told at the end of a training, however it ends."""
    said: Callable[[str], None] = lambda message: None
    working: Callable[[str, int, int], None] = lambda what, done, total: None
    """Told what is being done, as in "decoding images", how many are done, and of how many."""

    def counting(self, what: str) -> Callable[[int, int], None]:
        """Return what takes (done, total) of one kind of work."""
        return lambda done, total: self.working(what, done, total)
