"""Compare ways of meeting the condition: train every method with every seed, measure, report.

    python benchmarks/conditions.py demo --data digits --features classifier:digits.safetensors --seeds 0 1 2

Every run is a `projgan train` of its own, printed as it is started; the report is `projgan compare` over all
of them. The same command again goes on where it stopped.
"""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from projgan.config import load_config

METHODS = ("projection", "hidden-concat", "input-concat", "output-concat", "ac-gan", "unconditional")

Words = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative_iterable=())]
Numbers = Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative_iterable=())]

app = App(name="conditions", help=__doc__, help_format="plaintext")


@app.default
def conditions(
    preset: str,
    *,
    data: str,
    features: str = "inception",
    methods: Words = METHODS,
    seeds: Numbers = (0,),
    steps: int | None = None,
    generated_images: int | None = None,
    measurements: int = 8,
    jobs: int = 1,
    threads: int | None = None,
    out: Path | None = None,
    options: Words = (),
) -> int:
    """Train, measure and report.

    Parameters
    ----------
    preset
        Name of a preset, or a YAML file; everything but the method and the seed is the same for all runs.
    data
        Labelled images, as for `projgan train`.
    features
        Feature network of the measurements, as for `projgan evaluate`.
    methods
        Conditions of the discriminator.
    seeds
        One run of every method each.
    steps
        In place of the preset's; the learning-rate decay is scaled with them.
    generated_images
        In place of the protocol's 50,000.
    measurements
        Measurements on the way of a run, the last one at its end.
    jobs
        Runs at a time.
    threads
        CPU threads of one run.
    out
        Folder of the runs and of the report; `runs/conditions/PRESET` if not given.
    options
        Further settings of `projgan train`, as `training.batch_size=32`.
    """
    base = load_config(preset)
    folder = out or Path("runs") / "conditions" / Path(preset).stem
    total = steps or base.training.steps
    settings: dict[str, object] = {
        "data.source": data,
        "training.steps": total,
        "optimizer.decay_start": _scaled(base.optimizer.decay_start, total, base.training.steps),
        "optimizer.decay_end": _scaled(base.optimizer.decay_end, total, base.training.steps),
        "training.cpu_threads": threads,
        "evaluation.every": max(1, total // measurements),
        "evaluation.features": features,
        "evaluation.generated_images": generated_images,
    }
    settings |= dict(option.split("=", 1) for option in options)
    runs = {
        folder / f"{method}-seed{seed}": settings | _of_method(method) | {"training.seed": seed}
        for seed in seeds
        for method in methods
    }
    with ThreadPoolExecutor(jobs) as pool:
        codes = list(pool.map(lambda run: _call(_words(preset, run, runs[run])), runs))
    if any(codes):
        print(f"{sum(map(bool, codes))} of {len(codes)} runs are not finished; the same command goes on")
        return max(codes)
    return _call(["compare", *map(str, runs), "--out", str(folder / "report")])


def _scaled(step: int | None, total: int, of: int) -> int | None:
    return None if step is None else step * total // of


def _of_method(method: str) -> dict[str, object]:
    """Neither network meets the label, or both do."""
    unconditional = {"generator.condition": "None"} if method == "unconditional" else {}
    return {"discriminator.condition": method, **unconditional}


def _words(preset: str, run: Path, settings: dict[str, object]) -> list[str]:
    given = {key: value for key, value in settings.items() if value is not None}
    return [
        *("train", preset, "--run-dir", str(run)),
        *(word for key, value in given.items() for word in (f"--{key}", str(value))),
    ]


def _call(words: Sequence[str]) -> int:
    print(f"projgan {shlex.join(words)}", flush=True)
    return subprocess.run([sys.executable, "-m", "projgan", *words], check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(app())
