"""Flip labels on purpose, train on them, and count how many `projgan inspect` finds.

    python benchmarks/flipped_labels.py demo --data digits --methods projection ac-gan --seeds 0 1 2

Each seed flips labels of its own, and every method is trained on them by `projgan train`. The report says
how many of the flipped images are among the most disputed ones. The same command again goes on where it
stopped.
"""

import csv
import json
import math
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cyclopts import App

from projgan.commands.paths import NewPath
from projgan.config import load_config
from projgan.data import load_images
from projgan.files import write_atomically
from runs import Numbers, Words

SUSPECTS = (0.05, 0.1)
"""Shares of the images, the most disputed ones first, in which the flips are counted."""

SCORES = {
    "r(y|x) and p(y|x)": ("r(y|x)", "log p(y|x)"),
    "r(y|x) alone": ("r(y|x)",),
    "p(y|x) alone": ("log p(y|x)",),
    "classifier": ("class logit",),
}
"""By what labels are disputed: the columns of the table that are added."""

app = App(name="flipped_labels", help=__doc__, help_format="plaintext")


@app.default
def flipped_labels(
    preset: str,
    *,
    data: str,
    methods: Words = ("projection",),
    seeds: Numbers = (0,),
    share: float = 0.05,
    out: NewPath = Path("runs/flipped-labels"),
    options: Words = (),
) -> int:
    """Flip, train, inspect and count.

    Parameters
    ----------
    preset
        Name of a preset, or a YAML file.
    data
        Labelled images, as for `projgan train`.
    methods
        Conditions of the discriminator.
    seeds
        Of the flips, and of the runs on them.
    share
        Of the labels that are flipped.
    out
        Folder of the flipped data, the runs and the report.
    options
        Further settings of `projgan train`, as `training.steps=500`.
    """
    config = load_config(preset)
    out.mkdir(parents=True, exist_ok=True)
    results = []
    for seed in seeds:
        flipped, is_flipped = write_flipped(
            data, config.data.resolution, config.data.channels, share, seed, out
        )
        for method in methods:
            run = out / f"{method}-seed{seed}"
            settings = {
                "data.source": str(flipped),
                "discriminator.condition": method,
                "training.seed": str(seed),
                **dict(option.split("=", 1) for option in options),
            }
            words = [word for key, value in settings.items() for word in (f"--{key}", value)]
            _call(["train", preset, "--run-dir", str(run), *words])
            _call(["inspect", str(run), str(flipped), "--out", str(run / "inspection"), "--json"])
            for score, scores in read_scores(run / "inspection" / "inspection.csv").items():
                result = {"method": method, "score": score, "seed": seed, "flipped": int(is_flipped.sum())}
                found = {f"found in {part:.0%}": found_in(part, scores, is_flipped) for part in SUSPECTS}
                results.append(result | found)
    text = json.dumps(results, indent=1)
    write_atomically(out / "flipped-labels.json", lambda file: file.write(text.encode()))
    print("\n".join(table(results)))
    return 0


def flip(labels: np.ndarray, num_classes: int, share: float, seed: int) -> np.ndarray:
    """Give a share of the images another label, each other one alike: int [N] -> int [N]."""
    draws = np.random.default_rng(seed)
    chosen = draws.permutation(len(labels))[: round(share * len(labels))]
    changed = labels.copy()
    changed[chosen] = (labels[chosen] + draws.integers(1, num_classes, len(chosen))) % num_classes
    return changed


def write_flipped(
    data: str, resolution: int, channels: int, share: float, seed: int, folder: Path
) -> tuple[Path, np.ndarray]:
    """Write the data with flipped labels as .npz; returns its path and bool [N], which are flipped."""
    images = load_images(data, resolution=resolution, channels=channels, cache=None)
    labels = flip(images.labels, images.num_classes, share, seed)
    path = folder / f"flipped-seed{seed}.npz"
    if not path.exists():
        arrays = {"images": images.images, "labels": labels, "class_names": np.array(images.class_names)}
        write_atomically(path, lambda file: np.savez(file, **arrays))
    return path, labels != images.labels


def read_scores(path: Path) -> dict[str, np.ndarray]:
    """How much each image is disputed by each score that the table allows, float [N] as in the data.

    A score is the best of the other labels' less that of the own label.
    """
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [column.removeprefix("posterior: ") for column in rows[0] if column.startswith("posterior: ")]
    own = np.array([[name == row["label"] for name in names] for row in rows])
    result = {}
    for score, parts in SCORES.items():
        if all(f"{part}: {names[0]}" in rows[0] for part in parts):
            values = sum(
                np.array([[float(row[f"{part}: {name}"]) for name in names] for row in rows])
                for part in parts
            )
            result[score] = np.where(own, -np.inf, values).max(axis=1) - values[own]
    return result


def found_in(part: float, scores: np.ndarray, is_flipped: np.ndarray) -> int:
    """How many flipped images are among the most disputed `part` of all."""
    return int(is_flipped[np.argsort(-scores, kind="stable")[: int(part * len(scores))]].sum())


def wilson(found: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95% interval of a share (Wilson 1927)."""
    share, spread = found / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return middle - half, middle + half


def table(results: Sequence[dict[str, object]]) -> list[str]:
    """Markdown: a row a score, over all seeds; in brackets the 95% interval and each seed."""
    columns = [f"found in {part:.0%}" for part in SUSPECTS]
    lines = [
        "| method | score | flipped | " + " | ".join(columns) + " |",
        "|---|---|---|" + "---|" * len(columns),
    ]
    lines.append("| by chance | | | " + " | ".join(f"{part:.0%}" for part in SUSPECTS) + " |")
    for method, score in dict.fromkeys((result["method"], result["score"]) for result in results):
        rows = [row for row in results if (row["method"], row["score"]) == (method, score)]
        of = sum(int(str(row["flipped"])) for row in rows)
        cells, shown = [], str(score).replace("|", "\\|")  # in a table a bar ends the cell
        for column in columns:
            counts = [int(str(row[column])) for row in rows]
            low, high = wilson(sum(counts), of)
            cells.append(f"{sum(counts) / of:.1%} [{low:.1%}, {high:.1%}] ({', '.join(map(str, counts))})")
        lines.append(f"| `{method}` | {shown} | {of} | " + " | ".join(cells) + " |")
    return lines


def _call(words: Sequence[str]) -> None:
    print(f"projgan {shlex.join(words)}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "projgan", *words], check=True, stdout=sys.stderr)  # noqa: S603


if __name__ == "__main__":
    sys.exit(app())
