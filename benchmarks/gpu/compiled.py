"""A third way to few and large kernels: the networks through `torch.compile`, inside the recorded steps."""

import time

import torch

from gpu.notes import Notes
from gpu.settings import Changes, Place, steps_called
from projgan.training.graphs import WARM_UP
from projgan.training.trainer import Trainer
from timing.measures import timed


def check(place: Place, notes: Notes) -> None:
    """Time an iteration, and what compiling takes; on a CPU only that it can be traced."""
    backend = "aot_eager" if place.quick else "inductor"
    rounds, count = (1, 2) if place.quick else (3, 50)
    torch._dynamo.config.recompile_limit = 64  # layers are compiled one by one where a graph breaks
    cases: dict[str, Changes] = {"plain": {"training.acceleration": "none"}, "fast": {}}
    for name, changes in cases.items():
        with notes.case(f"bf16, {name}, compiled, graph") as facts, steps_called("graph", place.device):
            torch.compiler.reset()
            trainer = place.trainer({**changes, "training.precision": "bf16"})
            trainer.generator.compile(backend=backend, dynamic=False)
            trainer.discriminator.compile(backend=backend, dynamic=False)
            start = time.perf_counter()
            for _ in range(WARM_UP + 2):
                trainer.advance()
            facts["compiling_seconds"] = round(time.perf_counter() - start, 1)

            def iterations(trainer: Trainer = trainer) -> None:
                for _ in range(count):
                    trainer.advance()

            times = [timed(iterations, place.device) / count for _ in range(rounds)]
            facts["ms"] = [round(seconds * 1000, 2) for seconds in times]
            facts["ok"] = bool(torch.stack(trainer.pending).isfinite().all())
