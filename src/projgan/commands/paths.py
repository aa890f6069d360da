"""How a command takes the path of something it makes."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from projgan.files import without_detours


def _read(kind: Any, words: Any) -> Path:
    return without_detours(Path(words[0].value))


NewPath = Annotated[Path, Parameter(converter=_read)]
"""A file or folder that may not be there yet; see `without_detours`."""
