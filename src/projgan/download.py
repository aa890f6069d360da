"""Fetching one published file whose checksum is known."""

import hashlib
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.request import urlopen

from projgan.errors import UserError
from projgan.files import write_atomically
from projgan.listening import Count

CHUNK = 2**20
TIMEOUT = 30.0
"""Seconds without an answer after which a host counts as silent."""


class Opener(Protocol):
    """`urllib.request.urlopen`, or a stand-in."""

    def __call__(self, url: str, *, timeout: float) -> Any:
        """Return a response to read from, a context manager."""


def download(
    url: str,
    path: Path,
    *,
    sha256: str,
    largest: int,
    remedy: str,
    opener: Opener = urlopen,
    progress: Count | None = None,
) -> None:
    """Fetch a file over https to `path`, which appears whole and with the right checksum or not at all.

    Args:
        url: begins with `https://`, and so must where it leads to.
        path: its folder is made if need be.
        sha256: of the file, known beforehand.
        largest: bytes after which to stop reading.
        remedy: what a person can do instead, appended to the message.
        opener: opens the URL.
        progress: is told bytes done and bytes in all.

    Raises:
        UserError: the host cannot be reached, another file came, or `path` cannot be written.
    """
    if not url.startswith("https://"):
        raise UserError(f"{url}: only https is fetched; {remedy}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot be made ({error.strerror})") from None

    def write(file: IO[bytes]) -> None:
        digest = hashlib.sha256()
        size = 0
        for chunk in _chunks(url, largest, remedy, opener, progress):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        if digest.hexdigest() != sha256:
            raise UserError(
                f"{url}: {size} bytes came with the checksum {digest.hexdigest()[:12]}…, not {sha256[:12]}…: "
                f"cut short, or another file; {remedy}"
            )

    write_atomically(path, write)


def _chunks(
    url: str,
    largest: int,
    remedy: str,
    opener: Opener,
    progress: Count | None,
) -> Iterator[bytes]:
    done = 0
    try:
        with opener(url, timeout=TIMEOUT) as response:
            if not response.geturl().startswith("https://"):
                raise UserError(f"{url}: leads away from https; {remedy}")
            total = int(response.headers.get("Content-Length") or largest)
            while chunk := response.read(CHUNK):
                done += len(chunk)
                if done > largest:
                    raise UserError(f"{url}: larger than {largest} bytes, so another file; {remedy}")
                if progress is not None:
                    progress(done, max(done, total))
                yield chunk
    except (OSError, http.client.HTTPException) as error:
        reason = " ".join(str(getattr(error, "reason", error) or type(error).__name__).split())[:120]
        raise UserError(f"{url}: cannot be fetched ({reason}); {remedy}") from None
