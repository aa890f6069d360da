"""The only module that uses huggingface_hub: what a repository holds, its files, and a new commit in it.

A file counts as fetched once its checksum is the one that the hub lists. What was listed is kept, so that
what was fetched once is there without the network too.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from projgan.errors import UserError
from projgan.files import chosen_cache, make_folder, write_atomically
from projgan.hub.errors import UnreachableError, asking
from projgan.hub.names import COMMIT, HubName
from projgan.version import VERSION

Kind = Literal["model", "dataset"]
MAX_FILES = 100_000


@dataclass(frozen=True)
class HubFile:
    """A file of a repository."""

    size: int
    checksum: str
    """sha256 of the content, or where git holds the file itself, its sha1 there."""


@dataclass(frozen=True)
class Listing:
    """What a repository holds at one commit."""

    name: HubName
    kind: Kind
    commit: str
    files: dict[str, HubFile]
    no_answer: str = ""
    """Why it is one that was kept, where the hub does not answer."""

    @property
    def pinned(self) -> HubName:
        """The name of exactly this."""
        return self.name.at(self.commit)


def list_files(name: HubName, kind: Kind) -> Listing:
    """Ask what a repository holds; where the hub does not answer, what it held when it last did.

    Raises:
        UserError: no such repository or revision, no right to see it, or no answer.
    """
    kept = _kept_path(name, kind)
    if name.is_pinned and (known := _read_kept(kept, name, kind)):
        return known
    try:
        listing = _ask(name, kind)
    except UnreachableError as error:
        if known := _read_kept(kept, name, kind):
            return replace(known, no_answer=str(error))
        raise
    for path in {kept, _kept_path(listing.pinned, kind)}:
        _keep(path, listing)
    return listing


def _ask(name: HubName, kind: Kind) -> Listing:
    with asking(str(name)):
        info = _api().repo_info(
            name.repository, repo_type=kind, revision=name.revision, files_metadata=True, timeout=30
        )
        siblings = info.siblings or []
    if len(siblings) > MAX_FILES:
        raise UserError(f"{name}: {len(siblings):,} files are more than the {MAX_FILES:,} accepted")
    files = {}
    for sibling in siblings:
        checksum = sibling.lfs["sha256"] if sibling.lfs else sibling.blob_id
        if sibling.size is not None and isinstance(checksum, str):
            files[sibling.rfilename] = HubFile(sibling.size, checksum)
    if not isinstance(info.sha, str) or not COMMIT.fullmatch(info.sha):
        raise UserError(f"{name}: the hub names no commit of it")
    return Listing(name, kind, info.sha, files)


def _kept_path(name: HubName, kind: Kind) -> Path:
    revision = (name.revision or "main").replace("/", "--")
    return chosen_cache(None) / "hub" / f"{kind}s--{name.repository.replace('/', '--')}@{revision}.json"


def _keep(path: Path, listing: Listing) -> None:
    files = {name: asdict(file) for name, file in listing.files.items()}
    content = json.dumps({"commit": listing.commit, "files": files}).encode()
    make_folder(path.parent)
    write_atomically(path, lambda file: file.write(content), sync=False)


def _read_kept(path: Path, name: HubName, kind: Kind) -> Listing | None:
    try:
        known = json.loads(path.read_bytes())
        files = {key: HubFile(**value) for key, value in known["files"].items()}
        return Listing(name, kind, str(known["commit"]), files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def fetch(listing: Listing, file: str, largest: int) -> Path:
    """Return a listed file in the hub's own cache, fetched if need be, its checksum compared.

    Args:
        listing: of `list_files`.
        file: one of its keys.
        largest: bytes that it may have.

    Raises:
        UserError: too large, not to be had, or with another checksum than listed.
    """
    expected = listing.files[file]
    place = f"{listing.name}: {file}"
    if expected.size > largest:
        raise UserError(f"{place} has {expected.size:,} bytes, more than the {largest:,} accepted")
    asked: dict[str, Any] = {"repo_type": listing.kind, "revision": listing.commit}
    repository = listing.name.repository
    with asking(place):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(repository, file, **asked)
        if not isinstance(found, str):
            if listing.no_answer:
                raise UnreachableError(f"{listing.no_answer} ({file} was not fetched before)")
            found = _api().hf_hub_download(repository, file, tqdm_class=_late_bar(), **asked)
    path = Path(found)
    if path.stat().st_size != expected.size or _checksum(path, expected) != expected.checksum:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise UserError(
            f"{place} came damaged: its checksum is not the one that the hub lists; it was removed, try again"
        )
    return path


def _checksum(path: Path, expected: HubFile) -> str:
    def begun() -> "hashlib._Hash":
        if len(expected.checksum) == 40:  # a blob of git
            return hashlib.sha1(f"blob {expected.size}\0".encode(), usedforsecurity=False)
        return hashlib.sha256()

    with path.open("rb") as file:
        return hashlib.file_digest(file, begun).hexdigest()


@dataclass(frozen=True)
class Sent:
    """A commit that was made."""

    name: HubName
    """Pinned to it."""
    url: str


def send(folder: Path, name: HubName, *, private: bool, message: str) -> Sent:
    """Make a repository of models, unless it is there, and a commit with all files of a folder.

    Raises:
        UserError: not logged in, no right to, or no answer.
    """
    api = _api()
    with asking(str(name)):
        api.create_repo(name.repository, repo_type="model", private=private or None, exist_ok=True)
        done = api.upload_folder(
            repo_id=name.repository,
            repo_type="model",
            folder_path=folder,
            commit_message=message,
        )
    return Sent(name.at(str(done.oid)), str(done.commit_url))


def _api() -> Any:
    from huggingface_hub import HfApi

    return HfApi(library_name="projgan", library_version=VERSION)


def _late_bar() -> Any:
    from huggingface_hub.utils.tqdm import tqdm

    class LateBar(tqdm):
        """The hub's progress, once it has taken two seconds."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **({"delay": 2.0} | options))

    return LateBar
