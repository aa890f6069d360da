"""The one kind of error a person is meant to read, and the nearest name for a mistyped one."""

import difflib
import re
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

LONGEST_MESSAGE = 320
"""Letters; what is echoed of a file or a command line may have any number."""
LONGEST_WORD = 160
LONGEST_REASON = 120


class UserError(ValueError):
    """A mistake in what a person gave: one line naming the cause, the place and the remedy.

    The command line prints it without a traceback and exits with code 2.
    """


@contextmanager
def reading(place: object, what: str, remedy: str) -> Iterator[None]:
    """Turn whatever a library raises about a file that anyone may have made into one line.

    Parsers raise what their authors thought of and what they did not, memory and recursion included, so
    nothing is named here.

    Args:
        place: the file, or a part of it.
        what: the file was read as.
        remedy: what a person can do.

    Raises:
        UserError: in place of any other exception.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{place}: cannot be read as {what} ({reason_of(error)}); {remedy}") from error


def reason_of(error: BaseException) -> str:
    """Return what an exception says in a few words on one line."""
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = visible(" ".join(said.split()))
    return shortened(text, LONGEST_REASON) or type(error).__name__


def listed(words: Sequence[str], shown: int = 5, *, count: int | None = None, between: str = ", ") -> str:
    """Name the first few, and say how many more there are: of these, or of the `count` that they begin."""
    more = (len(words) if count is None else count) - shown
    return between.join(words[:shown]) + (f" and {more:,} more" if more > 0 else "")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python or torch had no room; torch says so in words."""
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def visible(text: str) -> str:
    r"""Return `text` with escapes (`\x1b`) for what a terminal obeys, hides or cannot show."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def shortened(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Cut what is too long in its middle: words and quotes first, so that the rest stays whole."""
    if len(text) <= longest:
        return text
    endless = rf"'[^']{{{LONGEST_WORD},}}'|\"[^\"]{{{LONGEST_WORD},}}\"|\S{{{LONGEST_WORD},}}"
    return _without_middle(
        re.sub(endless, lambda found: _without_middle(found[0], LONGEST_WORD), text), longest
    )


def _without_middle(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[: longest - 1 - half]}…{text[-half:]}"


_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxstring, _BRIEF.maxother = 2, 120, 120
"""A few aliases make a YAML value that would fill the memory if written out."""


def quoted(value: object) -> str:
    """Return a value as it was given: a number bare, also where a command line gave it as a word."""
    number = r"[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?|nan|[-+]?inf"
    if isinstance(value, str) and re.fullmatch(number, value, re.IGNORECASE):
        return shortened(value, LONGEST_WORD)
    return _BRIEF.repr(value)


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
