"""What a file of ours says of itself, as it is checked when it is read."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from projgan.errors import printable

Finite = Annotated[float, Field(allow_inf_nan=False)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Checked(BaseModel):
    """Refuses unknown keys, and never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def first_mistake(error: ValidationError) -> str:
    """Return the place and the words of the first of what is wrong."""
    first = error.errors()[0]
    place = printable(".".join(str(part) for part in first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
