import base64
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from markdown_it import MarkdownIt
from PIL import Image

from fabricated_runs import UNCONDITIONAL, fabricate, fabricate_comparison, metric_row
from projgan.errors import UserError
from projgan.generation.sampling import sample
from projgan.pictures.grids import grid
from projgan.report import build_report, write_report
from projgan.report.numbers import alone, with_error
from projgan.report.writing import escape_markdown
from projgan.storage.network_file import load_generator
from small_runs import files_of, projgan

HOSTILE = ("<script>alert(1)</script>", "*a* | [b](http://evil.example)", 'c" onload="x', "$d$ &amp; `e`\x07")


class Page(HTMLParser):
    """What a browser would make of a page: elements with their attributes, and text outside styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        self.style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self.style = False

    def handle_data(self, data: str) -> None:
        if not self.style and data.strip():
            self.text.append(data.strip())


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report over two seeds each of five methods."""
    folder = tmp_path_factory.mktemp("comparison")
    paths = fabricate_comparison(folder / "runs", seeds=2)
    write_report(build_report(paths), folder / "out")
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        metric_row("fd", 1.0, per_class=dict.fromkeys(HOSTILE, 1.0), data="<img src=x>"),
        metric_row("<b>|*m*", 1.0, parameters={"<i>": "</table>"}),
    ]
    paths = [
        fabricate(folder / "<script>alert(2)<", rows, class_names=HOSTILE, data__split="</title>"),
        fabricate(folder / "- [x](javascript:1) |", rows, class_names=HOSTILE, data__split="a|b"),
    ]
    write_report(build_report(paths), folder / "out")
    return folder / "out"


def test_the_same_runs_give_the_same_bytes(hostile: Path, tmp_path: Path) -> None:
    runs = [str(hostile.parent / name) for name in ("<script>alert(2)<", "- [x](javascript:1) |")]
    # Another process orders its sets otherwise.
    code, out, err = projgan("compare", *runs, "--out", str(tmp_path), PYTHONHASHSEED="7")
    assert (code, err) == (0, "")
    assert out.split() == [str(tmp_path / f"report.{ending}") for ending in ("html", "md", "json")]
    assert files_of(tmp_path) == files_of(hostile)


def test_html_markdown_and_json_say_the_same_numbers(comparison: Path) -> None:
    html, markdown, plain = (
        (comparison / "out" / f"report.{ending}").read_text(encoding="utf-8")
        for ending in ("html", "md", "json")
    )
    report = json.loads(plain)
    assert [metric["name"] for metric in report["metrics"]] == [
        *("fd", "kd", "precision", "recall", "intra_fd", "accuracy_top1")
    ]
    texts = Page(html).text
    for metric in report["metrics"]:
        for method in metric["methods"]:
            values = [seed["value"] for seed in method["seeds"]]
            assert method["mean"] == pytest.approx(sum(values) / 2)
            assert method["interval"] == "student-t"
            half = (method["upper"] - method["lower"]) / 2
            assert half == pytest.approx(12.706205 * abs(values[0] - values[1]) / 2, rel=1e-6)
            shown = with_error(method["mean"], half)
            for text in [*shown.split(" ", 1), *map(alone, () if metric["name"] == "kd" else values)]:
                assert text in texts
            assert shown in markdown
            assert (f"**{shown}**" in markdown) is (metric["best"] == method["method"])
    # A run's own value has an error where it has a standard error: the kernel distance's 0.0004.
    assert texts.count("± 0.00078") == markdown.count("± 0.00078") == 10
    for text in ("".join(texts), markdown):
        assert text.count("± is half of a 95% interval") == 1
    assert {metric["best"] for metric in report["metrics"]} == {"projection", None}
    for sentence in report["summary"]:
        assert sentence in texts
        assert sentence in markdown


