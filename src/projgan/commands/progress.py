"""Progress for people, on stderr: one tqdm line that says how far, how fast and how long still."""

import sys
import time
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from projgan.errors import shortened, visible
from projgan.listening import Count

if TYPE_CHECKING:
    from projgan.listening import Listener, Progress


class Say:
    """Messages for people."""

    @staticmethod
    def line(message: str) -> None:
        """Write one line to stderr without tearing a progress line."""
        if _LinePerUpdate.is_within_a_line:
            sys.stderr.write("\n")
            _LinePerUpdate.is_within_a_line = False
        tqdm.write(shortened(visible(message)), file=sys.stderr)


class _LinePerUpdate:
    """stderr for a log file: where a terminal would draw a line anew, write a new one."""

    is_within_a_line = False

    def write(self, text: str) -> None:
        text = text.replace("\r", "\n")
        sys.stderr.write(text)
        if text:
            _LinePerUpdate.is_within_a_line = not text.endswith("\n")

    def flush(self) -> None:
        sys.stderr.flush()


DELAY = 2.0
"""Seconds that work may take before it shows how far it is."""


def _interval() -> float:
    """Seconds between two updates: often on a terminal, seldom in a log file."""
    return 0.2 if sys.stderr.isatty() else 10.0


def _bar(**options: Any) -> "tqdm[Any]":
    file = sys.stderr if sys.stderr.isatty() else _LinePerUpdate()
    return tqdm(file=file, dynamic_ncols=True, **options)


def counted(what: str, unit: str) -> Count:
    """Return a callback of (done, total) that shows itself once the work has taken two seconds."""
    bar: tqdm[Any] | None = None

    def update(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = _bar(desc=what, unit=unit, total=total, delay=DELAY, leave=False, mininterval=_interval())
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
            bar = None

    return update


def bar_listener() -> "Listener":
    """Return a listener that shows images seen, images per second, the state in words and the time left."""
    from projgan.listening import Listener

    bar: tqdm[Any] | None = None
    shown = -float("inf")
    counts: dict[str, Count] = {}

    def started(step: int, steps: int, images_per_step: int) -> None:
        nonlocal bar
        if step < steps:
            images, total = step * images_per_step, steps * images_per_step
            bar = _bar(
                desc="training", unit=" images", unit_scale=True, initial=images, total=total, mininterval=0
            )

    def stepped(progress: "Progress") -> None:
        nonlocal shown
        assert bar is not None
        last = progress.step == progress.steps
        if last or time.monotonic() - shown >= _interval():
            bar.set_postfix_str(progress.describe(), refresh=False)
            bar.update(progress.images_seen - bar.n)
            shown = time.monotonic()

    def ended() -> None:
        if bar is not None:
            bar.close()

    def working(what: str, done: int, total: int) -> None:
        if what not in counts:
            counts[what] = counted(what, f" {what.split()[-1]}")
        counts[what](done, total)

    return Listener(started=started, stepped=stepped, ended=ended, said=Say.line, working=working)
