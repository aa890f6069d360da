"""What may be asked of a run that is to be shared."""

import re
from typing import Annotated

from pydantic import AfterValidator

from projgan.errors import UserError, printable
from projgan.request import NewPath, Request

_REMEDY = "give --license mit, cc-by-4.0, other, or another that the hub knows"


def _license(name: str) -> str:
    if name and not re.fullmatch(r"[a-z0-9][a-z0-9.+-]{1,49}", name):
        raise UserError(f"{printable(name)!r} is none: {_REMEDY}")
    return name


def _in_one_line(words: str) -> str:
    return " ".join(words.split())


class ShareRequest(Request):
    """What is said of a run that is shared, and where it goes."""

    license: Annotated[str, AfterValidator(_license)] = ""
    """Of the weights, as the hub calls it: `mit`, `apache-2.0`, `cc-by-4.0`, `cc-by-nc-4.0`, `other`, ...
    There is none by default: think of the images they were trained on."""
    words: Annotated[str, AfterValidator(_in_one_line)] = ""
    """What a person should know before using it, in a sentence or two; for the card."""
    private: bool = False
    """If the repository is made, nobody else sees it."""
    out: NewPath | None = None
    """Folder to write instead; nothing is sent."""
    overwrite: bool = False
    """Write into a folder that is not empty."""

    def refuse_no_license(self) -> None:
        """Raise a UserError where no licence is given: nobody may use what has none."""
        if not self.license:
            raise UserError(f"nobody may use what has no licence: {_REMEDY}")
