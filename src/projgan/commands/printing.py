"""What every command prints in the same way."""

import json
from typing import Annotated, Any

from cyclopts import Parameter

Json = Annotated[bool, Parameter(negative=())]
"""A switch `--json` without its opposite."""


def dumps(value: Any) -> str:
    """Plain values as indented JSON; anything else by its text."""
    return json.dumps(value, indent=2, default=str)
