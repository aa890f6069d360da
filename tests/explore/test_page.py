"""A real browser uses every tab, and every request stays on the loopback address."""

import contextlib
import itertools
import json
import os
import re
import shutil
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explored_pages import assert_equal, followed_run, found_in, pixels_in
from projgan.explore.page import application
from projgan.explore.serving import address_of, bound_socket, serve
from projgan.explore.subjects import open_subjects
from projgan.generation.request import SampleRequest
from projgan.generation.sample_writing import write_images
from projgan.storage.run_directory import RunDirectory

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio"),
]

QUIET = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run --disable-quic"
).split()
NAMES = (
    "<b>class 0</b>",
    "{{value}} ${1 + 1} `x`",
    *(f"class {place} of a rather long name" for place in range(8)),
)
PATIENCE = 30_000
"""Milliseconds: other tests may have the processors."""


@pytest.fixture(scope="module")
def connected() -> list[tuple[Any, ...]]:
    """Every address that this process connects to or looks up, from here on."""
    seen: list[tuple[Any, ...]] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            seen.append(("connect", arguments[1]))
        elif event == "socket.getaddrinfo":
            seen.append(("look up", arguments[0]))

    sys.addaudithook(hook)
    return seen


@pytest.fixture(scope="module")
def site(
    uninterrupted: Path, tmp_path_factory: pytest.TempPathFactory, connected: list[tuple[Any, ...]]
) -> Iterator[SimpleNamespace]:
    """The page of two runs, served in a thread."""
    live = followed_run(tmp_path_factory.mktemp("explore") / "live", NAMES)
    latents = found_in(uninterrupted, live.parent / "latents.safetensors")
    stops: list[Any] = []
    with bound_socket(0) as bound:
        app = application(open_subjects([uninterrupted, live], latents=[latents]), shutil.which("ffmpeg"))
        thread = threading.Thread(target=serve, args=(app, bound), kwargs={"started": stops.append})
        thread.start()
        yield SimpleNamespace(address=address_of(bound), run=uninterrupted, live=RunDirectory(live))
        stops[0]()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        words = "no Chromium here to open the page; install the system's package `chromium`"
        if os.environ.get("PROJGAN_REQUIRE_BROWSER") == "1":
            pytest.fail(words)
        pytest.skip(words)
    with playwright.sync_playwright() as player:
        opened = player.chromium.launch(executable_path=found, args=QUIET)
        yield opened
        opened.close()


class Person:
    """Somebody with the page open."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def tab(self, *names: str) -> None:
        """Go to a tab, through those it is in."""
        for name in names:
            tab = self.page.get_by_role("tab", name=name, exact=True).locator("visible=true")
            entry = (
                self.page.locator(".overflow-dropdown")
                .get_by_role("button", name=name, exact=True)
                .locator("visible=true")
            )
            more = self.page.locator(".overflow-menu > button").locator("visible=true")
            for _ in range(100):  # until the page has been laid out
                if tab.count() or entry.count():
                    break
                if more.count():  # there is no room for it beside the others
                    more.last.click()
                self.page.wait_for_timeout(300)
            (tab if tab.count() else entry).last.click()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).locator("visible=true").click()

    def field(self, label: str) -> Any:
        return self.page.get_by_label(label, exact=True).locator("visible=true").first

    def shown(self, selector: str) -> Any:
        """What is visible of a kind, once there is some."""
        found = self.page.locator(selector).locator("visible=true")
        found.first.wait_for()
        return found

    def pixels(self, selector: str) -> list[np.ndarray]:
        return pixels_in("".join(one.evaluate("one => one.outerHTML") for one in self.shown(selector).all()))


@contextlib.contextmanager
def opened(browser: Any, site: SimpleNamespace, width: int = 1200, scheme: str = "light") -> Iterator[Person]:
    """Open the page for somebody new; whatever it asks must stay here, and nothing may go wrong in it."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE)
    asked: list[str] = []
    wrong: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("response", lambda answer: wrong.append(answer.url) if answer.status >= 400 else None)
    page.goto(site.address)
    page.get_by_role("tab").locator("visible=true").first.wait_for()
    yield Person(page)
    context.close()
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith((f"{site.address}/", "data:", "blob:"))] == []
    assert wrong == []


def those_of_the_command(folder: Path, run: Path, **request: Any) -> list[np.ndarray]:
    return [
        np.asarray(Image.open(path)) for path in write_images(run, SampleRequest(out=folder, **request)).files
    ]


