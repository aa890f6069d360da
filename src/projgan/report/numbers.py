"""How numbers are written: to the second digit of what is known of their error, and not further."""

import math

MOST_DECIMALS = 8
LARGE = 1e7
"""From here on powers of ten are written, and where more decimals would be needed."""
ROUNDING = 1e-12
"""An error below this is the computer's, of values that are all the same."""


def with_error(value: float, half_width: float | None) -> str:
    """Write `12.3 ± 1.2`; a value of which no error is known stands alone. An error is not negative."""
    if half_width is None:
        return alone(value)
    if half_width < ROUNDING:
        return f"{alone(value)} ± 0"
    decimals = 1 - _exponent(half_width, 2)
    if decimals > MOST_DECIMALS or not max(abs(value), half_width) < LARGE:
        return f"{value:.3g} ± {half_width:.2g}"
    return f"{_fixed(value, decimals)} ± {_fixed(half_width, decimals)}"


def alone(value: float) -> str:
    """Write three digits, or those before the point."""
    if not value or not math.isfinite(value):
        return f"{value:g}"
    decimals = 2 - _exponent(value, 3)
    if decimals > MOST_DECIMALS or abs(value) >= LARGE:
        return f"{value:.3g}"
    return _fixed(value, max(decimals, 0))


def _exponent(value: float, digits: int) -> int:
    """The power of ten of the first digit, once rounded to so many."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])


def _fixed(value: float, decimals: int) -> str:
    """With so many decimals, of which less than none round to tens, hundreds and so on; never -0."""
    return f"{round(value, decimals):z,.{max(decimals, 0)}f}"
