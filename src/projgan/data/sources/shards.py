"""Which Parquet files of a folder make up a split, by the names Hugging Face gives them."""

import re
from pathlib import Path

from projgan.data.sources.base import refuse_undecodable
from projgan.data.sources.splits import canonical_split, choose_split
from projgan.errors import UserError

_SHARD = re.compile(r"(?P<split>.+?)-(?P<number>\d{1,9})-of-(?P<count>\d{1,9})(?:-[0-9a-f]+)?")


def shards_of_folder(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each split, in order; looked for in `folder`, then in its `data/`.

    Raises:
        UserError: a numbered file is missing from its series.
    """
    paths = _parquet_files(folder) or _parquet_files(folder / "data")
    for path in paths:
        refuse_undecodable(path.name, str(folder))
    splits: dict[str, list[Path]] = {}
    numbers: dict[str, dict[int, int]] = {}
    for path in paths:
        match = _SHARD.fullmatch(path.stem)
        split = canonical_split(match["split"] if match else path.stem)
        splits.setdefault(split, []).append(path)
        if match:
            numbers.setdefault(split, {})[int(match["number"])] = int(match["count"])
    for split, present in numbers.items():
        expected = max(present.values())
        if len(splits[split]) != expected or len(present) != expected:
            raise UserError(
                f"{folder}: split {split!r} has {len(splits[split])} of its {expected} Parquet files; "
                "fetch the others, or give one file by its own path"
            )
    return splits


def choose_shards(location: Path, split: str | None) -> tuple[str | None, dict[str, list[Path]]]:
    """Return the split chosen and the files of every split; one file alone has no splits."""
    if location.is_file():
        match = _SHARD.fullmatch(location.stem)
        own = canonical_split(match["split"] if match else location.stem)
        if split is not None and canonical_split(split) not in (own, "train"):
            raise UserError(f"{location} is one file of {own!r}, not {split!r}; give the folder it lies in")
        return None, {"": [location]}
    splits = shards_of_folder(location)
    if not splits:
        raise UserError(f"{location} holds no Parquet files; give a folder of *.parquet")
    return choose_split(split, splits, str(location)), splits


def _parquet_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.glob("*.parquet") if not path.name.startswith(".") and path.is_file()
    )
