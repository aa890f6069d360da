"""Progress for people, on stderr: one tqdm line that says how far, how fast and how long still."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from projgan.config import RunConfig

if TYPE_CHECKING:
    from projgan.training.run import Listener, Progress


class Say:
    """Messages for people."""

    @staticmethod
    def line(message: str) -> None:
        """Write one line to stderr without tearing a progress line."""
        tqdm.write(message, file=sys.stderr)


def _bar(**options: Any) -> "tqdm[Any]":
    interval = 0.2 if sys.stderr.isatty() else 10.0
    return tqdm(file=sys.stderr, mininterval=interval, dynamic_ncols=True, smoothing=0.1, **options)


def counted(what: str, unit: str) -> Callable[[int, int], None]:
    """Return a callback of (done, total) that shows itself once the work has taken two seconds."""
    bar: tqdm[Any] | None = None

    def update(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = _bar(desc=what, unit=unit, total=total, delay=2.0, leave=False)
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
            bar = None

    return update


def training_listener(config: RunConfig) -> "Listener":
    """Return a listener that shows images seen, images per second, losses and the time left."""
    from projgan.training.run import Listener

    bar: tqdm[Any] | None = None

    def started(step: int, steps: int, images_per_step: int) -> None:
        nonlocal bar
        bar = _bar(
            desc="training",
            unit=" images",
            unit_scale=True,
            initial=step * images_per_step,
            total=steps * images_per_step,
        )

    def stepped(progress: "Progress") -> None:
        assert bar is not None
        if bar.update(progress.images_seen - bar.n):
            # Only a line that is shown asks the device for its losses.
            generator, discriminator = progress.losses.tolist()
            bar.set_postfix_str(
                f"step {progress.step}, loss G {generator:.3f} D {discriminator:.3f}", refresh=False
            )
        if progress.step == progress.steps:
            bar.close()

    return Listener(started=started, stepped=stepped, said=Say.line, decoded=counted("decoding", "image"))
