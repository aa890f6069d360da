"""Draw the losses of a run: `python tools/draw_curve.py RUN OUT.png`."""

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from projgan.storage.run_directory import RunDirectory


def smooth(values: np.ndarray, window: int) -> np.ndarray:
    """Mean over a sliding window, shorter at both ends."""
    ones = np.ones(min(window, len(values)))
    return np.convolve(values, ones, "same") / np.convolve(np.ones_like(values), ones, "same")


def main() -> None:
    run, out = Path(sys.argv[1]), Path(sys.argv[2])
    rows = RunDirectory(run).read_stats()
    steps = np.array([row["step"] for row in rows])
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for key, label in (("loss_discriminator", "discriminator"), ("loss_generator", "generator")):
        values = np.array([row[key] for row in rows])
        (line,) = axes.plot(steps, values, alpha=0.25)
        axes.plot(steps, smooth(values, 9), color=line.get_color(), label=label)
    axes.set(xlabel="step (generator updates)", ylabel="loss", title=run.name)
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main()