def test_sample_keeps_what_is_clicked_and_the_keyboard_draws(
    browser: Any, site: SimpleNamespace, tmp_path: Path
) -> None:
    with opened(browser, site) as person:
        assert_equal(person.pixels(".pg-pick"), those_of_the_command(tmp_path / "a", site.run, count=8))
        person.field("First seed").fill("40")
        person.page.keyboard.press("Enter")
        person.shown(".pg-pick[data-seed='47']")
        assert_equal(
            person.pixels(".pg-pick"), those_of_the_command(tmp_path / "b", site.run, count=8, seed=40)
        )
        second = person.page.locator(".pg-pick[data-row='3'][data-seed='42']").first
        second.focus()
        person.page.keyboard.press("Enter")
        kept = person.shown(".pg-pictures[aria-label='Kept images'] .pg-pick")
        assert kept.count() == 1
        assert second.get_attribute("aria-pressed") == "true"
        person.tab("Mix")
        playwright.expect(person.field("First seed")).to_have_value("42")
        person.tab("Sample")
        kept.first.click()
        playwright.expect(kept).to_have_count(0)
        assert second.get_attribute("aria-pressed") == "false"
        person.field("First seed").fill("-1")
        person.page.keyboard.press("Enter")
        person.shown("text=the seed is -1; give one from 0 to")


def test_mix_and_morph(browser: Any, site: SimpleNamespace, tmp_path: Path) -> None:
    with opened(browser, site) as person:
        person.tab("Mix")
        sliders = person.shown(".pg-sliders input[type='range']")
        assert sliders.count() == 10
        sliders.nth(2).focus()
        for moved in ("0.01", "0.02", "0.03"):
            person.page.keyboard.press("ArrowRight")
            playwright.expect(sliders.nth(2)).to_have_value(moved)
        person.press("Mix")
        person.shown(".pg-command >> text=2=0.029")
        mix = person.shown(".pg-command").first.inner_text().split("--mix ")[1].split(" ")[0]
        ours = person.pixels(".pg-pictures[aria-label='Images of the mixture']")
        assert_equal(ours, those_of_the_command(tmp_path / "a", site.run, mix=[mix], count=8))
        person.tab("Morph")
        person.press("Morph")
        frames = person.pixels(".pg-frame")
        assert len(frames) == 24
        assert_equal(frames[:1], those_of_the_command(tmp_path / "b", site.run, classes=["0"], count=1))
        large = person.shown(".pg-large")
        slide = person.shown(".pg-slide input")
        slide.focus()
        for key in ("Home", "ArrowRight", "ArrowRight"):
            person.page.keyboard.press(key)
        assert_equal(person.pixels(".pg-large"), frames[2:3])
        person.page.locator(".pg-frame").nth(23).click()
        assert_equal(person.pixels(".pg-large"), frames[23:])
        assert large.get_attribute("alt") == "step 24 of 24"
        with person.page.expect_download() as saving:
            person.page.get_by_text("Save as GIF").click()
        saving.value.save_as(tmp_path / "morph.gif")
        assert Image.open(tmp_path / "morph.gif").n_frames > 10  # of 46: equal neighbours are one
        assert person.page.get_by_text("Save as MP4").count() == (shutil.which("ffmpeg") is not None)
        person.field("From").click()
        person.shown("[role='option'] >> text=<b>three.png").click()
        person.press("Morph")
        person.shown(".pg-slide >> text=<b>three.png")
        three = those_of_the_command(tmp_path / "c", site.run, classes=["3"], seed=8, count=1)
        assert_equal(person.pixels(".pg-frame")[:1], three)
        person.tab("Found images")
        person.shown("text=as found: 5 0.75, 4 0.25")
        assert_equal(person.pixels(".pg-card")[:1], three)


def test_the_discriminator_is_asked(browser: Any, site: SimpleNamespace, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "mine.png")
    large = tmp_path / "large.png"
    Image.new("1", (20_000, 20_000)).save(large)
    with opened(browser, site) as person:
        person.tab("What the discriminator thinks")
        person.press("Ask")
        assert person.shown(".pg-bars").count() == 6
        choose = person.page.locator("input[type=file]").locator("visible=true")
        choose.set_input_files(tmp_path / "mine.png")
        person.shown("text=your image, as the network sees it")
        assert person.shown(".pg-bars").count() == 1
        choose.set_input_files(large)
        said = person.shown("text=more than the 67,108,864 pixels accepted")
        assert "\n" not in said.first.inner_text()


def test_runs_are_compared_and_a_training_is_followed(
    browser: Any, site: SimpleNamespace, tmp_path: Path
) -> None:
    with opened(browser, site) as person:
        person.tab("Compare")
        person.press("Compare")
        person.shown("text=live")
        ours = person.pixels(f".pg-pictures[aria-label='Images of {site.run.name}']")
        assert_equal(ours, those_of_the_command(tmp_path / "a", site.run, classes=["0"], count=8))
        person.tab("live", "Training")
        person.shown("text=step 1,000 of 1,000")
        assert person.shown(".pg-chart svg").count() == 2
        with site.live.stats.open("a") as file:
            file.write(json.dumps({"step": 1001, "images_seen": 32032, "loss_generator": 1.0}) + "\n")
        person.shown("text=step 1,001 of 1,000 · 32,032 images seen")


