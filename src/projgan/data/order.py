"""Which image is at which position of an endless stream: a function of the seed and of the position."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from projgan.randomness import generator_at


class Order(ABC):
    """An endless sequence of images, of which any stretch can be asked for at any time."""

    @abstractmethod
    def at(self, position: int, count: int) -> Tensor:
        """Return which images are at [position, position + count), int64 [count]."""


class Permutations(Order):
    """One permutation of 0..count-1 after another, each of its own randomness.

    Args:
        count: of what is permuted.
        seed: of the run.
        stream: name of the random numbers.
    """

    def __init__(self, count: int, seed: int, stream: str) -> None:
        self.count, self.seed, self.stream = count, seed, stream
        self._epochs: dict[int, Tensor] = {}

    def at(self, position: int, count: int) -> Tensor:
        """Return what is at [position, position + count), int64 [count]."""
        parts = []
        while count > 0:
            epoch, offset = divmod(position, self.count)
            part = self._order(epoch)[offset : offset + count]
            parts.append(part)
            position, count = position + len(part), count - len(part)
        return torch.cat(parts)

    def one_at(self, position: int) -> int:
        """Return what is at one position."""
        epoch, offset = divmod(position, self.count)
        return int(self._order(epoch)[offset])

    def _order(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            self._epochs = {key: order for key, order in self._epochs.items() if key == epoch - 1}
            source = generator_at(self.seed, self.stream, epoch)
            self._epochs[epoch] = torch.randperm(self.count, generator=source)
        return self._epochs[epoch]


class ClassesAlike(Order):
    """Every class once in each round, in another order each time; its images in permutations of their own.

    Over whole rounds each class has the same number of images, and within a class no image comes a second
    time before all have come once.

    Args:
        labels: int64 [N]; a class without images has no part in it.
        seed: of the run.
    """

    def __init__(self, labels: Tensor, seed: int) -> None:
        labels = labels.cpu()
        sizes = labels.unique(return_counts=True)[1]
        self.members = list(labels.argsort(stable=True).split(sizes.tolist()))
        self.rounds = Permutations(len(sizes), seed, "order of classes")
        self.within = [
            Permutations(len(members), seed, f"order in class {place}")
            for place, members in enumerate(self.members)
        ]

    def at(self, position: int, count: int) -> Tensor:
        """Return which images are at [position, position + count), int64 [count]."""
        number, classes = len(self.members), self.rounds.at(position, count).tolist()
        rounds = ((position + step) // number for step in range(count))
        return torch.tensor(
            [
                int(self.members[place][self.within[place].one_at(turn)])
                for place, turn in zip(classes, rounds, strict=True)
            ]
        )


def each_image_alike(conditions: Tensor, seed: int) -> Order:
    """Every image once in each epoch."""
    return Permutations(len(conditions), seed, "order")


ORDERS: dict[str | None, Callable[[Tensor, int], Order]] = {None: each_image_alike, "classes": ClassesAlike}
"""By the name used in configurations; called with the conditions and the run's seed."""
