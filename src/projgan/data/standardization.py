"""The units in which networks meet the columns of a vector."""

from typing import Annotated

from pydantic import Field

from projgan.stored import Checked, Finite


class Standardization(Checked):
    """The units of a vector's columns: value = mean + deviation * what the network meets."""

    means: Annotated[tuple[Finite, ...], Field(max_length=1_000_000)]
    deviations: Annotated[tuple[Annotated[Finite, Field(gt=0)], ...], Field(max_length=1_000_000)]
