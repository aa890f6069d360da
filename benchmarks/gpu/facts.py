"""What there is: versions, device, flags, and the rates it reaches."""

import platform
from collections.abc import Callable

import torch

from gpu.notes import Notes
from gpu.settings import Place
from timing.measures import in_turns


def check(place: Place, notes: Notes) -> None:
    """Name everything, then measure products of matrices, copies and launches."""
    device = place.device
    with notes.case("versions") as facts:
        facts |= {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "system": platform.platform(),
            "threads": torch.get_num_threads(),
        }
    with notes.case("device") as facts:
        facts["device"] = str(device)
        if device.type == "cuda":
            found = torch.cuda.get_device_properties(device)
            free, total = torch.cuda.mem_get_info(device)
            facts |= {
                "name": found.name,
                "capability": f"{found.major}.{found.minor}",
                "processors": found.multi_processor_count,
                "free_gib": round(free / 2**30, 1),
                "total_gib": round(total / 2**30, 1),
            }
    with notes.case("flags") as facts:
        facts |= {
            "cudnn": torch.backends.cudnn.enabled,
            "cudnn_tf32": torch.backends.cudnn.allow_tf32,
            "matmul_tf32": torch.backends.cuda.matmul.allow_tf32,
            "benchmark": torch.backends.cudnn.benchmark,
            "deterministic": torch.backends.cudnn.deterministic,
        }
    _rates(place, notes)


def _rates(place: Place, notes: Notes) -> None:
    size = 256 if place.quick else 8192
    for name, dtype, tf32 in (
        ("bf16", torch.bfloat16, False),
        ("tf32", torch.float32, True),
        ("fp32", torch.float32, False),
    ):
        with notes.case(f"product {name}") as facts:
            before = torch.backends.cuda.matmul.allow_tf32
            torch.backends.cuda.matmul.allow_tf32 = tf32
            try:
                a, b = (torch.randn(size, size, device=place.device).to(dtype) for _ in range(2))
                facts["tflops"] = round(2 * size**3 / _seconds(lambda a=a, b=b: a @ b, place) / 1e12, 3)
            finally:
                torch.backends.cuda.matmul.allow_tf32 = before
    with notes.case("copy") as facts:
        values = torch.zeros(2**20 if place.quick else 2**28, device=place.device)
        facts["gb_a_second"] = round(2 * values.nbytes / _seconds(values.clone, place) / 1e9, 1)
    with notes.case("launch") as facts:
        one, count = torch.zeros(1, device=place.device), 200 if place.quick else 5000

        def launch() -> None:
            for _ in range(count):
                one.add_(1)

        facts["us_each"] = round(_seconds(launch, place) / count * 1e6, 2)


def _seconds(action: Callable[[], object], place: Place) -> float:
    return in_turns({"": action}, place.device, 2 if place.quick else 5)[""].median
