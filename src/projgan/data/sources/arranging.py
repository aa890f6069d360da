"""What images are taken for: what a file of labels says, or else the folders they lie in."""

import re
from collections.abc import Sequence
from dataclasses import replace

from projgan.data.sources.arrangement import Arrangement
from projgan.data.sources.base import refuse_undecodable
from projgan.data.sources.columns import ConditionRequest
from projgan.data.sources.label_files import LabelFiles, find_label_files
from projgan.data.sources.labelled import arrange_by_labels
from projgan.data.sources.listing import Listing
from projgan.data.sources.tree import NoClassesError, arrange_by_folders
from projgan.errors import UserError

_NUMBERING = re.compile(
    r"((part|batch|shard|chunk|fold|folder|dir|group|(sub)?set|vol|volume|data|images?|imgs?)[-_ .]?)?\d+",
    re.IGNORECASE,
)
_SIDECARS = (".cls", ".class", ".label", ".labels", ".json", ".xml", ".txt", ".yaml")
_ONLY_LABELS = _SIDECARS[:4]
_LOOKED_AT = 1000
_THOUSANDS = re.compile(r"(?:^|/)(?P<folder>\d{5})/(?:img)?(?P<number>\d{5,18})\.[^/]+$", re.ASCII)


def arrange(listing: Listing, split: str | None, request: ConditionRequest) -> Arrangement:
    """Return which images of a listing are read, as what.

    Raises:
        UserError: there are none, they have no classes, or what may hold the classes is not understood.
    """
    for name in (*listing.folders, *listing.images):  # a folder before the files in it
        refuse_undecodable(name, listing.place)
    files = find_label_files(listing, request)
    if files.chosen:
        return arrange_by_labels(listing, files, split, request)
    try:
        found = arrange_by_folders(listing, split)
    except NoClassesError as error:
        raise (files.doubt or files.unread or error) from None
    _refuse_doubtful(listing, found, files)
    return replace(found, remarks=(*found.remarks, *files.passed.values()), told=tuple(files.passed))


def _refuse_doubtful(listing: Listing, found: Arrangement, files: LabelFiles) -> None:
    """Refuse to take folders for classes where something else seems to give them."""
    present = [found.class_names[label] for label in sorted(set(found.labels.tolist()))]
    is_numbering = all(_NUMBERING.fullmatch(name) for name in present)
    if files.doubt is not None and (is_numbering or files.is_suggestive):
        raise files.doubt
    sidecar = _sidecar(listing, found.names, _SIDECARS if is_numbering else _ONLY_LABELS)
    if sidecar is not None:
        raise UserError(
            f"{listing.place}: a file beside each image (such as {sidecar}) may hold its class, and is not "
            "read; write a labels.csv, or remove these files if the folders are the classes"
        )
    if is_numbering and len(present) > 1 and _is_counted_on(found.names):
        raise UserError(
            f"{listing.place}: its folders (such as {present[0]}) only number the images, which have no "
            "classes without their dataset.json; add it, or a labels.csv"
        )


def _sidecar(listing: Listing, names: Sequence[str], suffixes: Sequence[str]) -> str | None:
    """Return the first of the files of one suffix that lie beside most images under their names."""
    for suffix in suffixes:
        beside = [f"{name.rpartition('.')[0]}{suffix}" for name in names[:_LOOKED_AT]]
        there = [name for name in beside if name in listing.files]
        if 2 * len(there) > len(beside):
            return there[0]
    return None


def _is_counted_on(names: Sequence[str]) -> bool:
    """Return whether folders hold a thousand images each, numbered through, as StyleGAN's and FFHQ's do."""
    for name in names:
        match = _THOUSANDS.search(name)
        if match is None:
            return False
        thousand = int(match["number"]) // 1000
        if match["folder"] not in (f"{thousand:05d}", f"{thousand * 1000:05d}"):
            return False
    return True
