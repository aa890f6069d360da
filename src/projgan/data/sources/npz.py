"""Images and labels in one NumPy `.npz` file."""

import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np

from projgan.data.sources.arrays import ArraySource
from projgan.data.sources.base import (
    MAX_CLASSES,
    MAX_ITEMS,
    check_labels,
    numbered_class_names,
    refuse_split_of_undivided,
)
from projgan.data.sources.columns import (
    ONE_CLASS,
    UNLABELLED,
    ConditionRequest,
    check_conditions,
    choose_columns,
    empty_conditions,
)
from projgan.data.sources.expansion import check_expansion
from projgan.data.sources.splits import choose_split, split_of_folder
from projgan.errors import UserError, listed, printable, reading

_CHANNELS = (1, 3, 4)
_FORM = "it needs `images` (uint8 [N,H,W], [N,H,W,C] or [N,C,H,W]) and `labels` (integers [N])"
_AS_NUMBERS = (
    "number them: `names, labels = numpy.unique(labels, return_inverse=True)`, and save them with "
    "`class_names=names.astype(str)`"
)
_AS_ONE_CLASS = "; of images without classes they are `numpy.zeros(len(images), int)`"

_SPLIT_ARRAYS = ("split", "splits", "subset", "partition")
_KNOWN = frozenset({"images", "labels", "class_names", "conditions", "condition_names"})


def open_npz(path: Path, split: str | None = None, request: ConditionRequest = ONE_CLASS) -> ArraySource:
    """Return the images of an `.npz` file with `images`, `labels` and, if it likes, `class_names`.

    Where another condition than one class is asked for it needs `conditions` [N,K], may have
    `condition_names`, and may lack `labels`. So it may where classes are not required; images and labels may
    then be called `arr_0` and `arr_1`, as guided-diffusion calls its samples.

    Where an array `split` (or `splits`) names one for each image, the images are those of one split, and a
    label means the same in each.

    Shapes are checked against the sizes in the file before any array is allocated; no pickle is loaded.

    Raises:
        UserError: an array is missing or has not its form, or there is no such split.
    """
    with reading(path, ".npz", "write it again with numpy.savez"), zipfile.ZipFile(path) as archive:
        present = {name.removesuffix(".npy") for name in archive.namelist()}
        called = dict(zip(("images", "labels"), _names_of_arrays(present, request), strict=True))
        images = _to_channels_first(_read_array(archive, path, called["images"]), path, called["images"])
        names, conditions = _read_names(archive, path, "class_names"), None
        condition_names: tuple[str, ...] = ()
        if called["labels"] in present or (request.kind == "class" and request.required):
            labels = _read_labels(archive, path, called["labels"], len(images))
        else:
            labels, names = np.zeros(len(images), dtype=np.int64), (UNLABELLED,)
        if request.kind != "class":
            conditions, condition_names = _read_conditions(archive, path, len(images), request)
        split_array, split_of = _read_splits(archive, path, len(images))
        remarks = _ignored(archive, path, len(images), present - _KNOWN - {split_array, *called.values()})
    if names is None:
        check_labels(labels, int(labels.max()) + 1, str(path))
        names = numbered_class_names(labels, str(path))
    check_labels(labels, len(names), str(path))
    chosen, splits = None, ()
    if split_of is None:
        refuse_split_of_undivided(split, str(path))
    else:
        splits = tuple(sorted(set(split_of.tolist())))
        chosen = choose_split(split, splits, str(path))
    if len(splits) > 1:
        rows = np.flatnonzero(split_of == chosen)
        images, labels = images[rows], labels[rows]
        conditions = None if conditions is None else conditions[rows]
    return ArraySource(
        kind="NumPy .npz file",
        name=path.stem,
        location=str(path),
        images=images,
        labels=labels,
        class_names=names,
        classes_from=_in_words(called["labels"], present, conditions is not None),
        split=chosen,
        splits=splits,
        conditions=conditions,
        condition_names=condition_names,
        remarks=remarks,
    )


