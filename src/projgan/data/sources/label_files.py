"""Find the files that say what the images beside them show."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from projgan.data.sources.columns import ConditionRequest
from projgan.data.sources.label_rows import Columns, find_columns
from projgan.data.sources.label_table import LABEL_FORMS, MAX_TABLE_BYTES, LabelTable, read_label_table
from projgan.data.sources.listing import Listing
from projgan.data.sources.splits import is_split_name
from projgan.data.sources.tree import wrapper_of
from projgan.errors import UserError

_NAMED = re.compile(
    r"labels?\.(csv|tsv|jsonl?|ndjson|txt|dat|xml|ya?ml|xlsx?|ods|parquet|np[yz]|mat|pkl|pickle|h5|pt)"
    r"|metadata\.(csv|tsv|jsonl?|ndjson|xlsx?|ods|parquet)|dataset\.json",
    re.IGNORECASE,
)
"""Files of these names hold labels: they are understood, or the set is refused."""
_SUGGESTIVE = re.compile(r"label|class|annot|attr|truth|target", re.IGNORECASE)
_TEXTS = (".txt", ".dat", ".lst", ".xml", ".yaml", ".yml")
"""Text in no form that is read, which may be of something else."""
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

    @property
    def folder(self) -> str:
        """The folder whose images it names, also those in folders below; empty for the outermost."""
        return _folder(self.name)


@dataclass
class LabelFiles:
    """What was found.

    Attributes:
        chosen: the files to read labels from, one a folder, none above another.
        remarks: lines on files that are passed over though they could be meant.
        unread: why the first table that is not understood is not; None where there is none.
        doubt: the same of one that speaks of the images, and so may hold their classes.
        is_suggestive: whether that is called like a file of labels.
    """

    chosen: list[LabelFile] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unread: UserError | None = None
    doubt: UserError | None = None
    is_suggestive: bool = False


def find_label_files(listing: Listing, request: ConditionRequest) -> LabelFiles:
    """Return the files that say what the images of a listing show.

    Files of a known name are looked for in every folder, tables of any name in the outermost ones and in
    those of splits.

    Raises:
        UserError: a file of a known name is not understood, or two could be meant.
    """
    found = LabelFiles()
    by_folder: dict[str, list[str]] = {}
    candidates = sorted(_candidates(listing))
    for name in candidates:
        by_folder.setdefault(_folder(name), []).append(name)
    contents = dict(listing.read(candidates))
    for names in by_folder.values():
        _choose({name: contents[name] for name in names}, listing, request, found)
    _refuse_nested(found.chosen, listing.place)
    return found


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _is_named(name: str) -> bool:
    return _NAMED.fullmatch(PurePosixPath(name).name) is not None


def _candidates(listing: Listing) -> list[str]:
    """Return the files worth a look: all of known names, and tables in the outermost folders."""
    named = [name for name in listing.files if _is_named(name)]
    if len(named) > _MOST_NAMED:
        raise UserError(
            f"{listing.place} holds {len(named):,} files of labels (such as {named[0]}); write one "
            "labels.csv for all, or remove them if the folders are the classes"
        )
    for name in named:
        if listing.files[name].size > MAX_TABLE_BYTES:
            raise UserError(
                f"{listing.place_of(name)} is larger than the {MAX_TABLE_BYTES:,} bytes accepted of labels"
            )
    outermost = _outermost(listing)
    others = [
        name
        for name, file in listing.files.items()
        if _folder(name) in outermost
        and name.lower().endswith((*LABEL_FORMS, *_TEXTS))
        and not _is_named(name)
        and file.size <= MAX_TABLE_BYTES
    ]
    # So many are no tables: each belongs to one image.
    return named + (others if len(others) <= _MOST_OTHERS else [])


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
            understood.append(LabelFile(name, table, find_columns(table, request)))
        except UserError as error:
            failed[name] = error
    chosen = [file for file in understood if _is_named(file.name)] or understood
    if len(chosen) > 1:
        names = " and ".join(file.name for file in chosen[:_SHOWN])
        raise UserError(
            f"{listing.place}: {names} could each say what the images show; call the one that is meant "
            "labels.csv, and rename or remove the others"
        )
    found.chosen += chosen
    if chosen:
        others = [file.name for file in understood if file not in chosen]
        others += [name for name in failed if _is_named(name)]
        found.remarks += [f"{name} is passed over, since {chosen[0].name} is there" for name in others]
        return
    for name, reason in failed.items():
        _judge(name, reason, contents[name], listing, found)


def _judge(name: str, error: UserError, content: bytes, listing: Listing, found: LabelFiles) -> None:
    """Refuse, or note, a file that is not understood in a folder without one that is."""
    is_text = name.lower().endswith(_TEXTS)
    speaks = _speaks(content, listing.images)
    remedy = "; rename or remove it if the folders are the classes"
    told = UserError(f"{error}{remedy}") if any("/" in image for image in listing.images) else error
    if _is_named(name) and (speaks or not is_text):
        raise told
    if not is_text:
        found.unread = found.unread or told
    if speaks:
        found.doubt = found.doubt or told
        found.is_suggestive |= _SUGGESTIVE.search(PurePosixPath(name).name) is not None
        found.remarks.append(f"{name} names the images but is not read: {error}")


def _speaks(content: bytes, images: Collection[str]) -> bool:
    """Return whether some text names images: with their suffix somewhere, or without it line by line."""
    text = content[:_LOOKED_AT].decode("utf-8", "replace")
    words = set(re.split(r"[\s,;|\"'<>()\[\]{}=]+", text)) | set(re.split(r"[\r\n\t,;|\"'<>]+", text))
    if any(name in words or PurePosixPath(name).name in words for name in images):
        return True
    firsts = [
        re.split(r"[\s,;|]", line.strip().strip("\"'"))[0] for line in text.splitlines()[1:] if line.strip()
    ]
    stems = {PurePosixPath(name).stem for name in images}
    return len(firsts) > 1 and len(set(firsts)) == len(firsts) and stems.issuperset(firsts)


def _refuse_nested(chosen: Sequence[LabelFile], place: str) -> None:
    by_folder = {file.folder: file for file in chosen}
    for inner in chosen:
        folder = inner.folder
        while folder:
            folder = _folder(folder)
            if folder in by_folder:
                raise UserError(
                    f"{place}: {by_folder[folder].name} and {inner.name} both speak of the images in "
                    f"{inner.folder}/; rename or remove one of them"
                )
