"""Lines of a table: ours beside what was published, with a verdict where the two may be compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from projgan.config import RunConfig
from reproduction.cells import Cell, MeasuredRun, judge, name_with, obstacle, read_cell
from reproduction.tables import MeasuredProtocol, Published, Row, Table, applies, departure

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Line:
    """One number of one row."""

    row: str
    cell: Cell
    published: tuple[Published, ...] = ()
    others: tuple[Published, ...] = ()
    verdict: str = ""
    """Empty where there is nothing to compare with."""


def table_lines(
    table: Table,
    rows: Sequence[Row],
    protocols: Sequence[MeasuredProtocol],
    configs: Mapping[str, RunConfig],
    runs: Mapping[str, Sequence[MeasuredRun]],
    features: str,
) -> Iterator[Line]:
    """Yield the lines of some rows under some protocols.

    Args:
        table: they are of.
        rows: shown.
        protocols: shown.
        configs: of each row by name, as it was trained.
        runs: of each row by name; those that were measured fill cells.
        features: name of the feature network, as measurements record it.
    """
    for row in rows:
        conditional = configs[row.name].generator.condition is not None
        departs = departure(table, row, configs[row.name])
        for protocol in protocols:
            for metric in protocol.metrics:
                published, others = (_of(metric, protocol, some) for some in (row.published, row.others))
                named = name_with(metric, features)
                if not applies(metric, conditional, features == "inception"):
                    continue
                cell = read_cell(runs[row.name], named, protocol, features)
                if named == metric:
                    verdict = _verdict(cell, published, table.data_fingerprints, departs)
                    yield Line(row.name, cell, published, others, verdict)
                    continue
                yield Line(row.name, cell)
                if published or others:
                    empty = Cell(metric, protocol.title)
                    yield Line(row.name, empty, published, others, NOT_MEASURED)


def _of(metric: str, protocol: MeasuredProtocol, some: Sequence[Published]) -> tuple[Published, ...]:
    return tuple(each for each in some if (each.metric, each.protocol) == (metric, protocol.name))


def _verdict(
    cell: Cell, published: Sequence[Published], fingerprints: Sequence[str], departs: str | None
) -> str:
    if not published:
        return ""
    if cell.spread is None:
        return NOT_MEASURED
    said = []
    for each in published:
        hindrance = obstacle(cell, each, fingerprints, departs)
        if hindrance is not None:
            said.append(f"none: {hindrance}")
            continue
        remarks = [f"against {each.by}"] if len(published) > 1 else []
        remarks += ["one seed"] if len(cell.seeds) == 1 else []
        said.append(judge(cell.spread, each) + (f" ({', '.join(remarks)})" if remarks else ""))
    return "; ".join(dict.fromkeys(said))
