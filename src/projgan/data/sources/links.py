"""Links inside an archive, followed by name alone: nothing outside of it is ever looked at."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import PurePosixPath
from typing import TypeVar

_HOPS = 40
"""As many links of links as Linux follows."""

Content = TypeVar("Content")


def linked_name(name: str, target: str) -> str | None:
    """Return what a symbolic link called `name` leads to, by name; None where that is outside."""
    if target.startswith("/"):
        return None
    parts = list(PurePosixPath(name).parent.parts)
    for part in PurePosixPath(target).parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            return None
    return "/".join(parts)


def follow_links(
    files: Mapping[str, Content], links: Mapping[str, str | None]
) -> Iterator[tuple[str, Content | None]]:
    """Yield what is found through links, by the name it has there; None for a link that leads nowhere.

    Args:
        files: what lies in the archive, by name.
        links: what each link leads to, by name; None for outside.

    A link to a folder gives all files in it, and links to files; not links to folders, so that links
    cannot multiply without end.
    """
    found = dict(files)
    to_folders: list[tuple[str, str]] = []
    for name in links:
        end = _end(name, links)
        if end is not None and end in files:
            found[name] = files[end]
            yield name, files[end]
        elif end is not None and not f"{name}/".startswith(f"{end}/" if end else ""):
            to_folders.append((name, end))
        else:
            yield name, None
    names = sorted(found) if to_folders else []
    for name, folder in to_folders:
        inside = _inside(names, folder)
        for file in inside:
            yield f"{name}/{file.removeprefix(folder + '/')}", found[file]
        if not inside:
            yield name, None


def _end(name: str, links: Mapping[str, str | None]) -> str | None:
    """Follow links, also of folders on the way, to a name that is none."""
    for _ in range(_HOPS):
        parts = name.split("/")
        link = next((prefix for prefix in accumulate(parts, "{}/{}".format) if prefix in links), None)
        if link is None:
            return name
        target = links[link]
        if target is None:
            return None
        name = "/".join(part for part in (target, name.removeprefix(link).lstrip("/")) if part)
    return None


def _inside(names: Sequence[str], folder: str) -> Sequence[str]:
    """Return those of the sorted names that lie in a folder."""
    # "0" is the character that follows "/".
    return names[bisect_left(names, f"{folder}/") : bisect_left(names, f"{folder}0")]
