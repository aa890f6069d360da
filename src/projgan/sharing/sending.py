"""A request to share a run carried out: a folder here, or a commit on the hub."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from projgan.errors import UserError
from projgan.hub.client import send
from projgan.hub.names import PREFIX, hub_name
from projgan.listening import Count
from projgan.sharing.folder import write_folder
from projgan.sharing.request import ShareRequest


@dataclass(frozen=True)
class Shared:
    """What was shared, and where it is."""

    files: tuple[str, ...]
    """Their names."""
    folder: str | None = None
    """Where nothing was sent."""
    name: str | None = None
    """On the hub, `hf:USER/NAME@COMMIT`."""
    url: str | None = None
    """Of that commit."""


def share(
    run: Path,
    name: str,
    request: ShareRequest,
    drawn: Count | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> Shared:
    """Write a run's networks with a card, and send them to the hub unless a folder is asked for.

    Args:
        run: a run directory, a generator's file, or the name of a model.
        name: `USER/NAME` on the hub; made if it is not there.
        request: what is said of it, and where it goes.
        drawn: told of (images sampled for the card, all).
        said: told what is sent.

    Raises:
        UserError: no such name, licence or generator, a folder that must not be written, or the hub refuses.
    """
    on_hub = hub_name(PREFIX + name.removeprefix(PREFIX))
    if on_hub.revision is not None:
        raise UserError(f"{name}: a new commit goes to main; leave @{on_hub.revision} out")
    request.refuse_no_license()
    if request.out is not None:
        _refuse_folder(request.out, run, request.overwrite)
        files = write_folder(run, on_hub, request, request.out, drawn)
        return Shared(tuple(file.name for file in files), folder=str(request.out))
    with tempfile.TemporaryDirectory() as folder:
        files = write_folder(run, on_hub, request, Path(folder), drawn)
        said(f"sending {len(files)} files to {on_hub}")
        sent = send(Path(folder), on_hub, private=request.private, message="Share by projgan")
    return Shared(tuple(file.name for file in files), name=str(sent.name), url=sent.url)


def _refuse_folder(out: Path, run: Path, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"--out {out}: a file; choose a folder")
    if out.resolve() == (run if run.is_dir() else run.parent).resolve():
        raise UserError(f"--out {out}: the run itself; choose another folder")
    if not overwrite and any(out.iterdir()):
        raise UserError(
            f"--out {out}: there already, and not an empty folder; add --overwrite, or choose another"
        )
