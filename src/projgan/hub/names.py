"""`hf:USER/NAME`: what is on the hub, in a word. Nothing is imported or asked to read one."""

import re
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from projgan.errors import UserError, printable

PREFIX = "hf:"
INSTALL = "pip install 'projgan[hub]'"
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}"
_WORD = re.compile(rf"(?P<user>{_PART})/(?P<name>{_PART})(?:/(?P<folder>{_PART}))?(?:@(?P<revision>.+))?")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,199}")
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubName:
    """A repository of the hub at a revision."""

    repository: str
    """`USER/NAME`."""
    revision: str | None = None
    """A branch, tag or commit; None for the newest there is."""
    folder: str | None = None
    """One of several sets of a data repository."""

    def __str__(self) -> str:
        folder = f"/{self.folder}" if self.folder else ""
        return f"{PREFIX}{self.repository}{folder}{f'@{self.revision}' if self.revision else ''}"

    @property
    def is_pinned(self) -> bool:
        """Whether it can never be anything else."""
        return self.revision is not None and COMMIT.fullmatch(self.revision) is not None

    def at(self, revision: str) -> "HubName":
        """The same at another revision."""
        return replace(self, revision=revision)


def is_hub_name(word: str | Path) -> bool:
    """Whether a word means something on the hub."""
    return str(word).startswith(PREFIX)


def hub_name(word: str | Path, *, folders: bool = False) -> HubName:
    """Read `hf:USER/NAME`, with `@REVISION` behind it, and `/FOLDER` before that where those are allowed.

    Raises:
        UserError: it is no such name, or the extra `hub` is not installed.
    """
    text = word.as_posix() if isinstance(word, Path) else word
    found = _WORD.fullmatch(text.removeprefix(PREFIX))
    parts = [] if found is None else [part for part in found.group("user", "name", "folder") if part]
    odd = any(".." in part or "--" in part or part.endswith((".git", ".", "-")) for part in parts)
    if found is None or odd or (found["folder"] and not folders):
        form = "USER/DATASET, or hf:USER/DATASET/SET" if folders else "USER/NAME"
        raise UserError(
            f"{printable(text)!r}: names on the hub are hf:{form}, and @REVISION behind if wanted"
        )
    revision = found["revision"]
    if revision is not None and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise UserError(f"{printable(text)!r}: {printable(revision)!r} is no branch, tag or commit")
    if find_spec("huggingface_hub") is None:
        raise UserError(f"{printable(text)} is on the hub, which needs an extra; {INSTALL}")
    return HubName(f"{found['user']}/{found['name']}", revision, found["folder"])
