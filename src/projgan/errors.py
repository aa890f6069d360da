"""The one kind of error a person is meant to read, and the nearest name for a mistyped one."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in what a person gave: one line naming the cause, the place and the remedy.

    The command line prints it without a traceback and exits with code 2.
    """


def printable(name: str) -> str:
    """Make a name that a stranger may have chosen fit for one line: cut, and quoted where not printable."""
    return name[:100] if name.isprintable() else repr(name[:100])


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the closest known name, or a list of the known ones."""
    known = [str(candidate) for candidate in known]
    lowered = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    if matches:
        return f"; did you mean {lowered[matches[0]]!r}?"
    shown = ", ".join(map(printable, known[:20])) + (", …" if len(known) > 20 else "")
    return f"; known: {shown}"


def nearest_of_several(word: str, known: Iterable[str]) -> str:
    """The same where several names may be given; `"a,b"` is told to be two words where it is two names."""
    known = list(known)
    parts = word.split(",")
    if len(parts) > 1 and set(parts) <= set(known):
        return f"; give several as words of their own: {' '.join(parts)}"
    return nearest_name(word, known)
