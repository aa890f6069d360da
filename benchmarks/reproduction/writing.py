"""A table as Markdown with charts for people and as JSON for scripts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from projgan.files import make_folder, write_atomically
from reproduction.cells import Cell
from reproduction.drawing import charts
from reproduction.lines import Line
from reproduction.tables import Published

COLUMNS = ("row", "number", "protocol", "steps", "ours", "published", "other reproductions", "verdict")
LEGEND = (
    "An empty cell was not measured. ± is half a 95% interval: Student's t over seeds, or with one seed "
    "1.96 standard errors of the draw of images, which says nothing of another training. `agrees`: the "
    "interval holds the published value; `better`, `worse`: it lies beside it. A verdict is given only where "
    "features, protocol, images, settings and length are those of the published number. `fd`, `intra_fd` and "
    "their like are of another feature network than Inception's and say nothing beside a published FID."
)


def write_table(
    title: str, facts: Sequence[tuple[str, str]], lines: Sequence[Line], commands: Sequence[str], folder: Path
) -> list[Path]:
    """Write `table.md`, `table.json` and a chart per number; returns their paths.

    Args:
        title: of the page.
        facts: what holds for all lines, by name.
        lines: of the table.
        commands: that would fill what is empty.
        folder: which is made if need be.
    """
    make_folder(folder)
    content = {"title": title, "facts": dict(facts), "lines": [_plain(line) for line in lines]}
    pictures = dict(charts(lines))
    files = {
        "table.md": ("\n".join(markdown(title, facts, lines, commands, list(pictures))) + "\n").encode(),
        "table.json": (json.dumps(content | {"commands": list(commands)}, indent=1) + "\n").encode(),
    } | pictures
    for name, content_of_file in files.items():
        write_atomically(folder / name, lambda file, written=content_of_file: file.write(written))
    return [folder / name for name in files]


def markdown(
    title: str,
    facts: Sequence[tuple[str, str]],
    lines: Sequence[Line],
    commands: Sequence[str],
    pictures: Sequence[str],
) -> list[str]:
    """Return the page as lines of Markdown."""
    sources: list[Published] = []
    page = [f"# {title}", "", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts), ""]
    page += ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    page += ["| " + " | ".join(_cells(line, sources)) + " |" for line in lines]
    page += ["", LEGEND, ""]
    page += [f"![{name.removesuffix('.svg')} of each row]({name})" for name in pictures]
    page += [""] if pictures else []
    page += [f"- [{number}] {_note(each)}" for number, each in enumerate(sources, start=1)]
    if commands:
        page += ["", "What would fill the empty cells:", "", *(f"    {command}" for command in commands)]
    return page


def _cells(line: Line, sources: list[Published]) -> list[str]:
    cell = line.cell
    steps = "" if cell.step is None else f"{cell.step:,}"
    published, others = (
        ", ".join(_published(each, sources) for each in some) for some in (line.published, line.others)
    )
    return [
        f"`{line.row}`",
        f"`{cell.metric}`",
        cell.protocol,
        steps,
        _measured(cell),
        published,
        others,
        line.verdict,
    ]


def _measured(cell: Cell) -> str:
    if cell.spread is None:
        return ""
    count = len(cell.seeds)
    return f"{cell.spread} ({count} seed{'s' if count > 1 else ''})"


def _published(each: Published, sources: list[Published]) -> str:
    """A number with its note; numbers of one source share it."""
    notes = [_note(known) for known in sources]
    if _note(each) not in notes:
        notes.append(_note(each))
        sources.append(each)
    margin = "" if each.uncertainty is None else f" ± {each.uncertainty:g}"
    return f"{each.value:g}{margin} [{notes.index(_note(each)) + 1}]"


def _note(each: Published) -> str:
    settings = f"; trained with {each.settings}" if each.settings else ""
    return f"{each.by}: {each.source}{settings}"


def _plain(line: Line) -> dict[str, Any]:
    cell, spread = line.cell, line.cell.spread
    return {
        "row": line.row,
        "metric": cell.metric,
        "protocol": cell.protocol,
        "step": cell.step,
        "value": None if spread is None else spread.value,
        "half_width": None if spread is None else spread.half_width,
        "interval": None if spread is None else spread.kind,
        "seeds": list(cell.seeds),
        "values": list(cell.values),
        "measurement": None if cell.measurement is None else cell.measurement.model_dump(),
        "published": [each.model_dump() for each in line.published],
        "others": [each.model_dump() for each in line.others],
        "verdict": line.verdict,
    }
