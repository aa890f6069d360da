"""Which Parquet files make up a split, by the names Hugging Face gives them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from projgan.data.sources.base import refuse_undecodable
from projgan.data.sources.splits import canonical_split, choose_split
from projgan.errors import UserError

_SHARD = re.compile(r"(?P<split>.+?)-(?P<number>\d{1,9})-of-(?P<count>\d{1,9})(?:-[0-9a-f]+)?")


@dataclass(frozen=True)
class Shards:
    """The files of one split, and what is known of the others."""

    location: str
    """The place as given."""
    name: str
    split: str | None
    """None where there are no splits."""
    splits: tuple[str, ...]
    files: Sequence[Path]
    others: Callable[[], Sequence[Path]]
    """Gives the files of the other splits, which are only needed where no names of classes are declared."""
    checksums: Mapping[Path, str] = field(default_factory=dict)
    """Of the content of files, where it is known without reading them."""
    remarks: tuple[str, ...] = ()


def group_shards(names: Iterable[str], place: str) -> dict[str, list[str]]:
    """Return the files of each split, in order.

    Args:
        names: of Parquet files of one set, as `train-00000-of-00002.parquet` or `train.parquet`; folders
            before them do not matter.
        place: where they are, for the error.

    Raises:
        UserError: a numbered file is missing from its series.
    """
    splits: dict[str, list[str]] = {}
    numbers: dict[str, dict[int, int]] = {}
    for name in sorted(names):
        stem = PurePosixPath(name).stem
        match = _SHARD.fullmatch(stem)
        split = canonical_split(match["split"] if match else stem)
        splits.setdefault(split, []).append(name)
        if match:
            numbers.setdefault(split, {})[int(match["number"])] = int(match["count"])
    for split, present in numbers.items():
        expected = max(present.values())
        if len(splits[split]) != expected or len(present) != expected:
            raise UserError(
                f"{place}: split {split!r} has {len(splits[split])} of its {expected} Parquet files; "
                "fetch the others, or give one file by its own path"
            )
    return splits


def shards_of_folder(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each split, in order; looked for in `folder`, then in its `data/`.

    Raises:
        UserError: a numbered file is missing from its series.
    """
    paths = _parquet_files(folder) or _parquet_files(folder / "data")
    for path in paths:
        refuse_undecodable(path.name, str(folder))
    by_name = {path.name: path for path in paths}
    grouped = group_shards(by_name, str(folder))
    return {split: [by_name[name] for name in names] for split, names in grouped.items()}


def choose_shards(location: Path, split: str | None) -> Shards:
    """Return the files of the split chosen; one file alone has no splits.

    Raises:
        UserError: no such split, or a file of it is missing.
    """
    if location.is_file():
        match = _SHARD.fullmatch(location.stem)
        own = canonical_split(match["split"] if match else location.stem)
        if split is not None and canonical_split(split) not in (own, "train"):
            raise UserError(f"{location} is one file of {own!r}, not {split!r}; give the folder it lies in")
        return Shards(str(location), location.stem, None, (), [location], list)
    splits = shards_of_folder(location)
    if not splits:
        raise UserError(f"{location} holds no Parquet files; give a folder of *.parquet")
    chosen = choose_split(split, splits, str(location))
    others = [path for name, paths in splits.items() if name != chosen for path in paths]
    name = location.resolve().name
    return Shards(str(location), name, chosen, tuple(sorted(splits)), splits[chosen], lambda: others)


def _parquet_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.glob("*.parquet") if not path.name.startswith(".") and path.is_file()
    )
