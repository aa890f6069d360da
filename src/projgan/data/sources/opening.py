"""Recognise what lies at a location and open it."""

import os
import zipfile
from pathlib import Path

from projgan.data.sources.archive import Archive, reading_archive
from projgan.data.sources.archived_folder import ArchivedFolderSource
from projgan.data.sources.arrays import ArraySource
from projgan.data.sources.base import Source, check_class_names, refuse_undecodable
from projgan.data.sources.cifar import cifar_in_archive, cifar_in_folder
from projgan.data.sources.columns import ONE_CLASS, ConditionRequest, check_conditions, column_name
from projgan.data.sources.digits import DIGITS, open_digits
from projgan.data.sources.folder import FolderSource
from projgan.data.sources.hub_data import shards_on_hub
from projgan.data.sources.npz import open_npz
from projgan.data.sources.parquet import ParquetSource
from projgan.data.sources.shards import choose_shards, shards_of_folder
from projgan.data.sources.splits import canonical_split
from projgan.data.sources.tar_archive import TarArchive
from projgan.data.sources.zip_archive import ZipArchive
from projgan.data.store import MANIFEST, open_packed
from projgan.errors import LONGEST_WORD, UserError, nearest_name, reason_of, shortened
from projgan.files import in_either_form
from projgan.hub.names import hub_name, is_hub_name
from projgan.names import composed

ACCEPTED = (
    "'digits', a folder of class folders, a folder with labels.csv, Parquet in the Hugging Face layout, "
    "a zip or tar of class folders, a CIFAR archive or its folder, an .npz file, a packed store, or "
    "hf:USER/DATASET"
)


def open_source(
    location: str | Path, split: str | None = None, request: ConditionRequest = ONE_CLASS
) -> Source:
    """Return the labelled images at `location`, whose kind is recognised by what is there.

    Args:
        location: "digits", or the path of a folder or file.
        split: "train", "validation", "test" or another that is present; by default "train" where there are
            splits, and everything where there are none.
        request: the condition wanted, where it is not one class per image.

    Raises:
        UserError: nothing is there, or nothing that can be read as labelled images.
    """
    _refuse_no_path(location)
    if str(location) == DIGITS:
        source: Source = open_digits(split)
    else:
        if not str(location):
            raise UserError(f"the place of the images is empty; accepted are {ACCEPTED}")
        refuse_undecodable(str(location), str(location))
        source = _recognise(location, split, request)
        refuse_undecodable(source.name, source.location)
        source.class_names = tuple(map(composed, source.class_names))
        source.condition_names = tuple(map(composed, source.condition_names))
        check_class_names(source.class_names, source.location)
    if request.kind != "class" and source.conditions is None:
        raise UserError(
            f"{location} ({source.kind}) has one class per image and no other condition; data.condition "
            f"{request.kind} needs a folder with a CSV of columns, or an .npz with `conditions`"
        )
    return source


def _recognise(location: str | Path, split: str | None, request: ConditionRequest) -> Source:
    path = Path(location)
    try:
        path = in_either_form(path)
        if is_hub_name(location) and not path.exists():
            return ParquetSource(shards_on_hub(str(location), split))
        if path.is_dir():
            return _open_folder(path, split, request)
        if path.is_file():
            return _open_file(path, split, request)
        exists = path.exists()
    except UserError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreadable(location, error) from error
    if exists:
        raise UserError(f"{path} is neither a file nor a folder; accepted are {ACCEPTED}")
    raise _no_data(str(path))


def refuse_absent(location: str) -> None:
    """Refuse a location where nothing is, before anything is imported that would read it, or asked.

    Raises:
        UserError: there is nothing, or no path; what is wrong with something is for `open_source` to say.
    """
    if is_hub_name(location) and not Path(location).exists():
        hub_name(location, folders=True)
        return
    try:
        absent = location != DIGITS and not in_either_form(Path(location)).exists()
    except (OSError, ValueError) as error:
        raise _unreadable(location, error) from error
    if absent:
        raise _no_data(location)


def _refuse_no_path(location: object) -> None:
    # Annotations do not stop who calls it from Python.
    if not isinstance(location, str | os.PathLike):
        raise UserError(
            f"images are given as {type(location).__name__}, not as the path of what holds them; save them "
            "with numpy.savez('set.npz', images=…, labels=…), uint8 [N,H,W,3] and integers [N], and give that"
        )


def _unreadable(location: str | Path, error: Exception) -> UserError:
    return UserError(
        f"{shortened(repr(str(location)), LONGEST_WORD)} cannot be read ({reason_of(error)}); check the path "
        "and its permissions"
    )


def _no_data(location: str) -> UserError:
    offered = nearest_name(location, [DIGITS])
    hint = offered if "did you mean" in offered else f"; accepted are {ACCEPTED}"
    return UserError(f"no data at {shortened(repr(location), LONGEST_WORD)}{hint}")


def _open_folder(folder: Path, split: str | None, request: ConditionRequest) -> Source:
    if (folder / MANIFEST).is_file() and (folder / "images.npy").is_file():
        return _open_store(folder, split, request)
    cifar = cifar_in_folder(folder, split)
    if cifar is not None:
        return cifar
    if shards_of_folder(folder):
        return ParquetSource(choose_shards(folder, split))
    return FolderSource(folder, split, request)


def _open_file(path: Path, split: str | None, request: ConditionRequest) -> Source:
    with path.open("rb") as stream:
        head = stream.read(512)
    if head[:4] == b"PAR1":
        return ParquetSource(choose_shards(path, split))
    if path.suffix.lower() == ".npz":
        return open_npz(path, split, request)
    if head[:2] in (b"PK", b"\x1f\x8b") or head[257:262] == b"ustar" or path.suffix.lower() == ".tar":
        archive = _open_archive(path)
        return cifar_in_archive(archive, split) or ArchivedFolderSource(archive, split, request)
    found = "an empty file" if not head else f"a file that starts with {head[:8]!r}"
    raise UserError(f"{path} is {found}; accepted are {ACCEPTED}")


def _open_archive(path: Path) -> Archive:
    """Return the archive at `path`, every member's name and declared size checked.

    Raises:
        UserError: no archive, damaged, or hostile (names that leave it, members or totals too large).
    """
    with reading_archive(path):
        return ZipArchive(path) if zipfile.is_zipfile(path) else TarArchive(path)


def _open_store(folder: Path, split: str | None, request: ConditionRequest) -> Source:
    store = open_packed(folder, noting=False)  # looking leaves nothing behind; who trains notes it
    if split is not None and canonical_split(split) != canonical_split(store.split or "train"):
        raise UserError(
            f"{folder} is a packed store of {store.split or 'all there was'!r}, not of {split!r}; "
            "pack that split"
        )
    if request.kind != "class" and store.conditions is not None:
        there = [column_name(name) for name in store.condition_names]
        if request.columns is not None and [column_name(name) for name in request.columns] != there:
            raise UserError(
                f"{folder} is a packed store of the columns {', '.join(store.condition_names[:10])}; "
                "pack the columns wanted"
            )
        check_conditions(store.conditions, store.condition_names, request.kind, str(folder))
    return ArraySource(
        kind="packed store",
        name=store.name,
        location=str(folder),
        images=store.images,
        labels=store.labels,
        class_names=store.class_names,
        classes_from="the packed store",
        condition_names=store.condition_names,
        conditions=store.conditions,
        split=store.split,
        fingerprint=store.fingerprint,
    )
