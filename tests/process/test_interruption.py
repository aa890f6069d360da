import signal
import threading
from pathlib import Path

import pytest

from projgan.process import interruption
from projgan.process.interruption import Interruption
from small_runs import train_small


def test_the_first_signal_is_noted_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruption() as noted:
        assert noted.signal is None
        signal.raise_signal(signal.SIGTERM)
        assert noted.signal == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_echo_of_a_signal_is_not_a_second_one() -> None:
    told: list[str] = []
    with Interruption(lambda: told.append("stopping")) as noted:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert noted.signal == signal.SIGINT
    assert told == ["stopping"]  # at once, and once


def test_a_second_signal_after_a_while_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "ECHO_SECONDS", -1.0)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with Interruption(), pytest.raises(KeyboardInterrupt):  # noqa: PT012
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_training_works_outside_the_main_thread(tmp_path: Path) -> None:
    reached: list[int] = []
    thread = threading.Thread(
        target=lambda: reached.append(train_small(tmp_path, {"training.steps": 2}).step)
    )
    thread.start()
    thread.join()
    assert reached == [2]
