"""Progress for people, on stderr: one tqdm line that says how far, how fast and how long still."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    from torch import Tensor

    from projgan.classification.run import ClassifierListener, ClassifierProgress
    from projgan.evaluation.rows import MetricRow
    from projgan.plug_and_play.run import InverterListener
    from projgan.training.run import Listener, Progress


class Say:
    """Messages for people."""

    @staticmethod
    def line(message: str) -> None:
        """Write one line to stderr without tearing a progress line."""
        if _LinePerUpdate.is_within_a_line:
            sys.stderr.write("\n")
            _LinePerUpdate.is_within_a_line = False
        tqdm.write(message, file=sys.stderr)


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


def _interval() -> float:
    """Seconds between two updates: often on a terminal, seldom in a log file."""
    return 0.2 if sys.stderr.isatty() else 10.0


def _bar(**options: Any) -> "tqdm[Any]":
    file = sys.stderr if sys.stderr.isatty() else _LinePerUpdate()
    return tqdm(file=file, dynamic_ncols=True, **options)


def counted(what: str, unit: str) -> Callable[[int, int], None]:
    """Return a callback of (done, total) that shows itself once the work has taken two seconds."""
    bar: tqdm[Any] | None = None

    def update(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = _bar(desc=what, unit=unit, total=total, delay=2.0, leave=False, mininterval=_interval())
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
            bar = None

    return update


def _numbers(rows: "Sequence[MetricRow]") -> str:
    """What was measured on the way of a run, in one line."""
    numbers = ", ".join(f"{row.metric} {row.value:.4g}" for row in rows)
    return f"step {rows[0].subject.step}: {numbers}" if rows else "nothing was measured"


def training_listener() -> "Listener":
    """Return a listener that shows images seen, images per second, losses and the time left."""
    from projgan.training.run import Listener

    bar: tqdm[Any] | None = None
    shown = -float("inf")

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
            # Only a line that is shown asks the device for its losses.
            generator, discriminator = progress.losses.tolist()
            losses = f"step {progress.step}, loss G {generator:.3f} D {discriminator:.3f}"
            bar.set_postfix_str(losses, refresh=False)
            bar.update(progress.images_seen - bar.n)
            shown = time.monotonic()
        if last:
            bar.close()

    return Listener(
        started=started,
        stepped=stepped,
        said=Say.line,
        decoded=counted("decoding", " images"),
        measuring=counted("measuring", " images"),
        measured=lambda rows: Say.line(_numbers(rows)),
        fetched=counted("fetching Inception", " bytes"),
    )


def classifier_listener() -> "ClassifierListener":
    """Return a listener that shows images per second, epoch, loss and accuracy on held-out images."""
    from projgan.classification.run import ClassifierListener

    bar: tqdm[Any] | None = None
    shown = -float("inf")

    def started(step: int, steps: int, images_per_step: int) -> None:
        nonlocal bar
        images, total = step * images_per_step, steps * images_per_step
        bar = _bar(
            desc="training", unit=" images", unit_scale=True, initial=images, total=total, mininterval=0
        )

    def stepped(progress: "ClassifierProgress") -> None:
        nonlocal shown
        assert bar is not None
        last = progress.step == progress.steps
        if last or time.monotonic() - shown >= _interval():
            accuracy = f", accuracy {progress.accuracy.value:.1%}" if progress.accuracy else ""
            state = f"epoch {progress.epoch}, loss {progress.loss.item():.3f}{accuracy}"
            bar.set_postfix_str(state, refresh=False)
            bar.update(progress.images_seen - bar.n)
            shown = time.monotonic()
        if last:
            bar.close()

    return ClassifierListener(started=started, stepped=stepped, said=Say.line)


def inverter_listener() -> "InverterListener":
    """Return a listener that shows images seen, images per second, losses and the time left."""
    from projgan.plug_and_play.run import InverterListener

    bar: tqdm[Any] | None = None
    shown, last_step = -float("inf"), 0

    def started(step: int, steps: int, images_per_step: int) -> None:
        nonlocal bar, last_step
        last_step = steps
        images, total = step * images_per_step, steps * images_per_step
        bar = _bar(
            desc="training", unit=" images", unit_scale=True, initial=images, total=total, mininterval=0
        )

    def stepped(step: int, images_seen: int, losses: "Tensor") -> None:
        nonlocal shown
        assert bar is not None
        if step == last_step or time.monotonic() - shown >= _interval():
            generator, discriminator = losses.tolist()
            state = f"step {step}, loss G {generator:.3f} D {discriminator:.3f}"
            bar.set_postfix_str(state, refresh=False)
            bar.update(images_seen - bar.n)
            shown = time.monotonic()
        if step == last_step:
            bar.close()

    return InverterListener(
        started=started, stepped=stepped, said=Say.line, measuring=counted("measuring", " images")
    )
