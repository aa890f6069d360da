import math
import re
import warnings

import pytest
from scipy import stats

from projgan.report.charts import draw_intervals
from projgan.report.intervals import Spread, spread_of, student_t_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 29, 100, 101])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_quantiles_of_student_t_are_scipys(freedom: int, confidence: float) -> None:
    expected = stats.t.ppf((1 + confidence) / 2, freedom)
    assert student_t_quantile(confidence, freedom) == pytest.approx(expected, rel=1e-10)


def test_interval_over_three_seeds_by_hand() -> None:
    # Mean 2, standard deviation 1; 4.302653 is the table's t for 2 degrees of freedom.
    spread = spread_of([1.0, 2.0, 3.0], [0.1, 0.1, 0.1])
    assert spread.value == 2
    assert spread.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert (spread.kind, spread.seeds) == ("student-t", 3)
    assert spread.interval is not None
    assert spread.interval.lower == pytest.approx(2 - 2.484138, abs=1e-5)
    assert spread.interval.upper == pytest.approx(2 + 2.484138, abs=1e-5)


def test_seeds_that_are_alike_by_chance_are_no_certainty() -> None:
    """The error of the mean of 0 and 0, each ± 0.3 and 0.4, is 0.5 / 2."""
    assert spread_of([0.0, 0.0], [0.3, 0.4]).half_width == pytest.approx(1.959964 * 0.25, rel=1e-6)
    assert spread_of([0.0, 0.0], [None, None]).half_width == 0


def test_interval_of_one_seed_is_its_own_standard_error() -> None:
    assert spread_of([5.0], [0.5]) == Spread(5.0, pytest.approx(0.98, abs=1e-4), "standard-error", 1)
    assert spread_of([5.0], [None]) == Spread(5.0, None, None, 1)
    assert spread_of([5.0], [None]).interval is None


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ((1, 0.5), (2, 0.4), False),
        ((1, 0.5), (2, 0.5), True),
        ((2, 0.1), (1, 3), True),
        ((1, 0), (1, 0), True),
    ],
)
def test_overlap(one: tuple[float, float], other: tuple[float, float], overlap: bool) -> None:
    ours, theirs = (Spread(value, half, "student-t", 3) for value, half in (one, other))
    assert ours.overlaps(theirs) is overlap
    assert theirs.overlaps(ours) is overlap


def test_nothing_is_told_apart_without_an_interval() -> None:
    assert Spread(1.0, 0.1, "student-t", 3).overlaps(Spread(9.0, None, None, 1))
    assert Spread(1.0, None, None, 1).overlaps(Spread(9.0, 0.1, "student-t", 3))


def test_long_names_of_methods_leave_a_chart_its_place() -> None:
    settings = (
        "discriminator width 128, input size 64, adversarial hinge, batch size 32, discriminator updates 1"
    )
    names = [f"generator width {width}, {settings}" for width in (64, 96)]
    results = [(name, spread_of([5.0], [1.0]), [5.0]) for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = draw_intervals("Fréchet distance", results, names)
    assert svg.count(b"generator width") >= 2


def test_a_long_title_is_written_in_lines_that_fit() -> None:
    title = "Fréchet distance ↓, protocol standard with 2,000 generated images"
    svg = draw_intervals(title, [("a", spread_of([1.0, 2.0], [None, None]), [1.0, 2.0])], ["a"]).decode()
    lines = [
        text for text in re.findall(r"<text[^>]*>([^<]+)</text>", svg) if len(text) > 9 and text in title
    ]
    assert " ".join(lines) == title
    assert len(lines) == 2
