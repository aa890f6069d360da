"""SIGTERM and Ctrl-C as a request to stop after the current step."""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType

ECHO_SECONDS = 1.0
"""A batch system signals every process of a job, torchrun passes its own on: that is one request."""


class Interruption:
    """While entered, notes the first SIGTERM or SIGINT instead of dying of it; a later second one kills.

    Python gives signals to the main thread only; elsewhere this does nothing.
    """

    def __init__(self, noted: Callable[[], None] = lambda: None) -> None:
        self.signal: int | None = None
        self._tell = noted
        self._noted = 0.0
        self._previous: dict[signal.Signals, signal._HANDLER] = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal, self._noted = number, time.monotonic()
            self._tell()
        elif time.monotonic() - self._noted > ECHO_SECONDS:
            self._restore()
            signal.raise_signal(number)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._previous = {
                number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)
            }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
