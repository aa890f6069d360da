"""Networks asked in lanes: batches of one fixed size, the last one padded, each row computed like any other.

An answer must not depend on its neighbours, to the bit. Convolutions round differently for different batch
sizes, hence lanes; within a batch each image goes through the same instructions. Products of small matrices
round a row by where it lies in memory, hence `rows_apart`.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from projgan.arithmetic import in_float32
from projgan.listening import Count, told
from projgan.networks.resnet import Discriminator
from projgan.pictures.pixels import to_float

LANES = {"cpu": 8, "cuda": 64}
"""Images a network sees at once, by device type."""

Answer = TypeVar("Answer")


def in_lanes(ask: Callable[..., Answer], lane: int, *rows: Tensor) -> Iterator[tuple[Answer, int]]:
    """Ask about rows, as many at once as a lane has, without gradients; a GPU computes in full float32.

    Args:
        ask: is called with a full lane of each of `rows`.
        lane: rows in a lane.
        rows: tensors [N, ...], all of one length.

    Yields:
        what `ask` says of a lane, and how many of its rows, from the first, were given.
    """
    for start in range(0, len(rows[0]), lane):
        some = [part[start : start + lane] for part in rows]
        with torch.inference_mode(), in_float32(), rows_apart():
            answer = ask(*(fill_lane(part, lane) for part in some))
        yield answer, len(some[0])


def lane_size(network: nn.Module) -> int:
    """Images that a network sees at once, by the device it is on."""
    return LANES.get(next(network.parameters()).device.type, LANES["cpu"])


def fill_lane(rows: Tensor, lane: int) -> Tensor:
    """Repeat the first row behind the last one until there are `lane` of them: [n, ...] -> [lane, ...]."""
    return torch.cat([rows, rows[:1].expand(lane - len(rows), *rows.shape[1:])])


class rows_apart(TorchFunctionMode):  # noqa: N801
    """While it is entered, `F.linear` on a CPU takes each row by a call of its own, from memory of its own.

    Calls of one shape and alignment are one computation, on every processor. Networks therefore take every
    product of rows with a matrix by `F.linear`.
    """

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Called by torch in place of each of its functions."""
        if function is F.linear and args[0].device.type == "cpu":
            return _linear_by_row(*args, **kwargs or {})
        return function(*args, **kwargs or {})


def _linear_by_row(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    answers = [F.linear(row.clone(), weight, bias) for row in rows.split(1)]
    for answer in answers:
        if answer.requires_grad:
            answer.register_hook(torch.clone)  # what comes back is a part of a larger tensor too
    return torch.cat(answers)


def as_seen(images: Tensor, discriminator: Discriminator) -> Tensor:
    """uint8 [n, C, R, R] -> float32 on the discriminator's device, in the middle of each grey level.

    There the noise of training has its mean, so that looking twice says the same.
    """
    device = next(discriminator.parameters()).device
    return to_float(images.to(device), torch.tensor(0.5, device=device))


def logits_of(discriminator: Discriminator, images: Tensor, condition: Tensor | None) -> Tensor:
    """Return f(x, y) of images with their conditions, lane by lane: float32 [N] on the CPU.

    Args:
        discriminator: in evaluation mode, on any device.
        images: uint8 [N, C, R, R].
        condition: labels [N] or float [N, num_classes]; None for an unconditional discriminator.
    """

    def ask(images: Tensor, condition: Tensor | None = None) -> Tensor:
        seen = as_seen(images, discriminator)
        logits: Tensor = discriminator(seen, None if condition is None else condition.to(seen.device)).logits
        return logits

    rows = [images] if condition is None else [images, condition]
    answers = in_lanes(ask, lane_size(discriminator), *rows)
    return torch.cat([logits[:count].cpu() for logits, count in answers])


def features_of(discriminator: Discriminator, images: Tensor, progress: Count | None = None) -> Tensor:
    """phi(x) lane by lane: uint8 [N, C, R, R] -> float32 [N, num_features] on the CPU.

    `progress` is told of (images done, all).
    """

    def ask(images: Tensor) -> Tensor:
        return discriminator.features(as_seen(images, discriminator))

    seen = in_lanes(ask, lane_size(discriminator), images)
    lanes = told(seen, len(images), progress, lambda lane: lane[1])
    features = [features[:count].cpu() for features, count in lanes]
    return torch.cat(features).clone()  # outside of inference mode, so that a fit may differentiate