def _names_of_arrays(present: Collection[str], request: ConditionRequest) -> tuple[str, str]:
    """Return what images and labels are called."""
    if request.required or "images" in present or "arr_0" not in present:
        return "images", "labels"
    return "arr_0", "labels" if "labels" in present else "arr_1"


def _in_words(labels: str, present: Collection[str], has_conditions: bool) -> str:
    if has_conditions:
        return "the array conditions"
    return f"the array {labels}" if labels in present else "no array, as images that are only measured"


def _read_splits(archive: zipfile.ZipFile, path: Path, count: int) -> tuple[str, np.ndarray | None]:
    """Return the array that names a split for each image, and those names `[N]`; "" and None without one."""
    found: list[tuple[str, np.ndarray]] = []
    for array in _SPLIT_ARRAYS:
        if _form(archive, path, array) in ((count, "U"), (count, "S")):
            words, place = np.unique(_read_array(archive, path, array), return_inverse=True)
            splits = [split_of_folder(_as_text(word)) for word in words]
            if None not in splits:
                found.append((array, np.array(splits, dtype=np.str_)[place]))
    if len(found) > 1:
        raise UserError(
            f"{path} has two arrays of splits ({', '.join(name for name, _ in found)}); leave one of them out"
        )
    return found[0] if found else ("", None)


def _ignored(archive: zipfile.ZipFile, path: Path, count: int, unknown: Collection[str]) -> tuple[str, ...]:
    """Say which arrays may be about the images and are not used."""
    names = [printable(name) for name in sorted(unknown) if _form(archive, path, name)[:1] == (count,)]
    splits = [name for name in names if name in _SPLIT_ARRAYS]
    others = [name for name in names if name not in splits]
    remarks = [f"{name} is no text such as train and test for each image, and is ignored" for name in splits]
    if others:
        arrays = "array is" if len(others) == 1 else "arrays are"
        remarks.append(f"{len(others)} {arrays} not known and ignored ({listed(others)})")
    return tuple(remarks)


def _form(archive: zipfile.ZipFile, path: Path, array: str) -> tuple[int, str] | tuple[()]:
    """Return length and kind of an array of which only the header is read; nothing where there is none."""
    try:
        info = archive.getinfo(f"{array}.npy")
        check_expansion(min(info.compress_size, path.stat().st_size), info.file_size, str(path))
        with archive.open(info) as stream:
            shape, dtype, _ = _read_header(stream, str(path))
    except Exception:  # what is not used may be damaged in any way
        return ()
    return (shape[0], dtype.kind) if shape else ()


def _read_array(archive: zipfile.ZipFile, path: Path, name: str) -> np.ndarray:
    members = {info.filename: info for info in archive.infolist()}
    if f"{name}.npy" not in members:
        present = ", ".join(sorted(member.removesuffix(".npy") for member in members)[:10]) or "none"
        form = _FORM + (_AS_ONE_CLASS if name == "labels" else "")
        raise UserError(f"{path} has no array {name!r} (present: {present}); {form}")
    info = members[f"{name}.npy"]
    place = f"{path}, array {name!r}"
    check_expansion(min(info.compress_size, path.stat().st_size), info.file_size, place)
    with archive.open(info) as stream:
        shape, dtype, fortran_order = _read_header(stream, place)
        if dtype.hasobject:
            remedy = _AS_NUMBERS if name == "labels" else "save plain numbers or text"
            raise UserError(f"{place} holds Python objects, which are never loaded; {remedy}")
        size = dtype.itemsize
        for length in shape:
            size *= length
        # Compared before anything of that size is allocated; the zip reader then stops at file_size.
        header_size = stream.tell()
        if size != info.file_size - header_size:
            raise UserError(
                f"{place} declares {size:,} bytes but has {info.file_size - header_size:,}; {_FORM}"
            )
        content = bytearray(size)
        if _fill(stream, content) != size or stream.read(1):
            raise UserError(f"{place} is cut short; write the file again with numpy.savez")
    array: np.ndarray = np.frombuffer(content, dtype=dtype)
    return array.reshape(shape, order="F" if fortran_order else "C")


