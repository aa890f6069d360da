"""What every command prints in the same way."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from projgan.errors import visible

Json = Annotated[bool, Parameter(negative=())]
"""A switch `--json` without its opposite."""
Overwrite = Annotated[bool, Parameter(negative=())]
"""The switch `--overwrite`; see `projgan.overwriting`."""


def dumps(value: Any) -> str:
    """Plain values as indented JSON; anything else by its text."""
    return json.dumps(value, indent=2, default=str)


def show(text: object) -> None:
    """Print lines to stdout; what a terminal would obey in names that anyone may have chosen is escaped."""
    print("\n".join(map(visible, str(text).split("\n"))))


def show_files(out: Path, files: Sequence[Path]) -> None:
    """Print the one file that was written, or the folder with how many images are in it."""
    show(out if len(files) == 1 else f"{out}: {len(files)} images")