def test_the_page_needs_nothing_else_and_runs_nothing(comparison: Path, hostile: Path) -> None:
    for html in (comparison / "out" / "report.html", hostile / "report.html"):
        elements = Page(html.read_text(encoding="utf-8")).elements
        assert not {"script", "link", "iframe", "object", "i"} & {tag for tag, _ in elements}
        for tag, attributes in elements:
            assert not any(name.startswith("on") for name in attributes), (tag, attributes)
            for name in ("src", "href", "xlink:href", "data", "action"):
                assert re.match(r"data:image/png;base64,|#", attributes.get(name) or "#"), (tag, attributes)
        (csp,) = [of for tag, of in elements if of.get("http-equiv") == "Content-Security-Policy"]
        assert csp["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        assert "url(" not in re.sub(r"url\(#\w+\)", "", html.read_text())
        assert "@import" not in html.read_text()


def test_hostile_names_are_text(hostile: Path) -> None:
    page = Page((hostile / "report.html").read_text(encoding="utf-8"))
    assert ("title", {}) in page.elements
    assert "".join(page.text).count("alert(2)") >= 2
    assert "split </title>" in page.text
    assert not [
        tag for tag, of in page.elements if tag == "img" and not (of["src"] or "").startswith("data:")
    ]
    rendered = MarkdownIt("commonmark").enable("table").render((hostile / "report.md").read_text())
    elements = Page(rendered).elements
    assert {tag for tag, _ in elements} <= {
        *("h1", "h2", "p", "ul", "li", "strong", "code", "img"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    for tag, attributes in elements:
        if tag == "img":
            assert (hostile / str(attributes["src"])).is_file()
    rows = [re.split(r"(?<!\\)\|", line) for line in (hostile / "report.md").read_text().splitlines()]
    widths = {len(row) for row in rows if "alert(2)" in "|".join(row) and len(row) > 1}
    assert len(widths) == 1


def test_charts_are_well_formed_and_without_a_date(comparison: Path, hostile: Path) -> None:
    charts = [*(comparison / "out").glob("*.svg"), *hostile.glob("*.svg")]
    assert len(charts) > 15
    for chart in charts:
        root = ElementTree.parse(chart).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "date" not in chart.read_text().lower()
        assert "\x07" not in chart.read_text()
    texts = {
        "".join(element.itertext())
        for element in ElementTree.parse(hostile / "classes-1-fd.svg").iter()
        if element.tag.endswith("text")
    }
    assert "<script>alert(1)</scr…" in texts  # as it is, cut
    assert "$d$ &amp; `e`" in " ".join(texts)


def test_grids_show_the_same_seeds_and_classes(tmp_path: Path) -> None:
    paths = [
        fabricate(tmp_path / "a", class_names=("one", "two")),
        fabricate(tmp_path / "b", class_names=("one", "two"), **UNCONDITIONAL),
    ]
    seen: list[tuple[int, int]] = []
    write_report(build_report(paths, lambda done, total: seen.append((done, total))), tmp_path / "out")
    assert seen == [(8, 32), (16, 32), (24, 32), (32, 32)]
    generator, _ = load_generator(paths[0] / "generator.safetensors")
    labels = torch.tensor([0] * 8 + [1] * 8)
    images = torch.cat(list(sample(generator, [*range(8), *range(8)], labels)))
    expected = np.asarray(grid(images, 8, ["one", "two"]))
    found = np.asarray(Image.open(tmp_path / "out" / "grid-1-projection.png"))
    assert (found == expected).all()
    page = Page((tmp_path / "out" / "report.html").read_text())
    embedded = [of["src"] or "" for tag, of in page.elements if tag == "img"]
    first = np.asarray(Image.open(io.BytesIO(base64.b64decode(embedded[0].partition(",")[2]))))
    assert (first == expected).all()
    assert len(embedded) == 2


def test_without_metrics_there_are_losses_images_and_the_command_to_measure(tmp_path: Path) -> None:
    path = fabricate(tmp_path / "one")
    html, markdown, plain = write_report(build_report([path]), tmp_path / "out")
    for file in (html, markdown):
        text = file.read_text(encoding="utf-8")
        assert "No metric was measured" in text
        assert "projgan evaluate RUN" in text
        assert "Results" not in text
    assert json.loads(plain.read_text())["metrics"] == []
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name for name in names if not name.startswith("report")] == [
        *("grid-1-projection.png", "loss-1-loss-generator.svg", "loss-2-loss-discriminator.svg")
    ]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    report = build_report([fabricate(tmp_path / "one", stats=[])])
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file: cannot be made \(File exists\)"):
        write_report(report, tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("15.10 ± 1.71", "15.10 ± 1.71"),
        ("-0.5", "-0.5"),
        ("1. list", r"1\. list"),
        ("- list", r"\- list"),
        ("a\n# b", r"a \# b"),
        ("<i> & |", r"&lt;i&gt; &amp; \|"),
    ],
)
def test_markdown_signs_are_escaped(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped
