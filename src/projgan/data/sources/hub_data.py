"""Parquet on the hub: the repository's own files, or else those that the hub makes of it; never its code.

The library `datasets` is not needed for that: the files are in the layout that is read from disks as well.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from projgan.data.sources.shards import Shards, group_shards
from projgan.data.sources.splits import canonical_split, choose_split
from projgan.errors import UserError, nearest_name
from projgan.files import chosen_cache, nearest_folder
from projgan.hub.client import Listing, fetch, list_files
from projgan.hub.names import HubName, hub_name

CONVERTED = "refs/convert/parquet"
"""The branch on which the hub keeps Parquet made of what people uploaded."""
LARGEST = 50 * 10**9
"""Bytes of one file; the hub itself wants none larger."""
_PARTIAL = "partial-"
"""Stands before a split of which the hub converted the beginning only."""

Sets = dict[str, dict[str, list[str]]]


def shards_on_hub(location: str, split: str | None) -> Shards:
    """Return the files of a split of `hf:USER/DATASET`, which are fetched.

    Args:
        location: the name; `/SET` behind it where the repository has several, `@REVISION` to pin it.
        split: as for `open_source`.

    Raises:
        UserError: no such repository, set or split, no Parquet in it, no room, or no answer.
    """
    name = hub_name(location, folders=True)
    listing, sets = _find(name)
    chosen_set = _choose(name, sets)
    splits = sets[chosen_set]
    chosen = choose_split(split, splits, str(name))
    if chosen.startswith(_PARTIAL):
        raise UserError(f"{name}: the hub made Parquet of a part of {chosen.removeprefix(_PARTIAL)} only")
    paths = _fetch(listing, splits[chosen])
    checksums = {path: listing.files[file].checksum for path, file in zip(paths, splits[chosen], strict=True)}
    others = [file for other, files in splits.items() if other != chosen for file in files]
    remark = f"fetched from {name.repository} on the hub, commit {listing.commit[:12]}"
    return Shards(
        location=location,
        name=chosen_set or name.repository.split("/")[1],
        split=chosen,
        splits=tuple(sorted(splits)),
        files=paths,
        others=lambda: _fetch(listing, others),
        checksums=checksums,
        remarks=(remark + (", as the hub converted it" if listing.name.revision == CONVERTED else ""),),
    )


def _find(name: HubName) -> tuple[Listing, Sets]:
    """What the repository holds, or where that is no Parquet, what the hub has made of it."""
    listing = list_files(name, "dataset")
    sets = sets_of(listing.files, str(name))
    if sets or name.revision is not None:
        return _or_refuse(name, listing, sets)
    try:
        listing = list_files(name.at(CONVERTED), "dataset")
    except UserError:
        return _or_refuse(name, listing, sets)
    return _or_refuse(name, listing, sets_of(listing.files, str(name)))


def _or_refuse(name: HubName, listing: Listing, sets: Sets) -> tuple[Listing, Sets]:
    if not sets:
        raise UserError(
            f"{name}: no Parquet files in it, and none that the hub made of it; fetch it and give its folder"
        )
    return listing, sets


def sets_of(files: Iterable[str], place: str) -> Sets:
    """Return the Parquet files of each split of each set of a repository.

    Sets are folders; what lies at the top or in `data/` is the set called "". The hub's own conversion is
    SET/SPLIT/0000.parquet, where the set may be called `default`, which is "" as well.

    Raises:
        UserError: a file of a split is missing.
    """
    named: dict[str, list[str]] = {}
    sets: Sets = {}
    for file in sorted(files):
        path = PurePosixPath(file)
        if path.suffix != ".parquet" or any(part.startswith(".") for part in path.parts):
            continue
        if path.stem.isdecimal() and len(path.parts) > 1:
            *folders, split = path.parts[:-1]
            set_name = "/".join(folders)
            splits = sets.setdefault("" if set_name in ("default", "data") else set_name, {})
            splits.setdefault(canonical_split(split), []).append(file)
        else:
            set_name = str(path.parent)
            named.setdefault("" if set_name in (".", "data", "default") else set_name, []).append(file)
    for set_name, group in named.items():
        sets.setdefault(set_name, {}).update(group_shards(group, place))
    return sets


def _choose(name: HubName, sets: Sets) -> str:
    if name.folder is not None:
        if name.folder not in sets:
            raise UserError(f"{name}: no set of that name{nearest_name(name.folder, filter(None, sets))}")
        return name.folder
    if "" in sets:
        return ""
    if len(sets) == 1:
        return next(iter(sets))
    first = sorted(sets)[0]
    raise UserError(
        f"{name} holds several sets ({', '.join(sorted(sets)[:10])}); choose one, as in "
        f"hf:{name.repository}/{first}"
    )


def _fetch(listing: Listing, files: Iterable[str]) -> list[Path]:
    files = list(files)
    needed = sum(listing.files[file].size for file in files)
    free = shutil.disk_usage(nearest_folder(chosen_cache(None))).free
    if needed > free:
        raise UserError(
            f"{listing.name}: {needed:,} bytes to fetch, and {free:,} free; make room on the disk"
        )
    return [fetch(listing, file, LARGEST) for file in files]
