"""Images in the classes that a file of labels gives them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from os.path import commonpath
from pathlib import PurePosixPath

import numpy as np

from projgan.data.sources.arrangement import Arrangement
from projgan.data.sources.base import labels_from_names, refuse_split_of_undivided
from projgan.data.sources.columns import ConditionRequest, column_name
from projgan.data.sources.label_files import LabelFile
from projgan.data.sources.label_rows import Row, conditions_of, read_rows
from projgan.data.sources.listing import Listing, leaves
from projgan.data.sources.splits import canonical_split, choose_split, is_split_name, split_of_folder
from projgan.data.sources.tree import folders_of_splits, tops_of, wrapper_of
from projgan.errors import UserError, listed, printable

_SHOWN = 5


def arrange_by_labels(
    listing: Listing, files: Sequence[LabelFile], split: str | None, request: ConditionRequest
) -> Arrangement:
    """Return the images that files of labels name, as what they name them.

    The classes are those of all files together, so that a label means the same in every split.

    Raises:
        UserError: an image that is named is not there, is named twice, or lies where no file speaks of it.
    """
    named: dict[str, Row] = {}
    for file in files:
        for name, row in _find_images(listing, file):
            if named.setdefault(name, row) is not row:
                raise _named_twice(name, named[name], row)
    folder_of, wrapper = _split_folders(list(named), listing)
    split_of = _splits_of_images(listing, files, named, folder_of, len(wrapper))
    if folder_of:
        _refuse_unlabelled_split(folder_of, wrapper, split, listing)
    chosen, splits, names = _choose_split(split_of, split, listing)
    remarks = _unnamed_remarks(listing, files, named, bool(folder_of))
    if listing.in_order:
        wanted = set(names)
        names = [name for name in listing.files if name in wanted]
    class_names, all_labels = labels_from_names([row.label for row in named.values()])
    position = {name: index for index, name in enumerate(named)}
    rows = [position[name] for name in names]
    condition_names, conditions = _conditions(listing, files, list(named.values()), request)
    return Arrangement(
        names,
        all_labels[rows],
        class_names,
        classes_from=_in_words(files, request),
        label_files=tuple(file.name for file in files),
        split=chosen,
        splits=splits,
        remarks=remarks,
        condition_names=condition_names,
        conditions=None if conditions is None else conditions[rows],
    )


def _find_images(listing: Listing, file: LabelFile) -> Iterator[tuple[str, Row]]:
    """Yield the name of each row's image in the listing, and the row."""
    rows = read_rows(file.table, file.columns)
    for row in rows:
        if leaves(row.file):
            raise UserError(
                f"{row.place}: {row.file[:100]!r} does not stay inside the folder; "
                "give names relative to it, with forward slashes"
            )
    fewest: list[Row] = rows
    for look_up in _ways_to_look_up(listing, file):
        found = [(_found(look_up, row, file), row) for row in rows]
        missing = [row for name, row in found if name is None]
        if not missing:
            return ((name, row) for name, row in found if name is not None)
        fewest = min(fewest, missing, key=len)
    shown = listed([printable(row.file) for row in fewest[:_SHOWN]], _SHOWN, count=len(fewest))
    raise UserError(
        f"{file.table.place} lists {len(fewest)} files that are not there: {shown}; "
        "add them or remove their rows"
    )


def _found(look_up: Callable[[str], str | None], row: Row, file: LabelFile) -> str | None:
    plain = str(PurePosixPath(row.file))
    try:
        name = look_up(plain)
        if name is None and "\\" in plain:  # written on Windows
            name = look_up(str(PurePosixPath(plain.replace("\\", "/"))))
    except UserError as error:
        raise UserError(f"{row.place}: {error}") from error
    return name if name is not None and name.startswith(f"{file.folder}/" if file.folder else "") else None


def _ways_to_look_up(listing: Listing, file: LabelFile) -> Iterator[Callable[[str], str | None]]:
    """Yield what the names in a file may be relative to, the most usual first."""

    def below(folder: str) -> Callable[[str], str | None]:
        return lambda name: listing.find(f"{folder}/{name}" if folder else name)

    yield below(file.folder)
    if file.folder:
        yield below("")
    prefix = f"{file.folder}/" if file.folder else ""
    images = [name for name in listing.images if name.startswith(prefix)]
    common = commonpath([str(PurePosixPath(name).parent) for name in images] or [""]).removeprefix(prefix)
    for inner in accumulate(common.split("/"), "{}/{}".format):
        yield below(prefix + inner)
    counts = Counter(PurePosixPath(name).name for name in images)
    alone = {PurePosixPath(name).name: name for name in images if counts[PurePosixPath(name).name] == 1}
    yield alone.get


def _named_twice(name: str, first: Row, second: Row) -> UserError:
    if first.table != second.table:
        return UserError(
            f"{printable(name)} is listed in {first.place} and in {second.place}; keep one of them"
        )
    kind, number = first.where.split()
    return UserError(
        f"{first.table}: {printable(name)} is listed twice ({kind}s {number} and {second.where.split()[1]}); "
        "keep one of them"
    )


