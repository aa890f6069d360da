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

from projgan.config import RunConfig, load_config

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
        In place of the preset's; the learning-rate decay ends there too.
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
    common = [
        *_option("data.source", data),
        *_steps(base, total),
        *_option("evaluation.every", max(1, total // measurements)),
        *_option("evaluation.features", features),
        *_option("evaluation.generated-images", generated_images),
        *_option("training.cpu-threads", threads),
        *(word for option in options for word in _option(*option.split("=", 1))),
    ]
    runs = {
        folder / f"{method}-seed{seed}": [
            *_option("discriminator.condition", method),
            *(_option("generator.condition", "None") if method == "unconditional" else ()),
            *_option("training.seed", seed),
        ]
        for seed in seeds
        for method in methods
    }
    with ThreadPoolExecutor(jobs) as pool:
        codes = list(
            pool.map(lambda run: _call(["train", preset, "--run-dir", str(run), *common, *runs[run]]), runs)
        )
    if any(codes):
        print(f"{sum(map(bool, codes))} of {len(codes)} runs are not finished; the same command goes on")
        return max(codes)
    return _call(["compare", *map(str, runs), "--out", str(folder / "report")])


def _option(key: str, value: object) -> Sequence[str]:
    return () if value is None else (f"--{key}", str(value))


def _steps(base: RunConfig, total: int) -> list[str]:
    decay_end = None if base.optimizer.decay_end is None else total
    return [*_option("training.steps", total), *_option("optimizer.decay-end", decay_end)]


def _call(words: Sequence[str]) -> int:
    print(f"projgan {shlex.join(words)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "projgan", *words], check=False)  # noqa: S603
    return done.returncode


if __name__ == "__main__":
    sys.exit(app())
