"""The units in which networks meet the columns of a vector."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Checked(BaseModel):
    """Refuses unknown keys, and never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Standardization(Checked):
    """The units of a vector's columns: value = mean + deviation * what the network meets."""

    means: Annotated[tuple[Finite, ...], Field(max_length=1_000_000)]
    deviations: Annotated[tuple[Annotated[Finite, Field(gt=0)], ...], Field(max_length=1_000_000)]
