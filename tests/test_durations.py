import pytest

from projgan.durations import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.123, "0.12 s"),
        (42.4, "42 s"),
        (59.7, "1 min"),
        (160, "2 min 40 s"),
        (6780, "1 h 53 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
