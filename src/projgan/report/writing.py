"""A report as files: one HTML page that needs nothing else, Markdown with pictures beside it, and JSON."""

import base64
import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from projgan.files import make_folder, write_atomically
from projgan.overwriting import refuse_foreign
from projgan.report import tables
from projgan.report.charts import colour_of
from projgan.report.contents import Report
from projgan.report.pictures import Picture
from projgan.report.plain import to_plain
from projgan.version import VERSION

MARKDOWN_SIGNS = "\\`*_{}[]#!|~$"
SEEDS_IN_CHARTS = "Dots: every seed. Diamond: their mean. Bar: its 95% interval."
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def write_report(report: Report, out: Path, overwrite: bool = False) -> list[Path]:
    """Write `report.html`, `report.md` with its pictures, and `report.json`; returns those three paths.

    Raises:
        UserError: the folder cannot be made or written, or has files of these names that are somebody else's
            and may not be written over.
    """
    names = [*(picture.name for picture in report.pictures), "report.html", "report.md", "report.json"]
    refuse_foreign((out / name for name in names), overwrite)
    make_folder(out)
    for picture in report.pictures:
        _write(out / picture.name, picture.content)
    contents = {
        "report.html": to_html(report),
        "report.md": to_markdown(report),
        "report.json": json.dumps(to_plain(report), indent=2) + "\n",
    }
    for name, text in contents.items():
        _write(out / name, text.encode())
    return [out / name for name in contents]


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda file: file.write(content), sync=False)


def to_html(report: Report) -> str:
    """Return the page; whatever a stranger may have named is escaped."""
    environment = Environment(
        loader=PackageLoader("projgan.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"colour_of": colour_of, "embedded": _embedded, "is_chart": _is_chart}
    return environment.get_template("report.html.j2").render(_variables(report))


def to_markdown(report: Report) -> str:
    """Return the same as Markdown; `finalize` escapes every value, as HTML's autoescape does."""
    environment = Environment(  # noqa: S701 - not HTML
        loader=PackageLoader("projgan.report"),
        finalize=escape_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["sign"] = Markup  # of the template's own text, which is Markdown already
    return environment.get_template("report.md.j2").render(_variables(report))


def escape_markdown(value: object) -> object:
    """Take the meaning from all that Markdown or HTML would read as a sign, and keep to one line."""
    if isinstance(value, Markup):
        return value
    line = re.sub(r"\s*[\r\n]\s*", " ", str(value))
    escaped = "".join(ENTITIES.get(sign, f"\\{sign}" if sign in MARKDOWN_SIGNS else sign) for sign in line)
    return re.sub(r"^(\d*)([-+=.)])(?!\d)", r"\1\\\2", escaped)  # a list, or a rule under a heading


def _embedded(picture: Picture) -> Markup:
    """A chart as SVG, whose text matplotlib has escaped; an image as a data URI."""
    if _is_chart(picture):
        return Markup(picture.content.decode())  # noqa: S704 - charts.py made it
    return Markup("data:image/png;base64,{}").format(base64.b64encode(picture.content).decode())


def _is_chart(picture: Picture) -> bool:
    return picture.name.endswith(".svg")


def _variables(report: Report) -> dict[str, Any]:
    methods, results = report.methods, report.results
    parts = tables.side_by_side(results)
    has_seeds = any(len(method.runs) > 1 for method in methods)
    return {
        "report": report,
        "several": len(methods) > 1,
        "results_caption": _results_caption(several=len(methods) > 1, seeds=has_seeds),
        "charts_caption": SEEDS_IN_CHARTS if has_seeds else "Bar: the 95% interval, where there is one.",
        "results_tables": [tables.results_table(methods, part) for part in parts],
        "seeds_tables": [tables.seeds_table(methods, part) for part in parts],
        "settings_table": tables.settings_table(methods),
        "metrics_table": tables.metrics_table(results),
        "costs_table": tables.costs_table(report.costs),
        "protocol_table": tables.protocol_table(results),
        "version": VERSION,
    }


def _results_caption(*, several: bool, seeds: bool) -> str:
    what = "Means over the seeds" if seeds else "Values"
    bold = " Bold: a method that leads, its interval overlapping no other's." if several else ""
    return f"{what}, at the last step each run was measured at; arrows point towards better values.{bold}"
