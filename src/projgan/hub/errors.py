"""What goes wrong between here and the hub, in one line each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from projgan.errors import UserError, reason_of

LOG_IN = "log in with `hf auth login`"


class UnreachableError(UserError):
    """The hub does not answer; what was fetched before may do."""


@contextmanager
def asking(place: str) -> Iterator[None]:
    """Turn what the hub's client raises into a line about `place`.

    Raises:
        UnreachableError: no answer.
        UserError: an answer that is no help.
    """
    from huggingface_hub import errors

    try:
        yield
    except UserError:
        raise
    except errors.OfflineModeIsEnabled:
        raise UnreachableError(f"{place}: HF_HUB_OFFLINE forbids asking the hub; unset it, once") from None
    except errors.GatedRepoError:
        raise UserError(
            f"{place}: its authors give access on request; ask on its page, and {LOG_IN}"
        ) from None
    except errors.RepositoryNotFoundError:
        raise UserError(
            f"{place}: no such repository on the hub, or a private one; correct the name, or {LOG_IN}"
        ) from None
    except errors.RevisionNotFoundError:
        raise UserError(
            f"{place}: the repository has no such revision; leave @REVISION out for main"
        ) from None
    except errors.LocalEntryNotFoundError:
        raise UnreachableError(f"{place}: the hub stopped answering; try again") from None
    except errors.EntryNotFoundError as error:
        raise UserError(f"{place}: a file of it is not there ({reason_of(error)})") from None
    except errors.HfHubHTTPError as error:
        raise _refused(place, error) from None
    except Exception as error:  # of the client's transport, of TLS, of the disk
        if _is_no_answer(error):
            raise UnreachableError(
                f"{place}: the hub cannot be reached ({reason_of(error)}); check the network"
            ) from None
        raise UserError(f"{place}: the hub's client failed ({reason_of(error)})") from error


def _refused(place: str, error: Any) -> UserError:
    status = error.response.status_code
    if status in (401, 403):
        return UserError(f"{place}: the hub refuses this ({status}); {LOG_IN} and a token that may do it")
    if status == 429 or status >= 500:
        return UnreachableError(f"{place}: the hub has trouble ({status}); try again later")
    return UserError(f"{place}: the hub refuses this ({status}: {_said(error)})")


def _said(error: Any) -> str:
    return " ".join(str(error.server_message or error).split())[:150]


def _is_no_answer(error: BaseException) -> bool:
    transport = any(base.__name__ == "TransportError" for base in type(error).__mro__)  # of httpx, of httpx2
    return transport or isinstance(error, ConnectionError | TimeoutError)