def _read_header(stream: IO[bytes], place: str) -> tuple[tuple[int, ...], np.dtype, bool]:
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(stream)
    except Exception as error:  # NumPy parses the header as Python, which fails in many ways
        raise UserError(f"{place} has a damaged header; write the file again with numpy.savez") from error
    if any(length < 0 for length in shape) or (shape and shape[0] > MAX_ITEMS):
        raise UserError(f"{place} has the shape {shape}; {_FORM}")
    return shape, dtype, fortran_order


def _fill(stream: IO[bytes], content: bytearray) -> int:
    filled = 0
    view = memoryview(content)
    while filled < len(content):
        piece = stream.read(min(2**22, len(content) - filled))
        if not piece:
            break
        view[filled : filled + len(piece)] = piece
        filled += len(piece)
    return filled


def _to_channels_first(images: np.ndarray, path: Path, name: str) -> np.ndarray:
    """Return a view `[N,H,W]` or `[N,C,H,W]` of any accepted layout."""
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape:
        raise UserError(f"{path}: {name} are {images.dtype} {list(images.shape)}; {_FORM}")
    if images.ndim == 3:
        return images
    first, last = images.shape[1] in _CHANNELS, images.shape[3] in _CHANNELS
    if first == last:
        why = "cannot tell channels from pixels in" if first else "no axis of 1, 3 or 4 channels in"
        raise UserError(f"{path}: {why} images of shape {list(images.shape)}; {_FORM}")
    return images if first else images.transpose(0, 3, 1, 2)


def _read_labels(archive: zipfile.ZipFile, path: Path, name: str, count: int) -> np.ndarray:
    labels = _read_array(archive, path, name)
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        remedy = "give one integer per image" if labels.shape != (count,) else _AS_NUMBERS
        raise UserError(
            f"{path}: {name} are {labels.dtype} {list(labels.shape)} for {count} images; {remedy}"
        )
    if labels.dtype.kind == "u" and labels.max() >= MAX_CLASSES:
        raise UserError(f"{path}: label {labels.max()} is more than the {MAX_CLASSES:,} classes accepted")
    return labels.astype(np.int64)


def _read_conditions(
    archive: zipfile.ZipFile, path: Path, count: int, request: ConditionRequest
) -> tuple[np.ndarray, tuple[str, ...]]:
    values = _read_array(archive, path, "conditions")
    if values.dtype.kind not in "fiub" or values.ndim != 2 or len(values) != count or not values.size:
        raise UserError(
            f"{path}: conditions are {values.dtype} {list(values.shape)} for {count} images; "
            "give numbers [N, columns]"
        )
    if values.shape[1] > MAX_CLASSES:
        raise UserError(f"{path}: conditions of {values.shape[1]:,} columns, far too many; leave some out")
    names = _read_names(archive, path, "condition_names")
    names = names or tuple(str(column) for column in range(values.shape[1]))
    if len(names) != values.shape[1]:
        raise UserError(f"{path}: {len(names)} condition_names for {values.shape[1]} columns of conditions")
    chosen = choose_columns(names, (), request, str(path))
    kept = empty_conditions(count, len(chosen), str(path))
    with np.errstate(over="ignore"):  # what is too large is told of below
        kept[:] = values if chosen == names else values[:, [names.index(name) for name in chosen]]
    check_conditions(kept, chosen, request.kind, str(path))
    return kept, chosen


def _read_names(archive: zipfile.ZipFile, path: Path, array: str) -> tuple[str, ...] | None:
    if f"{array}.npy" not in archive.namelist():
        return None
    names = _read_array(archive, path, array)
    if names.dtype.kind not in "US" or names.ndim != 1 or not len(names):
        raise UserError(f"{path}: {array} are {names.dtype} {list(names.shape)}; give a list of text")
    if len(names) > MAX_CLASSES:
        raise UserError(f"{path}: {len(names):,} {array}, more than the {MAX_CLASSES:,} accepted")
    return tuple(map(_as_text, names))


def _as_text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
