"""`projgan share`."""

import re
import tempfile
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from projgan.commands.paths import NewPath, RunOrModel
from projgan.commands.printing import Json, Overwrite, dumps, show
from projgan.commands.progress import Say, counted
from projgan.errors import UserError
from projgan.hub.names import PREFIX, hub_name


def share(
    run: RunOrModel,
    name: str,
    /,
    *,
    license_: Annotated[str | None, Parameter(name="--license")] = None,
    words: str = "",
    private: Annotated[bool, Parameter(negative=())] = False,
    out: NewPath | None = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Put a run's networks on the Hugging Face hub, with a card, for use as `hf:USER/NAME`.

    What is shared: generator and discriminator, settings without folders of this machine, a grid of samples,
    and a card with the numbers that `projgan evaluate` measured of these very weights. Needs the extra `hub`
    and `hf auth login`.

    Parameters
    ----------
    run
        A run directory, a generator's file, or a model.
    name
        `USER/NAME` on the hub; made if it is not there.
    license_
        Of the weights, as the hub calls it: `mit`, `apache-2.0`, `cc-by-4.0`, `cc-by-nc-4.0`, `other`, ...
        There is none by default: think of the images they were trained on.
    words
        What a person should know before using it, in a sentence or two; for the card.
    private
        If the repository is made, nobody else sees it.
    out
        Folder to write instead; nothing is sent.
    overwrite
        Write into a folder that is not empty.
    json
        Print the result as JSON.
    """
    on_hub = hub_name(PREFIX + name.removeprefix(PREFIX))
    if on_hub.revision is not None:
        raise UserError(f"{name}: a new commit goes to main; leave @{on_hub.revision} out")
    if license_ is None or not re.fullmatch(r"[a-z0-9][a-z0-9.+-]{1,49}", license_):
        given = "nobody may use what has no licence" if license_ is None else f"{license_!r} is none"
        raise UserError(f"{given}: give --license mit, cc-by-4.0, other, or another that the hub knows")
    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: a file; choose a folder")
    if out is not None and out.resolve() == (run if run.is_dir() else run.parent).resolve():
        raise UserError(f"--out {out}: the run itself; choose another folder")
    if out is not None and not overwrite and out.exists() and any(out.iterdir()):
        raise UserError(
            f"--out {out}: there already, and not an empty folder; add --overwrite, or choose another"
        )

    from projgan.hub.client import send
    from projgan.sharing.folder import ShareRequest, write_folder

    request = ShareRequest(run, on_hub, license_, " ".join(words.split()))
    drawing = counted("sampling", " images")
    if out is not None:
        files = write_folder(request, out, drawing)
        show(dumps({"folder": str(out), "files": [file.name for file in files]}) if json else out)
        return
    with tempfile.TemporaryDirectory() as folder:
        files = write_folder(request, Path(folder), drawing)
        Say.line(f"sending {len(files)} files to {on_hub}")
        sent = send(Path(folder), on_hub, private=private, message="Share by projgan")
    if json:
        names = [file.name for file in files]
        show(dumps({"name": str(sent.name), "url": sent.url, "files": names}))
    else:
        show(f"{sent.url}\n{sent.name}")