def _split_folders(names: list[str], listing: Listing) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the folder of each split, and those above; no splits unless all images lie in theirs."""
    paths = [tuple(name.split("/")) for name in names]
    wrapper = wrapper_of(paths)
    paths = [path[len(wrapper) :] for path in paths]
    tops = tops_of(paths)
    if not all(len(path) > 1 for path in paths) or not all(is_split_name(top) for top in tops):
        return {}, wrapper
    return folders_of_splits(tops, listing.place), wrapper


def _splits_of_images(
    listing: Listing,
    files: Sequence[LabelFile],
    named: dict[str, Row],
    folder_of: dict[str, str],
    depth: int,
) -> dict[str, str | None]:
    """Return the split of each image: that of its folder, or else what a column says.

    Args:
        listing: where they lie.
        files: those that name them.
        named: the row of each image.
        folder_of: the folder of each split, where all images lie in those.
        depth: how many folders are above these.

    Raises:
        UserError: folder and column disagree, or only some of the files have such a column.
    """
    split_in = {folder: split for split, folder in folder_of.items()}
    found: dict[str, str | None] = {}
    for name, row in named.items():
        folder = name.split("/")[depth]
        found[name] = split_in.get(folder, row.split)
        if row.split not in (None, found[name]):
            raise UserError(
                f"{row.place}: the split is {row.split}, and {printable(name)} lies in {printable(folder)}/; "
                "correct the row, or rename the folder if it is no split"
            )
    if None in found.values() and any(found.values()):
        having = next(file.name for file in files if file.columns.split)
        lacking = next(file.name for file in files if not file.columns.split)
        raise UserError(
            f"{listing.place}: {having} says in which split each image is, and {lacking} does not; "
            "give both that column"
        )
    return found


def _choose_split(
    split_of: dict[str, str | None], split: str | None, listing: Listing
) -> tuple[str | None, tuple[str, ...], list[str]]:
    """Return the split chosen, those there are, and the names in it."""
    present = {name for name in split_of.values() if name is not None}
    if not present:
        refuse_split_of_undivided(split, listing.place)
        return None, (), list(split_of)
    chosen = choose_split(split, present, listing.place)
    return chosen, tuple(sorted(present)), [name for name, found in split_of.items() if found == chosen]


def _refuse_unlabelled_split(
    folder_of: dict[str, str], wrapper: tuple[str, ...], split: str | None, listing: Listing
) -> None:
    """Refuse to take another split for the one that is meant, of whose images no file speaks."""
    depth = len(wrapper) + 1
    paths = [tuple(name.split("/")) for name in listing.folders_of_images]
    beside = [path[-1] for path in paths if len(path) == depth and path[:-1] == wrapper]
    unlabelled = {split_of_folder(name): name for name in beside}
    wanted = "train" if split is None else canonical_split(split)
    if wanted in unlabelled and wanted not in folder_of:
        raise UserError(
            f"{listing.place}: no file of labels speaks of {unlabelled[wanted]}/, as one does of "
            f"{next(iter(folder_of.values()))}/; add it, or one labels.csv for all"
        )


def _unnamed_remarks(
    listing: Listing, files: Sequence[LabelFile], named: dict[str, Row], has_splits: bool
) -> tuple[str, ...]:
    unnamed = [name for name in listing.images if name not in named]
    if not unnamed:
        return ()
    folders = tuple(f"{file.folder}/" if file.folder else "" for file in files)
    outside = [name for name in unnamed if not name.startswith(folders)]
    if outside and not has_splits:
        raise UserError(
            f"{listing.place}: {files[0].name} speaks of the images beside it, and {len(outside)} lie "
            f"elsewhere (such as {outside[0]}); write one labels.csv for all"
        )
    where = files[0].name if len(files) == 1 else "the files of labels"
    return (f"{len(unnamed)} images that are not named in {where} are left out (such as {unnamed[0]})",)


def _conditions(
    listing: Listing, files: Sequence[LabelFile], rows: list[Row], request: ConditionRequest
) -> tuple[tuple[str, ...], np.ndarray | None]:
    if request.kind == "class":
        return (), None
    first = files[0]
    for file in files[1:]:
        if _column_names(file) != _column_names(first):
            raise UserError(
                f"{listing.place}: {first.name} and {file.name} have different columns; give both the same"
            )
    place = first.table.place if len(files) == 1 else listing.place
    return conditions_of(place, rows, first.columns, request)


def _column_names(file: LabelFile) -> list[str]:
    return [column_name(spelled) for spelled in file.columns.conditions]


def _in_words(files: Sequence[LabelFile], request: ConditionRequest) -> str:
    shown = " and ".join(file.name for file in files[:2]) + (
        f" and {len(files) - 2} more" if files[2:] else ""
    )
    if shown.lower().endswith(".json"):  # it may have no columns
        return shown
    label, split = files[0].columns.label if request.kind == "class" else None, files[0].columns.split
    columns = " and ".join(column.strip() for column in (label, split) if column)
    return f"{shown} (column{'s' if label and split else ''} {columns})" if columns else shown
