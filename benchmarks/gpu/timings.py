"""What an iteration takes, recorded and not, in each precision; memory; the largest kernels; other rates."""

import gc
import re
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from gpu.notes import Notes
from gpu.settings import Changes, Place, fakes_apart, steps_called
from projgan.generation.sampling import sample
from projgan.networks.classifier import Classifier
from projgan.training.acceleration import place as placed
from projgan.training.graphs import WARM_UP
from projgan.training.memory import memory_need
from projgan.training.trainer import Trainer
from timing.measures import timed

KERNELS = 40
APART = "bf16, graph, fakes apart"
"""Generated images made update by update: whether one forward for all of a step gains time."""
ONE_BATCH = "bf16, graph, one batch"
"""Real images drawn once for all iterations: what is saved is what an iteration waits for data."""


def check(place: Place, notes: Notes) -> None:
    """Time the experiment of CIFAR-10 at its own size; on a CPU something tiny, to see that it runs."""
    cases: list[tuple[str, str, Changes]] = [
        ("bf16, graph", "graph", {"training.precision": "bf16"}),
        (APART, "graph", {"training.precision": "bf16"}),
        (ONE_BATCH, "graph", {"training.precision": "bf16"}),
        ("bf16, eager", "eager", {"training.precision": "bf16"}),
        ("tf32, graph", "graph", {"training.precision": "tf32"}),
        ("fp32, graph", "graph", {}),
        ("fp32, eager", "eager", {}),
        ("fp32, plain", "eager", {"training.acceleration": "none"}),
    ]
    for name, how, changes in cases:
        with notes.case(name) as facts, fakes_apart(name == APART):
            time_steps(facts, place, how, changes, one_batch=name == ONE_BATCH)
    with notes.case("kernels of bf16, graph") as facts:
        facts["ms"] = _kernels(place)
    with notes.case("data") as facts:
        trainer = place.trainer({})
        seconds = timed(lambda: [trainer.stream.batch(64 * number) for number in range(50)], place.device)
        facts["ms_a_batch"] = round(seconds / 50 * 1000, 3)
    _other_rates(place, notes)


def time_steps(
    facts: dict[str, Any],
    place: Place,
    how: str,
    changes: Changes,
    count: int = 20,
    *,
    one_batch: bool = False,
) -> None:
    """Note ms of an iteration, many launched at once and one by one, and memory beside what was foreseen."""
    count = 2 if place.quick else count
    gc.collect()  # a trainer that was left is a circle, and its memory is not free before
    if place.device.type == "cuda":
        torch.cuda.init()  # the first case may be the first to use the device
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(place.device)
    before = _memory(place)
    with steps_called(how, place.device):
        trainer = place.trainer(changes)
        if one_batch:
            batch = trainer.stream.batch(0)
            trainer.stream.batch = lambda position: batch  # type: ignore[method-assign]
        foreseen = memory_need(trainer).at(trainer.schedule.batch_size)
        for _ in range(WARM_UP + 2):
            trainer.advance()
        times = [timed(trainer.advance, place.device) for _ in range(count)]
        together = timed(lambda: [trainer.advance() for _ in range(count)], place.device) / count
    facts |= {
        "ms": round(together * 1000, 2),
        "ms_one_by_one": round(sorted(times)[len(times) // 2] * 1000, 2),
        "mib_foreseen": foreseen // 2**20,
        "mib": (_memory(place) - before) // 2**20,
    }


def _memory(place: Place) -> int:
    return torch.cuda.max_memory_allocated(place.device) if place.device.type == "cuda" else 0


def _kernels(place: Place) -> dict[str, list[float]]:
    """Of one iteration, by name."""
    with steps_called("graph", place.device):
        trainer: Trainer = place.trainer({"training.precision": "bf16"})
        for _ in range(WARM_UP + 2):
            trainer.advance()
        return kernels_of(trainer.advance, place.device)


def kernels_of(function: Callable[[], object], device: torch.device) -> dict[str, list[float]]:
    """What a call runs, by name: ms and calls, the largest first."""
    activities = [ProfilerActivity.CUDA if device.type == "cuda" else ProfilerActivity.CPU]
    with profile(activities=activities) as found:
        function()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    rows: dict[str, list[float]] = {"all": [0, 0]}
    for event in found.key_averages():
        spent = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        for name in ("all", _short(event.key)):
            row = rows.setdefault(name, [0, 0])
            row[0], row[1] = row[0] + spent / 1000, row[1] + event.count
    largest = sorted(rows, key=lambda name: rows[name][0], reverse=True)[:KERNELS]
    return {name: [round(rows[name][0], 3), rows[name][1]] for name in largest}


def _short(kernel: str) -> str:
    """The name of a kernel without what they all share; kernels of one beginning are counted together."""
    return re.sub(r"at::native::|\(anonymous namespace\)::|void ", "", kernel)[:70]


def _other_rates(place: Place, notes: Notes) -> None:
    count = 64 if place.quick else 10_000
    for precision in ("fp32", "bf16"):
        with notes.case(f"sampling, {precision}") as facts:
            generator = place.trainer({"training.precision": precision}).generator.eval()
            condition = torch.arange(count) % 10
            list(sample(generator, range(64), condition[:64]))
            start = time.perf_counter()
            list(sample(generator, range(count), condition))
            facts["images_a_second"] = round(count / (time.perf_counter() - start))
    with notes.case("features") as facts:
        network = placed(Classifier(32, 3, 10, width=16 if place.quick else 256), place.device).eval()
        images = torch.rand(count, 3, 32, 32, device=place.device) * 2 - 1

        @torch.inference_mode()
        def look() -> None:
            for part in images.split(128):
                network.features(part)

        look()
        facts["images_a_second"] = round(count / timed(look, place.device))
