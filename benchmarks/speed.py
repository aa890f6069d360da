"""Measure how fast this machine trains, samples, measures, reads data and starts; keep it as a dated file.

    python benchmarks/speed.py                # a minute or two on a CPU
    python benchmarks/speed.py --full         # full width, more presets, more repetitions

The fast path and the plain one (`training.acceleration none`) take turns, so that what else the machine does
falls on both. Results go to `benchmarks/results`, where a picture shows all of the same hardware over time.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import App, Parameter

from projgan.commands.paths import NewPath
from projgan.errors import UserError
from timing import history, machine
from timing.measures import (
    Case,
    Repetitions,
    data_share,
    evaluation_seconds,
    matrix_rate,
    memory_ratio,
    operations_of,
    sampling_rates,
    start_up,
    training_seconds,
)

QUICK = (
    Case("demo", {}),
    Case("cifar10-small", {}),
    Case("cifar10", {"training.batch_size": 16, "training.generator_batch_size": 16}),
)
FULL = (
    Case("demo", {}),
    Case("cifar10-small", {}),
    Case("cifar10", {}),
    Case("tiny-imagenet-64", {"training.batch_size": 16, "training.generator_batch_size": 16}),
    Case("imagenet-128", {"training.batch_size": 8, "training.generator_batch_size": 8}),
)
FULL_ON_GPU = (
    Case("demo", {}),
    Case("cifar10", {}),
    Case("cifar10", {"training.precision": "bf16"}),
    Case("tiny-imagenet-64", {"training.precision": "bf16"}),
    Case("imagenet-128", {"training.batch_size": 256, "training.precision": "bf16"}),
)
"""Presets, and what is changed of each so that an iteration takes seconds."""
DATA_SIZES = {"resnet-32": 32, "resnet-64": 64, "resnet-128-small": 128}
"""Networks beside whose iterations the reading of images is timed, with their resolution in pixels."""

app = App(name="speed", help=__doc__, help_format="plaintext")


@app.default
def speed(
    *,
    full: Annotated[bool, Parameter(negative=())] = False,
    repetitions: int | None = None,
    threads: int | None = None,
    out: NewPath = Path(__file__).parent / "results",
) -> int:
    """Measure everything, print a table, write the dated file and draw the picture.

    Parameters
    ----------
    full
        More presets, at full width, and more repetitions.
    repetitions
        Of every timing, after one that does not count; 3, or 5 with --full.
    threads
        Of PyTorch on a CPU; all cores if not given.
    out
        Folder of the dated files.
    """
    if repetitions is not None and repetitions < 1:
        raise UserError(f"--repetitions is {repetitions}; it must be 1 or more")
    if threads:
        torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    count = repetitions or (5 if full else 3)
    cases = (FULL_ON_GPU if device.type == "cuda" else FULL) if full else QUICK
    result = {"machine": machine.describe(device), "full": full, "repetitions": count}
    result |= measure(cases, device, count)
    path = history.write(result, out)
    picture = history.draw(
        out, result["machine"]["hardware"], lambda message: print(message, file=sys.stderr)
    )
    print(f"\n{path}\n{picture}")
    return 0


def measure(cases: tuple[Case, ...], device: torch.device, count: int) -> dict[str, Any]:
    """Take all measurements, printing each as it comes."""
    rates = {name: matrix_rate(dtype, device, count) for name, dtype in machine.precisions(device).items()}
    for name, rate in rates.items():
        print(f"matrix product, {name:22s} {rate.text(1e-9, 'GFLOP/s')}", flush=True)
    threads = torch.get_num_threads()
    rows = []
    for case in cases:
        rows.append(_training(case, device, count, rates))
        torch.set_num_threads(threads)  # a preset may have chosen its own
    sampling = _reported("sampling cifar10", sampling_rates("cifar10", device, count), 1, "images/s")
    shares = {str(size): data_share(name, size, device, count) for name, size in DATA_SIZES.items()}
    for size, share in shares.items():
        print(f"data, {size} pixels: {share.median:.2%} of an iteration", flush=True)
    evaluation = evaluation_seconds(device, count)
    print(f"evaluation of 1,000 images at 32 pixels {evaluation.text(1, 's')}", flush=True)
    startup = _reported("projgan --help", start_up(count), 1, "s")
    return {
        "matrix_product_per_second": {name: asdict(rate) for name, rate in rates.items()},
        "training": rows,
        "sampling_images_per_second": sampling,
        "data_share": {size: asdict(share) for size, share in shares.items()},
        "evaluation_seconds_per_1000": asdict(evaluation),
        "start_up_seconds": startup,
    }


def _training(case: Case, device: torch.device, count: int, rates: dict[str, Repetitions]) -> dict[str, Any]:
    operations = operations_of(case, device)
    seconds = training_seconds(case, device, count)
    memory = memory_ratio(case, device)
    peak = rates[case.precision].median
    share = operations / seconds["auto"].median / peak
    print(f"{case.title}: {operations / 1e9:,.0f} GFLOP an iteration as written")
    for name, times in seconds.items():
        print(f"  {name:5s} {times.text(1, 's')}, {case.images_per_step / times.median:,.0f} images/s")
    faster = seconds["none"].median / seconds["auto"].median
    print(f"  {faster:.2f} times the plain path; {share:.0%} of the rate of a matrix product")
    print(f"  memory {memory['peak'] / 2**20:,.0f} MiB, {memory['ratio']:.2f} of the dry run's", flush=True)
    return {
        "preset": case.preset,
        "changes": case.changes,
        "threads": torch.get_num_threads(),
        "operations_per_iteration": operations,
        "seconds": {name: asdict(times) for name, times in seconds.items()},
        "speed_over_plain": faster,
        "share_of_matrix_product": share,
        "memory": memory,
    }


def _reported(
    title: str, found: dict[str, Repetitions], scale: float, unit: str
) -> dict[str, dict[str, Any]]:
    for name, values in found.items():
        print(f"{title}, {name:5s} {values.text(scale, unit)}", flush=True)
    return {name: asdict(values) for name, values in found.items()}


def main(run: Callable[[], Any] = app) -> int:
    """Run the command line; a mistake is one line."""
    try:
        return int(run() or 0)
    except UserError as error:
        print(f"speed: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
