"""What every request has in common: one line names the option, what was given and what it takes."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from projgan.errors import UserError
from projgan.request import GivenPath, NewPath, Request, check_seed, named_as_arguments


class Baking(Request):
    loaves: Annotated[int, Field(ge=1, le=1000)] = 2
    batch_size: Annotated[int, Field(ge=1)] | None = None
    heat: Annotated[float, Field(gt=0, lt=300)] = 200.0
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    at_most: Annotated[int, Field(le=7)] = 7
    flour: Annotated[tuple[Annotated[float, Field(gt=0)], ...] | None, Field(alias="flours")] = None
    crust: Literal["thin", "thick"] = "thin"
    recipe: GivenPath | None = None
    out: NewPath = Path("bread")

    @model_validator(mode="after")
    def _fits(self) -> "Baking":
        if self.loaves > 500 and self.crust == "thick":
            raise UserError("--loaves and --crust do not go together; give one of them")
        return self


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"loaves": 0}, "--loaves is 0; it must be from 1 to 1,000"),
        ({"loaves": "1001"}, "--loaves is 1001; it must be from 1 to 1,000"),
        ({"loaves": "two"}, "--loaves is 'two'; it must be a whole number"),
        ({"loaves": 1.5}, "--loaves is 1.5; it must be a whole number"),
        ({"batch_size": 0}, "--batch-size is 0; it must be at least 1"),
        ({"heat": float("nan")}, "--heat is nan; it must be above 0 and below 300"),
        ({"heat": "300"}, "--heat is 300; it must be above 0 and below 300"),
        ({"heat": "0,5"}, "--heat is '0,5'; it must be a number; write it with a point, 0.5"),
        ({"weight": float("inf")}, "--weight is inf; it must be at least 0"),
        ({"at_most": 8}, "--at-most is 8; it must be at most 7"),
        ({"flour": (1, -1.0)}, "--flours is -1.0; each must be above 0"),
        ({"flours": ("x",)}, "--flours is 'x'; each must be a number"),
        ({"crust": "none"}, "--crust is 'none'; it must be one of thin, thick"),
        ({"loafs": 3}, "no option --loafs; did you mean '--loaves'?"),
        ({"recipe": ""}, "--recipe is given an empty path; name a file or a folder"),
        ({"out": "a\0b"}, "--out 'a\\x00b': no path has a NUL in it"),
        ({"loaves": 501, "crust": "thick"}, "--loaves and --crust do not go together; give one of them"),
    ],
)
def test_a_mistake_is_a_line_that_names_the_option(given: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError) as caught:
        Baking(**given)
    assert str(caught.value) == line


def test_what_is_missing_is_named() -> None:
    class Slicing(Request):
        bread: int

    with pytest.raises(UserError, match=r"^--bread is missing$"):
        Slicing()  # type: ignore[call-arg]


def test_in_python_an_option_has_no_dashes() -> None:
    with pytest.raises(UserError, match=r"^loaves and crust do not go"), named_as_arguments():
        Baking(loaves=501, crust="thick")


def test_what_is_asked_for_does_not_change_and_knows_both_names() -> None:
    asked = Baking(flours=(1, 2))  # type: ignore[call-arg]
    assert asked == Baking(flour=(1.0, 2.0))
    with pytest.raises(ValidationError):
        asked.loaves = 3  # type: ignore[misc]


def test_a_path_takes_no_detour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Baking(out=Path("a/../b")).out == tmp_path / "b"
    assert Baking(recipe=Path("a/../b")).recipe == Path("a/../b")  # what is there is taken as it is called


def test_the_last_seed_can_still_be_kept() -> None:
    check_seed(0, 9)
    check_seed(2**63 - 5, 4)
    for seed, used in ((-1, 1), (2**63 - 5, 5), (2**63, 1)):
        with pytest.raises(UserError) as caught:
            check_seed(seed, used)
        assert str(caught.value) == f"--seed is {seed}; it must be from 0 to 2**63 - {used + 1}"
