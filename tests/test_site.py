"""The site is built strictly: a missing page, a dead link or a warning fails it."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from projgan.cli import COMMANDS, DATA_COMMANDS
from projgan.config import RunConfig, preset_names
from projgan.evaluation.metric_names import OTHER_NAMES, PRINTED_AS
from projgan.evaluation.metrics import METRICS
from projgan.storage.published_models import model_names

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    return folder


def text_of(page: Path) -> str:
    return re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))


def test_every_page_of_the_docs_is_in_the_navigation(site: Path) -> None:
    words = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        if page.name not in {"report.md", "table.md"}:
            assert name in words, name
            assert (site / name).with_suffix(".html").is_file(), name


def test_the_notebook_is_a_page_that_is_linked_from_the_start(site: Path) -> None:
    for page in ("index.html", "guides/python.html"):  # the latter by the navigation alone
        assert re.search(r'href="[./]*notebook\.html"', (site / page).read_text("utf-8")), page
    page = (site / "notebook.html").read_text("utf-8")
    assert '<a href="quickstart.ipynb"' in page
    shown = html.unescape(text_of(site / "notebook.html"))
    for cell in json.loads((ROOT / "docs/quickstart.ipynb").read_bytes())["cells"]:
        if cell["cell_type"] == "code":
            assert "".join(cell["source"]) in shown
    assert (site / "quickstart.ipynb").read_bytes() == (ROOT / "docs/quickstart.ipynb").read_bytes()
    assert "(docs/quickstart.ipynb)" in (ROOT / "README.md").read_text("utf-8")


def test_the_reference_has_every_command_setting_preset_and_model(site: Path) -> None:
    commands = text_of(site / "reference/cli.html")
    for name in [*COMMANDS, *(f"data {name}" for name in DATA_COMMANDS)]:
        assert f"Usage: projgan {name}" in commands, name
    settings = text_of(site / "reference/settings.html")
    for section, field in RunConfig.model_fields.items():
        for key in field.annotation.model_fields:  # type: ignore[union-attr]
            assert f"{section}.{key}" in settings, key
    presets = text_of(site / "guides/presets.html")
    assert all(name in presets for name in preset_names())
    metrics = text_of(site / "reference/metrics.html")
    assert all(
        name in metrics
        for name in [*METRICS, *OTHER_NAMES.values(), *PRINTED_AS]
        if name not in PRINTED_AS.values()
    )
    assert "multi-hinge, unconditional." in settings  # its choices
    models = text_of(site / "reference/models.html")
    assert all(name in models for name in model_names())
    assert "Open a generator: a published model" in text_of(site / "reference/api.html")


@pytest.mark.parametrize(
    ("page", "target"),
    [
        ("start/your-photos", "../guides/presets"),
        ("guides/training", "presets"),
        ("guides/training", "../reference/settings"),
        ("help/faq", "../reference/models"),
        ("reference/files", "metrics"),
        ("guides/python", "../reference/api"),
        ("results/quality", "../reference/models.html#cifar10"),
        ("index", "notebook"),
        ("start/quickstart", "../notebook"),
    ],
)
def test_links_to_what_a_page_is_made_from_lead_to_that_page(site: Path, page: str, target: str) -> None:
    text = (site / f"{page}.html").read_text("utf-8")
    body = text[text.index("<article") : text.index("</article>")]  # beside it is the navigation
    assert f'href="{target if "#" in target else target + ".html"}"' in body


def test_a_link_to_the_source_becomes_its_path(site: Path) -> None:
    text = (site / "understand/paper-map.html").read_text("utf-8")
    assert "<code>Projection</code> (<code>src/projgan/networks/conditions.py</code>)" in text
    assert "<td><code>src/projgan/losses.py</code></td>" in text


def test_code_in_a_table_has_bars_without_a_backslash(site: Path) -> None:
    assert "<code>r(y|x): NAME</code>" in (site / "guides/inspection.html").read_text("utf-8")
    for page in site.rglob("*.html"):
        assert not re.search(r"<td[^>]*>[^<]*<code>[^<]*\\\|", page.read_text("utf-8")), page


def test_no_page_asks_another_machine_for_anything(site: Path) -> None:
    for page in site.rglob("*.html"):
        asked = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text("utf-8"))
        assert [url for url in asked if "canonical" not in url] == [], page


def test_the_search_works_from_a_folder(site: Path) -> None:
    assert (site / "search/search_index.js").is_file()
    assert re.search(r'<script src="[^":]*iframe-worker\.js"', (site / "guides/gpu.html").read_text("utf-8"))
