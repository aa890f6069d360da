"""Find the files that say what the images beside them show."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from projgan.data.sources.columns import ConditionRequest
from projgan.data.sources.label_rows import Columns, find_columns
from projgan.data.sources.label_table import LABEL_FORMS, MAX_TABLE_BYTES, LabelTable, read_label_table
from projgan.data.sources.listing import Listing, is_image_name
from projgan.data.sources.splits import is_split_name, split_of_folder
from projgan.data.sources.tree import wrapper_of
from projgan.errors import UserError

_PACKED = r"(\.(gz|bz2|xz|zst|zip))?"
_NAMED = re.compile(
    rf"labels?(\.[^/]*)?|metadata\.(csv|tsv|jsonl?|ndjson|xlsx?|ods|parquet){_PACKED}|dataset\.json{_PACKED}",
    re.IGNORECASE,
)
"""Files of these names hold labels: they are understood, or the set is refused."""
_SUGGESTIVE = re.compile(r"label|class|annot|attr|truth|target", re.IGNORECASE)
_TEXTS = (".txt", ".dat", ".lst", ".xml", ".yaml", ".yml")
"""Text in no form that is read, which may be of something else."""
_BINARIES = (
    *(".xls", ".xlsx", ".ods", ".parquet", ".feather", ".arrow", ".npy", ".npz", ".mat", ".pkl", ".pickle"),
    *(".h5", ".hdf5", ".pt", ".pth", ".db", ".sqlite", ".gz", ".bz2", ".xz", ".zst", ".zip", ".tar"),
)
"""Forms that are not read, nor searched for names of images."""
_DECISIVE = "labels.csv"
"""The name by which a person says which file is meant."""
_REMEDY = "rename or remove it if the folders are the classes"
_MOST_NAMED = 1000
_MOST_OTHERS = 100
_LOOKED_AT = 2**20
"""As many bytes of a file that is not understood are searched for names of images."""
_SHOWN = 5


@dataclass(frozen=True)
class LabelFile:
    """A file of labels that is understood."""

    name: str
    table: LabelTable
    columns: Columns
    folder: str
    """Whose images it names, also those in folders below; empty for the outermost."""


@dataclass(frozen=True)
class Doubt:
    """A file that seems to speak of images, and is not understood."""

    folder: str
    """Of whose images it would speak."""
    error: UserError
    is_called_so: bool
    """Whether its name says that it holds labels."""


@dataclass
class LabelFiles:
    """What was found.

    Attributes:
        chosen: the files to read labels from, one a folder, none above another.
        passed: lines on files that are passed over though they could be meant, by their names.
        doubts: files that may hold the labels and are not understood.
        unread: why the first table that speaks of no image is not understood; None where there is none.
    """

    chosen: list[LabelFile] = field(default_factory=list)
    passed: dict[str, str] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    unread: UserError | None = None

    def error_about(self, folder: str) -> UserError | None:
        """Return why the likeliest file for the images in a folder (or for all) is not understood."""
        about = (
            doubt.error
            for doubt in self.doubts
            if folder in ("", *doubt.folder.split("/")) or not doubt.folder
        )
        return next(about, self.unread)


def find_label_files(listing: Listing, request: ConditionRequest) -> LabelFiles:
    """Return the files that say what the images of a listing show.

    Files of a known name are looked for in every folder, tables of any name in the outermost ones and in
    those of splits.

    Raises:
        UserError: two could be meant, or there are too many.
    """
    found = LabelFiles()
    candidates = sorted(_named(listing) + _others(listing, found))
    contents = dict(listing.read(candidates))
    by_folder: dict[str, dict[str, bytes]] = {}
    for name in candidates:
        by_folder.setdefault(_folder(name), {})[name] = contents[name]
    for files in by_folder.values():
        _choose(files, listing, request, found)
    _refuse_nested(found.chosen, listing.place)
    return found


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _own(name: str) -> str:
    return name.rpartition("/")[2]


def _is_named(name: str) -> bool:
    return _NAMED.fullmatch(_own(name)) is not None and not is_image_name(name)


def _named(listing: Listing) -> list[str]:
    """Return the files of known names, wherever they lie."""
    named = [name for name in listing.files if _is_named(name)]
    if len(named) > _MOST_NAMED:
        raise UserError(
            f"{listing.place} holds {len(named):,} files of labels (such as {named[0]}); write one "
            "labels.csv for all, or remove them if the folders are the classes"
        )
    if sum(listing.files[name].size for name in named) > MAX_TABLE_BYTES:
        raise UserError(
            f"{listing.place} holds files of labels (such as {named[0]}) of more than the "
            f"{MAX_TABLE_BYTES:,} bytes accepted"
        )
    return named


def _others(listing: Listing, found: LabelFiles) -> list[str]:
    """Return the tables of any other name in the outermost folders."""
    tables = [
        name
        for name in listing.files
        if name.lower().endswith((*LABEL_FORMS, *_TEXTS)) and not _is_named(name)
    ]
    outermost = _outermost(listing) if tables else set()
    tables = [name for name in tables if _folder(name) in outermost]
    if len(tables) > _MOST_OTHERS:
        return []  # so many are no tables: each belongs to one image
    space = MAX_TABLE_BYTES
    small = []
    for name in sorted(tables, key=lambda name: listing.files[name].size):
        space -= listing.files[name].size
        if space < 0:
            found.passed[name] = f"{name} is too large to be looked into"
        else:
            small.append(name)
    return small


def _outermost(listing: Listing) -> set[str]:
    """Return the folders that hold all the others, and those of splits in them."""
    paths = [tuple(name.split("/")) for name in listing.images]
    wrapper = wrapper_of(paths) if paths else ()
    tops = {path[: len(wrapper) + 1] for path in paths if len(path) > len(wrapper) + 1}
    splits = {"/".join(top) for top in tops if is_split_name(top[-1])}
    return splits | {"/".join(wrapper[:depth]) for depth in range(len(wrapper) + 1)}


def _choose(
    contents: dict[str, bytes], listing: Listing, request: ConditionRequest, found: LabelFiles
) -> None:
    """Choose among the files of one folder: one of a known name, or else the only one that is understood."""
    understood: list[LabelFile] = []
    failed: dict[str, UserError] = {}
    for name, content in contents.items():
        try:
            table = read_label_table(name, listing.place_of(name), content)
            file = LabelFile(name, table, find_columns(table, request), _scope(name, listing))
            # JSON of any name holds anything.
            if _is_named(name) or not name.lower().endswith(".json") or _speaks(content, listing.images):
                understood.append(file)
        except UserError as error:
            failed[name] = error
    chosen = [file for file in understood if _is_named(file.name)] or understood
    if len(chosen) > 1:
        chosen = _one_a_split(chosen, listing)
    if len({file.folder for file in chosen}) < len(chosen):
        names = " and ".join(file.name for file in chosen[:_SHOWN])
        raise UserError(
            f"{listing.place}: {names} could each say what the images show; call the one that is meant "
            "labels.csv, and rename or remove the others"
        )
    found.chosen += chosen
    taken = {file.name for file in chosen}
    beside = [file.name for file in understood if file.name not in taken]
    if chosen and _own(chosen[0].name).lower() == _DECISIVE:
        beside += [name for name in failed if _is_named(name)]
        failed = {}
    found.passed |= {name: f"{name} is passed over, since {chosen[0].name} is there" for name in beside}
    remedy = f"{chosen[0].name} is there too: call the one that is meant labels.csv" if chosen else _REMEDY
    for name, reason in failed.items():
        if _is_named(name) or not chosen:
            _judge(name, reason, remedy, contents[name], listing, found)


def _scope(name: str, listing: Listing) -> str:
    """Return the folder of whose images a file speaks: its own, or the next one above that has any."""
    folder = _folder(name)
    while folder and folder not in listing.folders_of_images:
        folder = _folder(folder)
    return folder


def _one_a_split(files: list[LabelFile], listing: Listing) -> list[LabelFile]:
    """Give files such as train.csv and test.csv the folders of their splits, where there is one for each."""
    folders = {top: split_of_folder(_own(top)) for top in _outermost(listing)}
    found = []
    for file in files:
        stem = re.sub("labels?|metadata", "", PurePosixPath(file.name).stem, flags=re.IGNORECASE)
        split = split_of_folder(stem)
        below = [top for top, name in folders.items() if name is not None and name == split]
        if len(below) != 1 or _folder(below[0]) != file.folder:
            return files
        found.append(replace(file, folder=below[0]))
    return found


def _judge(
    name: str, reason: UserError, remedy: str, content: bytes, listing: Listing, found: LabelFiles
) -> None:
    """Note a file that is not understood, if it may be meant."""
    error = UserError(f"{reason}; {remedy}")
    form = PurePosixPath(name).suffix.lower()
    holds_labels = _is_named(name) and form in (*LABEL_FORMS, *_BINARIES)
    if holds_labels or _speaks(content, listing.images):
        is_called_so = _is_named(name) or _SUGGESTIVE.search(_own(name)) is not None
        found.doubts.append(Doubt(_scope(name, listing), error, is_called_so))
        why = str(reason).replace(listing.place_of(name), "it")
        found.passed[name] = f"{name} seems to name images but is not read: {why}"
    elif form in (".csv", ".tsv"):
        found.unread = found.unread or error


def _speaks(content: bytes, images: Collection[str]) -> bool:
    """Return whether some text names images: with their suffix somewhere, or without it line by line."""
    text = content[:_LOOKED_AT].decode("utf-8", "replace")
    words = set(re.split(r"[\s,;|\"'<>()\[\]{}=]+", text)) | set(re.split(r"[\r\n\t,;|\"'<>]+", text))
    if any(name in words or _own(name) in words for name in images):
        return True
    firsts = [
        re.split(r"[\s,;|]", line.strip().strip("\"'"))[0] for line in text.splitlines()[1:] if line.strip()
    ]
    stems = {_own(name).rpartition(".")[0] for name in images}
    return len(firsts) > 1 and len(set(firsts)) == len(firsts) and stems.issuperset(firsts)


def _refuse_nested(chosen: Sequence[LabelFile], place: str) -> None:
    """Refuse two files of which one speaks of a folder and the other of the same, or of one above."""
    by_folder = {file.folder: file for file in chosen}
    for inner in chosen:
        parts = inner.folder.split("/") if inner.folder else []
        for depth in range(len(parts) + 1):
            outer = by_folder.get("/".join(parts[:depth]), inner)
            if outer is not inner:
                raise UserError(
                    f"{place}: {outer.name} and {inner.name} both speak of the images in {inner.folder}/; "
                    "rename or remove one of them"
                )
