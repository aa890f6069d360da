"""What the page refuses."""

from pathlib import Path
from typing import Any

import pytest

from projgan.errors import UserError
from projgan.explore.bounds import rows_of, seed_of, truncation_of, whole
from projgan.explore.sample_tab import sampled
from projgan.explore.subjects import MOST_SUBJECTS, Subject, open_subjects


@pytest.mark.parametrize(
    "value",
    [None, "3", 1.5, -1, 10**16, 10**400, -1e308, float("nan"), float("inf"), True, [1], {"path": "x"}],
)
def test_seeds_that_are_none_are_refused(value: Any) -> None:
    with pytest.raises(UserError, match=r"^the seed is .*give one from 0 to 9,007,199,254,740,991$"):
        seed_of(value)


@pytest.mark.parametrize("value", [10**400, "x", "1e999", "nan", "-1", "0", "10", [1], "9" * 50])
def test_truncations_that_are_none_are_refused(value: Any) -> None:
    with pytest.raises(UserError, match="the truncation"):
        truncation_of(value)


def test_bounds_are_kept(trained: Subject) -> None:
    assert trained.maker is not None
    assert truncation_of(" 0.5 ") == 0.5
    assert truncation_of("") is None
    assert rows_of([2, 2, 5], trained.maker) == [2, 5]
    assert whole(3.0, "it", 0, 3) == 3
    for chosen in ([], None, [10], [-1], ["0"], [0.5]):
        with pytest.raises(UserError):
            rows_of(chosen, trained.maker)
    with pytest.raises(UserError, match="600 images are too many at once; of 8x8 pixels there may be 256"):
        sampled(trained, [0, 1, 2], 0, 200, "", [])


def test_what_cannot_be_shown_is_refused_at_the_start(tmp_path: Path, uninterrupted: Path) -> None:
    with pytest.raises(UserError, match="given twice"):
        open_subjects([uninterrupted, uninterrupted / ".." / uninterrupted.name])
    with pytest.raises(UserError, match="at most 8"):
        open_subjects([Path(f"run{place}") for place in range(MOST_SUBJECTS + 1)])
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="not a safetensors file"):
        open_subjects([tmp_path / "bad.safetensors"])
