"""How a command takes the path of something it makes, and of what must be there.

What is not there is refused while the words are read, before torch is imported.
"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from projgan.errors import UserError
from projgan.files import without_detours
from projgan.request import path_of


def _read(kind: Any, words: Any) -> Path:
    return path_of(words[0].value, f"{words[0].keyword} " if words[0].keyword else "")


def _read_new(kind: Any, words: Any) -> Path:
    return without_detours(_read(kind, words))


def _read_run(kind: Any, words: Any) -> Path:
    run = _read(kind, words)
    if not run.exists():
        raise UserError(f"{run}: {_why_no_run(run)}")
    return run


def _why_no_run(name: Path) -> str:
    from projgan.hub.names import is_hub_name
    from projgan.storage.published_models import model_path

    if is_hub_name(name):
        return "this needs a whole run, not a shared one"
    if model_path(str(name)):
        return "a published model is a generator alone; this needs a run of your own with its checkpoints"
    return "no such file or run"


def _read_run_or_model(kind: Any, words: Any) -> Path:
    from projgan.storage.published_models import refuse_absent_model

    run = _read(kind, words)
    refuse_absent_model(run)
    return run


def _read_data(kind: Any, words: Any) -> str:
    from projgan.data.sources.opening import refuse_absent

    location: str = words[0].value
    refuse_absent(location)
    return location


GivenPath = Annotated[Path, Parameter(converter=_read)]
"""A file or folder that should be there."""
NewPath = Annotated[Path, Parameter(converter=_read_new)]
"""A file or folder that may not be there yet; see `without_detours`."""
RunPath = Annotated[Path, Parameter(converter=_read_run)]
"""A run directory or one file of it."""
RunOrModel = Annotated[Path, Parameter(converter=_read_run_or_model)]
"""The same, or the name of a published model, `hf:USER/NAME` on the hub included."""
DataSource = Annotated[str, Parameter(converter=_read_data)]
"""Labelled images: a path, or `digits`."""
