"""Classes and splits read off the names of files that lie in class folders, on disk or in an archive."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from projgan.data.decode import IMAGE_SUFFIXES
from projgan.data.sources.base import natural_order, refuse_undecodable
from projgan.data.sources.splits import canonical_split, choose_split, is_split_name
from projgan.errors import UserError


@dataclass(frozen=True)
class ClassTree:
    """The images of one split: positions in the list given, and their labels (int64 `[N]`)."""

    positions: list[int]
    labels: np.ndarray
    class_names: tuple[str, ...]
    split: str | None
    splits: tuple[str, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def is_image_name(name: str) -> bool:
    """Return whether a file's name ends like an image's."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def is_hidden(name: str) -> bool:
    """Return whether any part of a relative path is hidden, or is what macOS adds to archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def arrange(
    files: Sequence[str], folders: Collection[str], split: str | None, place: str, strip_root: bool = False
) -> ClassTree:
    """Find the classes among image `files` given as relative names with forward slashes.

    Args:
        files: names of image files.
        folders: names of folders, so that those without images are noticed.
        split: the split wanted, or None.
        place: what to name in errors.
        strip_root: drop a folder that wraps all the others, as archives often have.

    The class names are those of every split together, so that a label means the same in each.
    """
    for name in (*folders, *files):  # a folder before the files in it
        refuse_undecodable(name, place)
    paths = [tuple(name.split("/")) for name in files]
    directories = {tuple(name.split("/")) for name in folders if name}
    directories |= {path[:depth] for path in paths for depth in range(1, len(path))}
    if not paths:
        raise UserError(f"{place} holds no images; {_ACCEPTED_LAYOUT}")
    while strip_root and len({path[0] for path in paths}) == 1 and all(len(path) > 2 for path in paths):
        if _is_split_folder(paths[0][0], paths):
            break
        root = paths[0][0]
        paths = [path[1:] for path in paths]
        directories = {folder[1:] for folder in directories if folder[0] == root and len(folder) > 1}
    if all(len(path) == 1 for path in paths):
        raise UserError(
            f"{place} holds {len(paths)} images but no class folders; {_ACCEPTED_LAYOUT} "
            "(all in one folder in it, if they have no classes and are only to be measured)"
        )

    if _has_splits(paths):
        return _arrange_splits(paths, directories, split, place)
    if split not in (None, "train"):
        raise UserError(f"{place} has no splits, so {split!r} cannot be chosen; leave the split out")
    return _arrange_classes(paths, directories, place)


_ACCEPTED_LAYOUT = (
    f"put them in one folder per class, as CLASS/IMAGE with IMAGE ending in {', '.join(IMAGE_SUFFIXES)}"
)


def _is_split_folder(name: str, paths: Sequence[tuple[str, ...]]) -> bool:
    inside = [path for path in paths if path[0] == name]
    return is_split_name(name) and bool(inside) and all(len(path) > 2 for path in inside)


def _has_splits(paths: Sequence[tuple[str, ...]]) -> bool:
    # "train" and "test" may also be classes (CIFAR-100 has trains): a split has class folders inside it, and
    # nothing but splits beside it, or what lies beside it would be hidden.
    tops = {path[0] for path in paths if len(path) > 1}
    if not all(is_split_name(name) for name in tops):
        return False
    split_folders = {name for name in tops if _is_split_folder(name, paths)}
    has_train = any(canonical_split(name) == "train" for name in split_folders)
    return has_train or split_folders == tops


def _arrange_splits(
    paths: list[tuple[str, ...]], directories: set[tuple[str, ...]], split: str | None, place: str
) -> ClassTree:
    folder_of: dict[str, str] = {}
    for top in sorted({path[0] for path in paths if len(path) > 1}):
        if folder_of.setdefault(canonical_split(top), top) != top:
            raise UserError(
                f"{place} has both {folder_of[canonical_split(top)]}/ and {top}/ for one split; "
                "keep one of them"
            )
    chosen = choose_split(split, folder_of, place)
    chosen_folder = folder_of[chosen]
    positions = [index for index, path in enumerate(paths) if path[0] == chosen_folder and len(path) > 1]
    direct = [index for index in positions if len(paths[index]) == 2]
    if direct:
        raise UserError(
            f"{place}: {len(direct)} images lie directly in {chosen_folder}/ (such as "
            f"{'/'.join(paths[direct[0]])}), so they have no class; put them in class folders"
        )
    with_images = {path[1] for path in paths if len(path) > 2}
    named = {folder[1] for folder in directories if len(folder) > 1 and folder[0] in folder_of.values()}
    class_names = natural_order(_visible(with_images | named))
    return _tree(
        positions,
        [paths[index][1] for index in positions],
        class_names,
        with_images,
        (chosen, tuple(sorted(folder_of))),
        _stray_remarks(paths, place),
        place,
    )


def _arrange_classes(
    paths: list[tuple[str, ...]], directories: set[tuple[str, ...]], place: str
) -> ClassTree:
    positions = [index for index, path in enumerate(paths) if len(path) > 1]
    with_images = {paths[index][0] for index in positions}
    remarks = _split_like_remarks(paths, with_images) + _stray_remarks(paths, place)
    class_names = natural_order(_visible(with_images | {folder[0] for folder in directories}))
    return _tree(
        positions,
        [paths[index][0] for index in positions],
        class_names,
        with_images,
        (None, ()),
        remarks,
        place,
    )


def _split_like_remarks(paths: Sequence[tuple[str, ...]], tops: set[str]) -> tuple[str, ...]:
    like = sorted(name for name in tops if _is_split_folder(name, paths))
    others = sorted(name for name in tops if not is_split_name(name))
    if not like or not others:
        return ()
    return (
        f"{like[0]}/ is taken as a class, not as a split, since {others[0]}/ lies beside it; "
        "if it is a split, keep only splits there",
    )


def _visible(names: set[str]) -> set[str]:
    return {name for name in names if not is_hidden(name)}


def _stray_remarks(paths: Sequence[tuple[str, ...]], place: str) -> tuple[str, ...]:
    stray = [path[0] for path in paths if len(path) == 1]
    if not stray:
        return ()
    return (f"{len(stray)} images beside the class folders are ignored (such as {stray[0]})",)


def _tree(
    positions: list[int],
    classes: list[str],
    class_names: list[str],
    with_images: set[str],
    split: tuple[str | None, tuple[str, ...]],
    remarks: tuple[str, ...],
    place: str,
) -> ClassTree:
    label = {name: index for index, name in enumerate(class_names)}
    empty = [name for name in class_names if name not in with_images]
    problems = tuple(
        f"{place}: class folder {name!r} is empty; add images or remove the folder" for name in empty
    )
    labels = np.array([label[name] for name in classes], dtype=np.int64)
    return ClassTree(positions, labels, tuple(class_names), split[0], split[1], problems, remarks)
