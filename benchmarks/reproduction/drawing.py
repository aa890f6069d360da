"""A table as charts: one per number, a line per row that was measured."""

import re
from collections.abc import Iterator, Sequence

from projgan.report.charts import draw_intervals
from projgan.report.metric_words import metric_named
from projgan.report.tables import titled
from reproduction.lines import Line


def charts(lines: Sequence[Line]) -> Iterator[tuple[str, bytes]]:
    """Yield the file name and the SVG of every number that at least two rows have."""
    for metric, protocol in dict.fromkeys((line.cell.metric, line.cell.protocol) for line in lines):
        measured = [
            (line.row, line.cell.spread, line.cell.values)
            for line in lines
            if (line.cell.metric, line.cell.protocol) == (metric, protocol) and line.cell.spread
        ]
        if len(measured) > 1:
            title = f"{titled(metric_named(metric))}, protocol {protocol}"
            yield (
                re.sub("[^a-z0-9]+", "-", f"{metric} {protocol}") + ".svg",
                draw_intervals(title, measured, [name for name, _, _ in measured]),
            )
