"""Fill the tables of pages from the JSON that measured them.

    python tools/fill_tables.py            # every page in docs/
    python tools/fill_tables.py --check    # say which would change, and fail

A page names a file beside it and the columns, perhaps the rows; what stands up to the end is written anew:

    <!-- table: conditions-digits/report.json columns=fd,intra_fd rows=projection,ac-gan -->
    <!-- end of table -->

The runs of a table were measured at one step; with `steps=unequal` only those of a row. Of lines,
`steps=unequal` makes a row of each run and step.

± is half a 95% interval: over seeds by Student's t where there are two or more, else of the one run's draw
of images. A number is bold where its interval over seeds is apart from that of every other row, on the better
side.
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from projgan.report.intervals import spread_of
from projgan.report.metric_words import metric_named
from projgan.report.numbers import with_error

DOCS = Path(__file__).parents[1] / "docs"
TABLE = re.compile(
    r"(<!-- table: (\S+) columns=(\S+)(?: rows=(\S+))?( steps=unequal)? -->\n).*?(<!-- end of table -->)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Number:
    """A mean with half its 95% interval."""

    value: float
    half_width: float | None
    seeds: int

    def is_apart_from(self, other: "Number") -> bool:
        """Whether both have intervals over seeds, which share no point."""
        if self.half_width is None or other.half_width is None or min(self.seeds, other.seeds) < 2:
            return False
        return abs(self.value - other.value) > self.half_width + other.half_width


Rows = dict[str, dict[str, Number]]


def read(path: Path, *, unequal: bool = False) -> Rows:
    """Rows of `report.json` of `projgan compare`, of `table.json` of `benchmarks/reproduce.py`, or of lines.

    Lines (`.jsonl`) are those of `metrics.jsonl`, each with the name of its run: `METHOD, seed N`.

    Raises:
        ValueError: runs measured at unequal steps; with `unequal` only runs of one method.
    """
    if path.suffix == ".jsonl":
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        return _of_moments(lines) if unequal else _of_lines(lines)
    found = json.loads(path.read_bytes())
    return _of_report(found, unequal) if "metrics" in found else _of_table(found)


def _of_report(report: dict[str, Any], unequal: bool) -> Rows:
    rows: Rows = {}
    for metric in report["metrics"]:
        methods = metric["methods"]
        for together in [[method] for method in methods] if unequal else [methods]:
            steps = {seed["step"] for method in together for seed in method["seeds"]}
            if len(steps) > 1:
                raise ValueError(
                    f"{metric['name']} was measured at unequal steps: {sorted(steps)}; measure the ends"
                )
        for method in methods:
            if method["mean"] is not None:
                ends = method["lower"], method["upper"]
                half_width = None if None in ends else (ends[1] - ends[0]) / 2
                number = Number(method["mean"], half_width, len(method["seeds"]))
                rows.setdefault(method["method"], {})[metric["name"]] = number
    return rows


def _of_table(table: dict[str, Any]) -> Rows:
    rows: Rows = {}
    for line in table["lines"]:
        if line["value"] is not None:
            number = Number(line["value"], line["half_width"], len(line["seeds"]))
            rows.setdefault(line["row"], {})[line["metric"]] = number
    return rows


def _of_lines(lines: list[dict[str, Any]]) -> Rows:
    steps = {line["step"] for line in lines}
    if len(steps) > 1:
        raise ValueError(f"measured at unequal steps: {sorted(steps)}; measure the ends")
    values: dict[tuple[str, str], list[tuple[float, float | None]]] = {}
    for line in lines:
        of_method = values.setdefault((line["run"].partition(", seed ")[0], line["metric"]), [])
        of_method.append((line["value"], line["standard_error"]))
    rows: Rows = {}
    for (method, metric), found in values.items():
        spread = spread_of(*zip(*found, strict=True))
        rows.setdefault(method, {})[metric] = Number(spread.value, spread.half_width, spread.seeds)
    return rows


def _of_moments(lines: list[dict[str, Any]]) -> Rows:
    """A row for each run and step, in their order."""
    rows: Rows = {}
    for line in sorted(lines, key=lambda line: (line["run"], line["step"])):
        spread = spread_of([line["value"]], [line["standard_error"]])
        name = f"{line['run'].replace('_', ' ')}, step {line['step']:,}"
        rows.setdefault(name, {})[line["metric"]] = Number(spread.value, spread.half_width, 1)
    return rows


def table(rows: Rows, columns: list[str], shown: list[str] | None = None) -> str:
    """Markdown: rows in the order asked for, else by the first column, the best first, or by run and step.

    Raises:
        KeyError: a row or column that was not measured.
    """
    are_moments = any(", step " in name for name in rows)
    chosen = {name: rows[name] for name in shown} if shown else rows
    if not shown and not are_moments:
        chosen = _sorted(rows, columns[0])
    for column in columns:
        if not any(column in row for row in chosen.values()):
            raise KeyError(f"{column} was not measured")
    arrows = {"lower": " ↓", "higher": " ↑", None: ""}
    titles = [f"{metric_named(column).title}{arrows[metric_named(column).better]}" for column in columns]
    titles += [] if are_moments else ["seeds"]
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for name, row in chosen.items():
        seeds = max(number.seeds for number in row.values())
        cells = [_cell(name, column, chosen) for column in columns]
        words = [name, *cells] if are_moments else [f"`{name}`", *cells, str(seeds)]
        lines.append("| " + " | ".join(words) + " |")
    return "\n".join(lines) + "\n"


def _sorted(rows: Rows, column: str) -> Rows:
    sign = -1 if metric_named(column).better == "higher" else 1
    there = sorted(
        (name for name in rows if column in rows[name]), key=lambda n: sign * rows[n][column].value
    )
    return {name: rows[name] for name in [*there, *(name for name in rows if column not in rows[name])]}


def _cell(name: str, column: str, rows: Rows) -> str:
    number = rows[name].get(column)
    if number is None:
        return "–"
    text = with_error(number.value, number.half_width)
    others = [row[column] for other, row in rows.items() if other != name and column in row]
    sign = {"lower": 1, "higher": -1, None: 0}[metric_named(column).better]
    leads = all(sign * number.value < sign * other.value and number.is_apart_from(other) for other in others)
    return f"**{text}**" if others and leads else text


def filled(page: Path) -> str:
    """The page with its tables written anew."""

    def fill(match: re.Match[str]) -> str:
        start, file, columns, shown, unequal, end = match.groups()
        rows = read(page.parent / file, unequal=bool(unequal))
        return start + table(rows, columns.split(","), shown and shown.split(",")) + end

    return TABLE.sub(fill, page.read_text("utf-8"))


def main() -> int:
    """Fill every page; with --check only tell."""
    stale = [page for page in sorted(DOCS.rglob("*.md")) if filled(page) != page.read_text("utf-8")]
    for page in stale:
        print(page.relative_to(DOCS))
        if "--check" not in sys.argv:
            page.write_text(filled(page), "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
