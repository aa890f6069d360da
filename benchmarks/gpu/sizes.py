"""What an iteration of other experiments takes, at the sizes that a GPU is for."""

from dataclasses import replace

from gpu.notes import Notes
from gpu.settings import Changes, Place
from gpu.timings import time_steps
from projgan.errors import UserError
from projgan.storage.pretrained import imagenet_file

LARGE: Changes = {"training.batch_size": 256, "training.generator_batch_size": 256}


def check(place: Place, notes: Notes) -> None:
    """Time each as `timings` times `cifar10`, with ten classes; on a CPU something tiny."""
    cases: list[tuple[str, str, str, Changes]] = [
        ("imagenet-128", "graph", "bf16", LARGE),
        ("imagenet-128", "eager", "bf16", LARGE),
        ("imagenet-128", "graph", "tf32", LARGE),
        ("cifar10", "graph", "bf16", {"training.generator_batch_size": 64}),
        ("cifar10", "graph", "tf32", {"training.generator_batch_size": 64}),
        ("cifar10", "graph", "fp32", {"training.generator_batch_size": 64}),
        ("tiny-imagenet-64", "graph", "bf16", {}),
    ]
    try:
        imagenet_file()
        cases += [(preset, "graph", "bf16", {}) for preset in ("projected-32", "projected-128")]
        cases += [("projected-32", how, "fp32", {}) for how in ("graph", "eager")]
    except UserError:
        notes.write("projected", True, 0.0, {"skipped": "the extra `pretrained` is not here"})
    for preset, how, precision, changes in cases:
        sizes = "".join(f", {key.split('.')[1]} {value}" for key, value in changes.items())
        with notes.case(f"{preset}, {precision}, {how}{sizes}") as facts:
            count = 5 if changes is LARGE else 20
            changed = {} if place.quick else changes
            settings = {**changed, "training.precision": precision}
            time_steps(facts, replace(place, full_size=preset), how, settings, count)
