"""`projgan share`."""

from projgan.commands.options import Asked
from projgan.commands.paths import RunOrModel
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, counted
from projgan.sharing.request import ShareRequest


def share(
    run: RunOrModel,
    name: str,
    /,
    *,
    request: Asked[ShareRequest] = ShareRequest(),
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
    json
        Print the result as JSON.
    """
    from projgan.sharing.sending import share

    shared = share(run, name, request, counted("sampling", " images"), Say.line)
    if json:
        known = {"folder": shared.folder, "name": shared.name, "url": shared.url, "files": shared.files}
        show(dumps({key: value for key, value in known.items() if value is not None}))
    else:
        show(shared.folder or f"{shared.url}\n{shared.name}")