def test_two_people_do_not_disturb_each_other(browser: Any, site: SimpleNamespace) -> None:
    with opened(browser, site) as one, opened(browser, site) as other:
        for person, seed in ((one, "100"), (other, "200")):
            person.shown(".pg-pick")
            person.field("First seed").fill(seed)
        one.page.keyboard.press("Enter")
        other.page.keyboard.press("Enter")
        for person, seed in ((one, "107"), (other, "207")):
            person.shown(f".pg-pick[data-seed='{seed}']")
        one.page.locator(".pg-pick[data-seed='103']").first.click()
        kept = one.shown(".pg-pictures[aria-label='Kept images'] .pg-pick")
        assert kept.count() == 1
        assert other.page.locator(".pg-pictures[aria-label='Kept images']").count() == 0
        other.page.locator(".pg-pick[data-seed='201']").first.click()
        theirs = other.shown(".pg-pictures[aria-label='Kept images'] .pg-pick")
        assert [theirs.count(), theirs.first.get_attribute("data-seed")] == [1, "201"]
        assert [kept.count(), kept.first.get_attribute("data-seed")] == [1, "103"]


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1200, "light")])
def test_every_tab_fits_a_phone_and_is_dark_where_the_system_is(
    browser: Any, site: SimpleNamespace, width: int, scheme: str
) -> None:
    with opened(browser, site, width, scheme) as person:
        ways = [
            (("Sample",), None, ".pg-pick"),
            (("live", "Sample"), None, ".pg-pick"),
            (("Mix",), "Mix", ".pg-pictures[aria-label='Images of the mixture']"),
            (("Morph",), "Morph", ".pg-morph"),
            (("What the discriminator thinks",), "Ask", ".pg-bars"),
            (("Training",), None, ".pg-chart"),
            (("Compare",), "Compare", ".pg-class"),
        ]
        for names, button, awaited in ways:
            person.tab(*names)
            if button:
                person.press(button)
            person.shown(awaited)
            wide = person.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide == [width, width], names
        ground, words = (brightness(colour) for colour in person.page.evaluate(COLOURS))
        dark, light = (ground, words) if scheme == "dark" else (words, ground)
        assert dark < 90, (ground, words)
        assert light > 180, (ground, words)


COLOURS = """() => {
  const words = document.querySelector(".pg-note");
  let ground = words;
  const nothing = (one) => /, 0\\)$/.test(getComputedStyle(one).backgroundColor);
  while (ground.parentElement && nothing(ground)) ground = ground.parentElement;
  return [getComputedStyle(ground).backgroundColor, getComputedStyle(words).color];
}"""
"""Those of words and of what is behind them."""


def brightness(colour: str) -> float:
    """From 0 to 255."""
    levels = [float(part) for part in re.findall(r"[\d.]+", colour)]
    return 255.0 if levels[3:] == [0] else float(np.mean(levels[:3]))  # nothing, over the browser's white


def test_names_are_words_to_the_page(browser: Any, site: SimpleNamespace) -> None:
    with opened(browser, site) as person:
        person.tab("live")
        headings = person.shown(".pg-class")
        assert [headings.nth(place).inner_text() for place in (0, 1)] == list(NAMES[:2])


def test_questions_that_no_page_asks_are_refused_and_print_nothing(
    site: SimpleNamespace, capfd: pytest.CaptureFixture[str]
) -> None:
    with urllib.request.urlopen(f"{site.address}/config") as answer:
        questions = json.load(answer)["dependencies"]

    def ask(number: int, data: list[Any], session: str) -> str:
        words = {"fn_index": number, "data": data, "event_data": {}, "session_hash": session}
        headers = {"content-type": "application/json"}
        asked = urllib.request.Request(
            f"{site.address}/gradio_api/queue/join", json.dumps(words).encode(), headers
        )
        urllib.request.urlopen(asked).close()
        with urllib.request.urlopen(
            f"{site.address}/gradio_api/queue/data?session_hash={session}", timeout=30
        ) as answer:
            return "".join(
                line.decode() for line in itertools.takewhile(lambda line: b"close_" not in line, answer)
            )

    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask(9999, [], "a")
    for place, question in enumerate(questions):
        for value in ("strange", [None], None):
            said = ask(question["id"], [value] * len(question["inputs"]), f"s{place}")
            assert "process_completed" in said
    assert capfd.readouterr() == ("", "")


def test_nothing_was_connected_to_but_this_machine(
    site: SimpleNamespace, connected: list[tuple[Any, ...]]
) -> None:
    """The last of the file: what the server itself did while all of it was used."""
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    assert connected, "the hook sees connections"
    outside = [
        (what, where)
        for what, where in connected
        if not isinstance(where, str | bytes) or what == "look up"
        if (where[0] if isinstance(where, tuple) else where) not in ("127.0.0.1", "localhost", "::1")
    ]
    assert outside == []
