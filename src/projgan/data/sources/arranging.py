"""What images are taken for: what a file of labels says, or else the folders they lie in."""

from collections.abc import Sequence
from dataclasses import replace

from projgan.data.sources.arrangement import Arrangement
from projgan.data.sources.base import refuse_undecodable
from projgan.data.sources.columns import ConditionRequest
from projgan.data.sources.label_files import LabelFiles, find_label_files
from projgan.data.sources.labelled import arrange_by_labels
from projgan.data.sources.listing import Listing
from projgan.data.sources.numbering import are_certainly_no_classes, are_numbers, look_like_parts
from projgan.data.sources.tree import (
    NoClassesError,
    NoFoldersError,
    arrange_by_folders,
    arrange_without_folders,
)
from projgan.errors import UserError

_SIDECARS = (".cls", ".class", ".label", ".labels", ".json", ".xml", ".txt", ".yaml")
_ONLY_LABELS = _SIDECARS[:4]
_LOOKED_AT = 1000
_SHOWN = 3


def arrange(listing: Listing, split: str | None, request: ConditionRequest) -> Arrangement:
    """Return which images of a listing are read, as what.

    Raises:
        UserError: there are none, they have no classes, or what may hold the classes is not understood.
    """
    for name in (*listing.folders, *listing.images):  # a folder before the files in it
        refuse_undecodable(name, listing.place)
    files = find_label_files(listing, request)
    if files.chosen:
        found = arrange_by_labels(listing, files.chosen, split, request)
        _refuse_doubts(files, found, are_doubtful=False)
    else:
        try:
            found = arrange_by_folders(listing, split)
        except NoFoldersError as error:
            if request.required:
                raise files.error_about(error.folder) or error from None
            found = arrange_without_folders(listing)
        except NoClassesError as error:
            raise files.error_about(error.folder) or error from None
        found = _checked_folders(listing, found, files)
    return replace(found, remarks=(*found.remarks, *files.passed.values()), told=tuple(files.passed))


def _refuse_doubts(files: LabelFiles, found: Arrangement, *, are_doubtful: bool) -> None:
    """Refuse where a file that is not understood speaks of the images found, and must or may be meant."""
    for doubt in files.doubts:
        speaks = not doubt.folder or any(name.startswith(f"{doubt.folder}/") for name in found.names)
        if speaks and (doubt.is_called_so or are_doubtful):
            raise doubt.error


def _checked_folders(listing: Listing, found: Arrangement, files: LabelFiles) -> Arrangement:
    """Refuse to take folders for classes where something else seems to give them; say where they may not."""
    present = [found.class_names[label] for label in sorted(set(found.labels.tolist()))]
    numbers = are_numbers(present)
    _refuse_doubts(files, found, are_doubtful=numbers)
    sidecar = _sidecar(listing, found.names, _SIDECARS if numbers else _ONLY_LABELS)
    if sidecar is not None:
        raise UserError(
            f"{listing.place}: a file beside each image (such as {sidecar}) may hold its class, and is not "
            "read; write a labels.csv, or remove these files if the folders are the classes"
        )
    if len(present) < 2 or not numbers:
        return found
    shown = ", ".join(present[:_SHOWN]) + (", …" if len(present) > _SHOWN else "")
    if are_certainly_no_classes(found.names):
        raise UserError(
            f"{listing.place}: its folders ({shown}) only number the images, which have no classes without "
            "their dataset.json; add it, or a labels.csv"
        )
    if not look_like_parts(found.class_names, found.names, found.labels):
        return found
    remark = f"the folders ({shown}) may only number the images; if they are no classes, write a labels.csv"
    return replace(found, remarks=(*found.remarks, remark))


def _sidecar(listing: Listing, names: Sequence[str], suffixes: Sequence[str]) -> str | None:
    """Return the first of the files of one suffix that lie beside most images under their names."""
    for suffix in suffixes:
        beside = [f"{name.rpartition('.')[0]}{suffix}" for name in names[:_LOOKED_AT]]
        there = [name for name in beside if name in listing.files]
        if 2 * len(there) > len(beside):
            return there[0]
    return None
