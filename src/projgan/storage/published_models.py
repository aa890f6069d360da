"""Generators by name: those that come with the package, and those on the hub.

Of the package, each is `models/NAME.safetensors` with a card `models/NAME.md`: data, commands, numbers,
licence.
"""

from pathlib import Path

from projgan.errors import UserError
from projgan.hub.names import hub_name, is_hub_name
from projgan.storage.hub_models import fetch_model

FOLDER = Path(__file__).parents[1] / "models"


def model_names() -> list[str]:
    """Return the names of the published models."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def model_path(name: str) -> Path | None:
    """Return the generator file of a published model, or None where there is none of this name."""
    return FOLDER / f"{name}.safetensors" if name in model_names() else None


def model_card(name: str) -> str:
    """Return the card of a published model, Markdown."""
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def resolve_model(path: Path) -> Path:
    """Return the generator's file if nothing is at this path and it is the name of a published model.

    What is on the disk comes first, what is on the hub is fetched; other paths are returned as they are.

    Raises:
        UserError: a name on the hub from where no generator can be had.
    """
    if path.exists():
        return path
    return fetch_model(path) if is_hub_name(path) else model_path(str(path)) or path


def existing_run_or_model(run: Path) -> Path:
    """Return what is at a path, or the file of the published model of this name.

    Raises:
        UserError: neither is there.
    """
    found = resolve_model(run)
    if not found.exists():
        raise UserError(f"{run}: no such file or run, and no published model ({', '.join(model_names())})")
    return found


def refuse_absent_model(run: Path) -> None:
    """Refuse what cannot be a run or model without asking the hub, which is done when it is opened.

    Raises:
        UserError: as `existing_run_or_model`.
    """
    if is_hub_name(run) and not run.exists():
        hub_name(run)
    else:
        existing_run_or_model(run)
