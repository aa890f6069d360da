"""What is wrong with a command line, in one line: the parser's words, or ours where these say what to do."""

from cyclopts import CycloptsError, MissingArgumentError, UnusedCliTokensError
from pydantic import ValidationError

from projgan.config import as_words_of_their_own, explain
from projgan.errors import UserError


def in_one_line(error: CycloptsError) -> str:
    """Say what is wrong with a command line, and what to do about it."""
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        return explain(cause)
    if isinstance(cause, UserError):
        return str(cause)
    if isinstance(error, MissingArgumentError) and (several := _several_words(error)):
        return several
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens and error.command_chain:
        command = "projgan " + " ".join(error.command_chain)
        words = ", ".join(map(repr, error.unused_tokens))
        return (
            f"{command} has no place for {words}; put names with spaces in quotes, and see {command} --help"
        )
    return " ".join(str(error).split())


def _several_words(error: MissingArgumentError) -> str:
    """What is said of an option of several values that was given too few; "" for another."""
    assert error.argument is not None
    count, _ = error.argument.token_count()
    given = error.tokens_so_far
    if count < 2 or not given:
        return ""
    option = error.argument.name
    if len(given) == 1 and "," in given[0]:
        return f"{option} takes {count} values, not {given[0]!r}; {as_words_of_their_own(option, given[0])}"
    return f"{option} takes {count} values as words of their own, and got {' '.join(given)!r} alone"
