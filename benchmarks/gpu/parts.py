"""What an iteration is made of: its recorded steps, their kernels, single convolutions, and sampling."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from gpu.notes import Notes
from gpu.settings import Place, steps_called
from gpu.timings import kernels_of
from projgan import lanes
from projgan.arithmetic import compute
from projgan.generation.sampling import sample
from projgan.training.graphs import WARM_UP, CapturedStep
from timing.measures import timed

STEPS = {
    "generator's update": "update_generator",
    "images of all updates": "make_fakes",
    "discriminator's update": "update_discriminator",
}
TRANSPOSED = 0
"""In place of a stride: a transposed convolution of stride 2."""
Shape = tuple[int, int, int, int, int, int]
"""Images, channels in and out, side, kernel and stride."""
CONVOLUTIONS: dict[str, Shape] = {
    **{f"generator, up from {side}": (320, 256, 256, side, 4, TRANSPOSED) for side in (4, 8, 16)},
    **{f"generator, 3x3 at {side}": (320, 256, 256, side, 3, 1) for side in (8, 16, 32)},
    **{f"generator, last, {out} channels": (320, 256, out, 32, 3, 1) for out in (3, 8)},
    **{f"discriminator, first, {given} channels": (128, given, 128, 32, 3, 1) for given in (3, 8)},
    **{f"discriminator, halving {side}": (128, 128, 128, side, 4, 2) for side in (32, 16)},
    **{f"discriminator, 3x3 at {side}": (128, 128, 128, side, 3, 1) for side in (16, 8)},
}
"""Those of `cifar10`, and its narrow ones widened: eight channels are what matrix units take at once."""


def check(place: Place, notes: Notes) -> None:
    """Time the parts of `cifar10` in bfloat16 by replaying recorded steps; on a CPU something tiny."""
    _time_steps(place, notes)
    gc.collect()  # what was recorded
    compute(tf32=False)  # with algorithms whose bits do not vary, as in training
    for name, shape in CONVOLUTIONS.items():
        with notes.case(name) as facts:
            _time_convolution(facts, place, (2, *shape[1:]) if place.quick else shape)
    _time_sampling(place, notes)


def _time_steps(place: Place, notes: Notes) -> None:
    with steps_called("graph", place.device):
        trainer = place.trainer({"training.precision": "bf16"})
        for _ in range(WARM_UP + 2):
            trainer.advance()
        for name, attribute in STEPS.items():
            with notes.case(name) as facts:
                step: CapturedStep = getattr(trainer, attribute)
                assert step.replay is not None
                count = 2 if place.quick else 20
                facts["ms"] = _milliseconds(step.replay, place, count)
                facts["kernels"] = kernels_of(step.replay, place.device)


def _milliseconds(function: Callable[[], object], place: Place, count: int) -> float:
    function()
    seconds = timed(lambda: [function() for _ in range(count)], place.device)
    return round(seconds / count * 1000, 4)


def _time_convolution(facts: dict[str, Any], place: Place, shape: Shape) -> None:
    """Note ms of result and gradients, each recorded ten times over, and operations."""
    count, given, made, side, kernel, stride = shape
    transposed, padding = stride == TRANSPOSED, kernel // 2 if stride == 1 else 1
    channels = (given, made) if transposed else (made, given)

    def draw(*size: int) -> Tensor:
        numbers = torch.randn(size, device=place.device, dtype=torch.bfloat16)
        return numbers.contiguous(memory_format=torch.channels_last)

    images, weight = draw(count, given, side, side), draw(*channels, kernel, kernel)
    how = [stride or 2] * 2, [padding] * 2, [1, 1], transposed, [0, 0], 1

    def forward() -> Tensor:
        return torch.ops.aten.convolution(images, weight, None, *how)

    slope = draw(*forward().shape)

    def backward(mask: list[bool]) -> Any:
        return torch.ops.aten.convolution_backward(slope, images, weight, None, *how, mask)

    functions: dict[str, Callable[[], object]] = {
        "ms": forward,
        "ms_for_images": lambda: backward([True, False, False]),
        "ms_for_weight": lambda: backward([False, True, False]),
    }
    for name, function in functions.items():
        facts[name] = round(_milliseconds(_recorded(function, place), place, 3) / 10, 4)
    facts["gflop"] = round(2e-9 * slope.numel() * given * kernel**2 / (4 if transposed else 1), 2)


def _recorded(function: Callable[[], object], place: Place) -> Callable[[], object]:
    """Ten calls as one graph, so that launching them takes no time; on a CPU ten calls."""
    if place.device.type != "cuda":
        return lambda: [function() for _ in range(10)]
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(10):
            function()
    return graph.replay


def _time_sampling(place: Place, notes: Notes) -> None:
    generator = place.trainer({}).generator.eval()
    count = 64 if place.quick else 6400
    condition = torch.arange(count) % 10
    for tf32 in (False, True):
        for lane in (64, 256):
            with notes.case(f"sampling, {'tf32' if tf32 else 'fp32'}, lanes of {lane}") as facts:
                with _lanes_of(lane, tf32=tf32):
                    list(sample(generator, range(min(lane, count)), condition[: min(lane, count)]))
                    seconds = timed(lambda: list(sample(generator, range(count), condition)), place.device)
                facts["images_a_second"] = round(count / seconds)


@contextmanager
def _lanes_of(size: int, *, tf32: bool) -> Iterator[None]:
    """Let networks be asked in lanes of a size, with factors rounded to TF32 or not."""

    @contextmanager
    def computing() -> Iterator[None]:
        compute(tf32=tf32)
        yield

    before = dict(lanes.LANES), lanes.in_float32
    lanes.LANES["cuda"], lanes.in_float32 = size, computing
    try:
        yield
    finally:
        lanes.in_float32 = before[1]
        lanes.LANES.update(before[0])
