"""Draw the page of `projgan explore digits` with a browser: `python tools/draw_page.py OUT.png`."""

import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import sync_playwright

from projgan.explore.page import application
from projgan.explore.serving import address_of, bound_socket, serve
from projgan.explore.subjects import open_subjects


def main() -> None:
    stops: list[Callable[[], None]] = []
    with bound_socket(0) as bound:
        app = application(open_subjects([Path("digits")]))
        thread = threading.Thread(target=serve, args=(app, bound), kwargs={"started": stops.append})
        thread.start()
        with sync_playwright() as player:
            words = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=words)
            page = browser.new_page(viewport={"width": 1000, "height": 800})
            page.goto(address_of(bound))
            page.locator(".pg-pick[data-row='0'][data-seed='3']").click()
            page.locator("[aria-label='Kept images']").wait_for()
            page.mouse.move(0, 0)
            page.wait_for_timeout(1000)  # for what fades
            page.screenshot(path=sys.argv[1])
            browser.close()
        stops[0]()
        thread.join()


if __name__ == "__main__":
    main()
