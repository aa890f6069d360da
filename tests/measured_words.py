"""Numbers of the pages as their words write them, and those that were measured."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]


def seeds_of(lines: str) -> dict[tuple[str, str], list[float]]:
    """Of a file of lines in `docs/results`: run without its seed, and metric, to the values by seed."""
    found: dict[tuple[str, str], list[float]] = {}
    rows = map(json.loads, (ROOT / "docs/results" / lines).read_text("utf-8").splitlines())
    for row in sorted(rows, key=lambda row: row["run"]):
        found.setdefault((row["run"].partition(", seed ")[0], row["metric"]), []).append(row["value"])
    return found


def listed(values: list[float], digits: int, cut: int) -> str:
    """`.12, .13 and .15`, without the first `cut` characters of each."""
    words = [f"{value:.{digits}f}"[cut:] for value in values]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 2 else words)
