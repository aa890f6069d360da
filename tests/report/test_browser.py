"""A real browser lays the page out: nothing is fetched, and nothing is wider than the window."""

import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from fabricated_runs import fabricate, fabricate_comparison, metric_row
from projgan.report import build_report, write_report
from projgan.report.metric_words import METRICS

QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --timeout=20000"
).split()
NAMES = tuple(f"<b>class {number}</b> of a rather long name" for number in range(10))

# The page is shown in a frame, since a window cannot be as narrow as a phone.
MEASURE = """<!DOCTYPE html><body style="margin:0">
<iframe src="report.html" style="width:%dpx;height:900px;border:0"></iframe><script>onload = () => {
  const page = frames[0].document, root = page.documentElement, bad = [];
  for (const element of page.querySelectorAll("main *")) {
    if (element.closest(".scroll, svg")) continue;
    const box = element.getBoundingClientRect();
    const inside = box.right <= root.clientWidth + 1 && box.left >= -1;
    if (!inside) bad.push(element.tagName + "." + element.className);
  }
  const result = {
    client: root.clientWidth,
    scrolled: [...page.querySelectorAll(".scroll")].map(box => box.scrollWidth - box.clientWidth),
    scroll: root.scrollWidth, height: root.scrollHeight, bad: bad,
    images: [...page.images].map(image => image.complete && image.naturalWidth),
    requests: frames[0].performance.getEntriesByType("resource").map(entry => entry.name)
      .filter(name => !name.startsWith("data:")),
  };
  document.body.innerHTML = "";
  document.body.dataset.result = JSON.stringify(result);
};</script>"""


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder and remembers what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        server = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments, directory=str(folder))

            def log_request(self, *arguments: object) -> None:
                server.asked.append(self.path)

            def log_message(self, *arguments: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser, which is a program of the system and not installed with the package."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        words = "no Chromium here to look at the report's page; install the system's package `chromium`"
        if os.environ.get("PROJGAN_REQUIRE_BROWSER") == "1":
            pytest.fail(words)
        pytest.skip(words)
    return found


def measured(chromium: str, folder: Path, profile: Path, width: int) -> tuple[dict[str, Any], set[str]]:
    """What MEASURE finds in a folder's report in a window so wide, and what was asked of the server."""
    (folder / "measure.html").write_text(MEASURE % width)
    with Server(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/measure.html"
        words = [
            chromium,
            *QUIET,
            f"--user-data-dir={profile}",
            "--window-size=1300,1000",
            "--dump-dom",
        ]
        done = subprocess.run([*words, address], capture_output=True, text=True, timeout=120, check=True)
        server.shutdown()
    found = re.search(r'data-result="([^"]*)"', done.stdout)
    assert found, done.stdout[:2000] + done.stderr[-2000:]
    return json.loads(found[1].replace("&quot;", '"')), set(server.asked)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 700, 420, 320])
def test_the_page_fits_its_window_and_fetches_nothing(
    chromium: str, report_folder: Path, tmp_path: Path, width: int
) -> None:
    result, asked = measured(chromium, report_folder, tmp_path, width)
    assert result["client"] == width
    assert result["scroll"] == width
    assert result["bad"] == []
    assert result["height"] > 3000
    assert len(result["images"]) == 5
    assert all(result["images"])
    assert result["requests"] == []
    assert asked <= {"/measure.html", "/report.html", "/favicon.ico"}


@pytest.fixture(scope="module")
def report_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    write_report(build_report(fabricate_comparison(folder / "runs", NAMES)), folder / "out")
    return folder / "out"


@pytest.mark.slow
def test_tables_of_all_metrics_fit_a_page_of_1200_pixels(chromium: str, tmp_path: Path) -> None:
    """With numbers as long as they come, and methods that only many words tell apart."""
    methods: tuple[dict[str, Any], ...] = (
        {"discriminator__condition": "projection"},
        {"discriminator__condition": "hidden-concat", "loss__adversarial": "standard"},
        {"discriminator__condition": "hidden-concat", "training__ema_decay": 0.98765},
    )
    paths = [
        fabricate(
            tmp_path / "runs" / f"run-with-a-name-{place}-{seed}",
            [metric_row(name, 0.99 + 0.0003 * seed, standard_error=0.00037) for name in METRICS],
            training__seed=seed,
            **changes,
        )
        for place, changes in enumerate(methods)
        for seed in range(3)
    ]
    write_report(build_report(paths), tmp_path / "out")
    result, _ = measured(chromium, tmp_path / "out", tmp_path / "profile", 1200)
    assert result["client"] == 1200
    assert len(result["scrolled"]) == 8  # two of results, two of runs, and four more
    assert result["scrolled"] == [0] * 8
