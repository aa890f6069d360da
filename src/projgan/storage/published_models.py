"""Generators that come with the package, so that there is something to sample at once and offline.

Each is `models/NAME.safetensors` with a card `models/NAME.md`: data, commands, numbers, licence.
"""

from pathlib import Path

from projgan.errors import UserError

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
    """Return the file of a published model if nothing is at this path and it is the name of one.

    What is on the disk comes first; a path of neither kind is returned as it is.
    """
    return path if path.exists() else model_path(str(path)) or path


def existing_run_or_model(run: Path) -> Path:
    """Return what is at a path, or the file of the published model of this name.

    Raises:
        UserError: neither is there.
    """
    found = resolve_model(run)
    if not found.exists():
        raise UserError(f"{run}: no such file or run, and no published model ({', '.join(model_names())})")
    return found
