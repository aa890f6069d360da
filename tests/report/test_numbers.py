"""Two digits of the error, and no more of the value."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from projgan.report.numbers import alone, with_error


@pytest.mark.parametrize(
    ("value", "error", "written"),
    [
        (2.8712, 1.0934, "2.9 ± 1.1"),
        (0.17438, 0.24528, "0.17 ± 0.25"),
        (170.614, 5.312, "170.6 ± 5.3"),
        (1234.5, 15.6, "1,234 ± 16"),
        (12345.6, 156.0, "12,350 ± 160"),
        (0.65437, 0.00629, "0.6544 ± 0.0063"),
        (10.0, 0.0996, "10.00 ± 0.10"),  # rounds up to another power of ten
        (10.0, 9.96, "10 ± 10"),
        (-0.000012, 0.0034, "0.0000 ± 0.0034"),  # not -0.0000
        (-0.0012, 0.0034, "-0.0012 ± 0.0034"),
        (1.0, 0.0, "1.00 ± 0"),
        (0.5, 3e-17, "0.500 ± 0"),  # of rounding alone
        (2.5e8, 1.5e6, "2.5e+08 ± 1.5e+06"),
        (1.5e-9, 2e-10, "1.5e-09 ± 2e-10"),
        (2.5, None, "2.50"),
    ],
)
def test_by_hand(value: float, error: float | None, written: str) -> None:
    assert with_error(value, error) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (12.345, "12.3"),
        (0.95678, "0.957"),
        (0.00123456, "0.00123"),
        (1.0, "1.00"),
        (999.6, "1,000"),
        (12345.6, "12,346"),
        (-3.14159, "-3.14"),
        (0.0, "0"),
        (1.5e9, "1.5e+09"),
        (1.234e-9, "1.23e-09"),
    ],
)
def test_alone_by_hand(value: float, written: str) -> None:
    assert alone(value) == written


@given(some.floats(-1e6, 1e6), some.floats(1e-6, 1e6))
def test_nothing_that_the_error_leaves_is_lost_and_nothing_that_it_hides_is_shown(
    value: float, error: float
) -> None:
    shown, width = (float(part.replace(",", "")) for part in with_error(value, error).split(" ± "))
    # 9.95 becomes 10 and leaves half a unit: 0.5 / 9.95.
    assert abs(width - error) <= 0.0503 * error
    assert abs(shown - value) <= 0.0503 * error
    digits = with_error(value, error).split(" ± ")[1].replace(",", "").replace(".", "").strip("0")
    assert len(digits) <= 2
