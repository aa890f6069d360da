"""Sharing a run from a notebook."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from projgan.api.ambient import undisturbed
from projgan.api.gan import GAN
from projgan.api.listeners import Progress, listener_of
from projgan.api.opening import stored_path
from projgan.api.trainings import Run
from projgan.request import named_as_arguments

if TYPE_CHECKING:
    from projgan.sharing.sending import Shared


def share(
    run: Run | GAN | str | Path,
    name: str,
    *,
    license: str,
    words: str = "",
    private: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = True,
) -> "Shared":
    """Put a run's networks on the Hugging Face hub with a card, as `projgan share` does.

    Args:
        run: a run, a loaded generator, a published model's name, or a file.
        name: `USER/NAME` on the hub; made if it is not there.
        license: of the weights, as the hub calls it: `mit`, `cc-by-4.0`, `other`, ...
        words: what a person should know before using it; for the card.
        private: if the repository is made, nobody else sees it.
        out: folder to write instead; nothing is sent.
        overwrite: write into a folder that is not empty.
        progress: as in `train`.

    Returns:
        The names of the `files`, and the `folder` that has them, or their `name` (`hf:USER/NAME@COMMIT`) and
        `url` on the hub.

    Raises:
        UserError: no generator, no such name, a folder that must not be written, or the hub refuses.
    """
    from projgan.sharing.request import ShareRequest
    from projgan.sharing.sending import share as share_run

    listener = listener_of(progress)
    with named_as_arguments(), undisturbed():
        folder: Any = out  # read by the request
        request = ShareRequest(license=license, words=words, private=private, out=folder, overwrite=overwrite)
        return share_run(stored_path(run), name, request, listener.counting("sampling images"), listener.said)
