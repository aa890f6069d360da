"""What a person may ask of a command: checked once, whether the words come from a terminal or from Python."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import ErrorDetails

from projgan.errors import UserError, nearest_name, printable, quoted
from projgan.files import refuse_unnameable, without_detours

LAST_SEED = 2**63
"""Exclusive; seeds are kept as signed integers of 64 bits."""


class Request(BaseModel):
    """What is asked for, frozen; a docstring per field is the help of the option that bears its name.

    Raises:
        UserError: in one line that names the option.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise UserError(_refusal(error.errors()[0], type(self))) from None


@contextmanager
def named_as_arguments() -> Iterator[None]:
    """In Python an option is an argument, which has no dashes.

    Raises:
        UserError: as it was raised within, but for the dashes.
    """
    try:
        yield
    except UserError as error:
        raise UserError(re.sub(r"--(?=[a-z])", "", str(error))) from None


def check_seed(seed: int, used: int, option: str = "--seed") -> None:
    """Refuse a seed of which one of the `used` that follow is beyond what can be kept.

    Raises:
        UserError: naming the option.
    """
    if not 0 <= seed < LAST_SEED - used:
        raise UserError(f"{option} is {seed}; it must be from 0 to 2**63 - {used + 1}")


def path_of(word: object, option: str = "") -> Path:
    """Read a path.

    Raises:
        UserError: it is empty, or no name that can be stored.
    """
    if not str(word):
        raise UserError(f"{option}is given an empty path; name a file or a folder")
    path = Path(str(word))
    refuse_unnameable(path, option)
    return path


def _path(value: object, info: ValidationInfo) -> object:
    return path_of(value, f"{_option(info.field_name)} ") if isinstance(value, str | Path) else value


GivenPath = Annotated[Path, BeforeValidator(_path)]
"""A file or folder that should be there."""
NewPath = Annotated[Path, BeforeValidator(_path), AfterValidator(without_detours)]
"""A file or folder that may not be there yet; see `without_detours`."""


def _option(name: object) -> str:
    return "--" + str(name).replace("_", "-")


def _refusal(error: ErrorDetails, model: type[Request]) -> str:
    """One line for what pydantic found: the words of a check of ours, or what the option takes."""
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][0])
    if name in model.model_fields:
        name = model.model_fields[name].alias or name
    if error["type"] == "extra_forbidden":
        known = [field.alias or key for key, field in model.model_fields.items()]
        return f"no option {printable(_option(name))}{nearest_name(_option(name), map(_option, known))}"
    if error["type"] == "missing":
        return f"{_option(name)} is missing"
    each = "each" if len(error["loc"]) > 1 else "it"
    return f"{_option(name)} is {quoted(error['input'])}; {each} must be {_wanted(error, model, name)}"


def _wanted(error: ErrorDetails, model: type[Request], name: str) -> str:
    """What an option takes, by its type and its bounds."""
    if error["type"] == "literal_error":
        return "one of " + error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
    if error["type"] == "float_parsing" and re.fullmatch(r"[-+]?\d*,\d+", str(error["input"])):
        return f"a number; write it with a point, {str(error['input']).replace(',', '.')}"
    kinds = {"int_parsing": "a whole number", "int_from_float": "a whole number", "float_parsing": "a number"}
    if error["type"] in kinds:
        return kinds[error["type"]]
    found = _bounds(model.model_json_schema()["properties"][name])
    return " and ".join(found) if found else error["msg"].removeprefix("Input should be ").lower()


def _bounds(schema: dict[str, Any]) -> list[str]:
    """The bounds of a number in words, wherever in the schema of an option they stand."""
    for part in schema.get("anyOf", [schema]):
        inner = part.get("items", part)
        low, high = inner.get("minimum"), inner.get("maximum")
        if low is not None and high is not None:
            return [f"from {low:,} to {high:,}"]
        words = {
            "exclusiveMinimum": "above {:,}",
            "minimum": "at least {:,}",
            "exclusiveMaximum": "below {:,}",
            "maximum": "at most {:,}",
        }
        if found := [text.format(inner[key]) for key, text in words.items() if key in inner]:
            return found
    return []
