"""Compare ways of meeting the condition: train every method with every seed, measure, report.

    python benchmarks/conditions.py demo --data digits --features classifier:digits.safetensors --seeds 0 1 2

Every run is a `projgan train` of its own, printed as it is started; the report is `projgan compare` over all
of them. The same command again goes on where it stopped.
"""

import sys
from pathlib import Path

from cyclopts import App

from projgan.commands.paths import NewPath
from projgan.config import load_config
from runs import Numbers, Words, call, configure, method_settings, parse_options, train

METHODS = ("projection", "hidden-concat", "input-concat", "output-concat", "ac-gan", "unconditional")

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
    out: NewPath | None = None,
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
    folder = out or Path("runs") / "conditions" / Path(preset).stem
    total = steps or load_config(preset).training.steps
    settings: dict[str, object] = {
        "data.source": data,
        "training.cpu_threads": threads,
        "evaluation.every": max(1, total // measurements),
        "evaluation.features": features,
        "evaluation.generated_images": generated_images,
    }
    settings |= parse_options(options)
    runs = {
        folder / f"{method}-seed{seed}": configure(
            preset, settings | method_settings(method) | {"training.seed": seed}, steps
        )
        for seed in seeds
        for method in methods
    }
    codes = train(runs, jobs)
    if any(codes):
        print(f"{sum(map(bool, codes))} of {len(codes)} runs are not finished; the same command goes on")
        return max(codes)
    return call(["compare", *map(str, runs), "--out", str(folder / "report")])


if __name__ == "__main__":
    sys.exit(app())
