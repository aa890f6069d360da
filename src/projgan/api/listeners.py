"""What long work has to say in a notebook: a bar and lines, lines to a function, or to a log."""

import logging
from collections.abc import Callable

from projgan.commands.progress import bar_listener
from projgan.errors import UserError
from projgan.listening import Listener

Progress = bool | Callable[[str], None]
"""True for a bar and lines on stderr, False for the logger `projgan` alone, or what takes each line."""


def listener_of(progress: Progress) -> Listener:
    """Return what tells a person, or a log, what `progress` asks for.

    Raises:
        UserError: neither True or False nor a function.
    """
    if progress is True:
        return bar_listener()
    if progress is False:
        return Listener(said=logging.getLogger("projgan").info)
    if not callable(progress):
        raise UserError(f"progress is {progress!r}; it must be True, False or a function that takes a line")
    return Listener(said=progress)
