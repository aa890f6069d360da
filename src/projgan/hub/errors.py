"""What goes wrong between here and the hub, in one line each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from projgan.errors import UserError, printable, reason_of

LOG_IN = "log in with `hf auth login`"
OWN_ENDPOINT = "https://huggingface.co"


class UnreachableError(UserError):
    """The hub does not answer; what was fetched before may do."""


@contextmanager
def asking(place: str) -> Iterator[None]:
    """Turn what the hub's client raises into a line about `place`.

    Raises:
        UnreachableError: no answer.
        UserError: an answer that is no help.
    """
    endpoint = _endpoint(place)
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
        if _is_no_answer(error) or not _is_address(endpoint):
            raise _no_answer(place, error, endpoint) from None
        raise UserError(f"{place}: the hub's client failed ({reason_of(error)})") from error


def _no_answer(place: str, error: BaseException, endpoint: str) -> UnreachableError:
    if endpoint == OWN_ENDPOINT:
        return UnreachableError(f"{place}: the hub cannot be reached ({reason_of(error)}); check the network")
    if not _is_address(endpoint):
        given = printable(endpoint) or "empty"
        return UnreachableError(
            f"{place}: HF_ENDPOINT is {given}, which is no address; give https://HOST, or unset it"
        )
    return UnreachableError(
        f"{place}: HF_ENDPOINT {printable(endpoint)} cannot be reached ({reason_of(error)}); correct it, "
        "unset it, or check the network"
    )


def _endpoint(place: str) -> str:
    """Where the hub is looked for.

    Raises:
        UnreachableError: the client cannot even be imported with it.
    """
    try:
        from huggingface_hub.constants import ENDPOINT
    except ValueError as error:
        raise UnreachableError(
            f"{place}: HF_ENDPOINT is no address ({reason_of(error)}); give https://HOST, or unset it"
        ) from None
    return str(ENDPOINT)


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


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
