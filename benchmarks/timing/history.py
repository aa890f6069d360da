"""Dated results: one file each, and a picture of all that were measured on the same hardware."""

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from projgan.files import make_folder, write_atomically

matplotlib.use("agg")


def write(result: dict[str, Any], folder: Path) -> Path:
    """Add the date, write the file and return its path."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    result = {"date": now.isoformat()} | result
    make_folder(folder)
    path = folder / f"{now:%Y-%m-%dT%H%M%S}-{result['machine']['commit'] or 'unknown'}.json"
    content = json.dumps(result, indent=1).encode() + b"\n"
    write_atomically(path, lambda file: file.write(content))
    return path


def read(folder: Path, hardware: str, said: Callable[[str], None]) -> list[dict[str, Any]]:
    """Read the results of one machine, the oldest first; name those that cannot be read, and go on."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            datetime.datetime.fromisoformat(result["date"])
            if result["machine"]["hardware"] == hardware:
                figures(result)
                found.append(result)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            said(f"{path}: not a result of this benchmark ({error}); left out")
    return sorted(found, key=lambda result: str(result["date"]))


def figures(result: dict[str, Any]) -> dict[str, float]:
    """The medians worth a line in the picture, by what they are."""
    lines = {}
    for row in result["training"]:
        changes = "".join(f", {key.split('.')[1]} {value}" for key, value in row["changes"].items())
        for name, times in row["seconds"].items():
            lines[f"{row['preset']}{changes}, {name}: s an iteration"] = median(times["values"])
    for name, rates in result["sampling_images_per_second"].items():
        lines[f"sampling, {name}: s for 100 images"] = 100 / median(rates["values"])
    lines["projgan --help: s"] = median(result["start_up_seconds"]["cpu"]["values"])
    return lines


def draw(folder: Path, hardware: str, said: Callable[[str], None]) -> Path:
    """Draw every figure over the dates of its results and return the picture's path."""
    results = read(folder, hardware, said)
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.add_subplot()
    names = dict.fromkeys(name for result in results for name in figures(result))
    for number, name in enumerate(names):
        places = [place for place, result in enumerate(results) if name in figures(result)]
        values = [figures(results[place])[name] for place in places]
        axes.plot(places, values, marker="os^Dv<>"[number % 7], label=name)
    labels = [f"{result['date'][:10]} {result['machine']['commit']}" for result in results]
    axes.set_xticks(range(len(results)), labels)
    axes.set_yscale("log")
    axes.set_ylabel("seconds, less is faster")
    axes.set_title(hardware)
    axes.grid(alpha=0.3)
    axes.tick_params(axis="x", rotation=30)
    figure.legend(loc="outside right upper", fontsize=8)
    path = folder / "history.png"
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=100))
    return path
