"""Classes and splits read off the folders that images lie in."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from projgan.data.class_folders import class_of_folder
from projgan.data.decode import IMAGE_SUFFIXES
from projgan.data.sources.arrangement import Arrangement
from projgan.data.sources.base import natural_order, refuse_split_of_undivided
from projgan.data.sources.columns import UNLABELLED
from projgan.data.sources.listing import Listing, unread_words
from projgan.data.sources.splits import choose_split, is_split_name, share_one_name, split_of_folder
from projgan.errors import UserError

Parts = tuple[str, ...]
"""A file or folder as the parts of its name."""


_NO_CLASSES = frozenset(
    {"images", "image", "imgs", "img", "photos", "data", "all", "unknown", "unlabeled", "unlabelled"}
)
"""Folders in which a split without classes keeps its images."""


class NoClassesError(UserError):
    """There are no images in folders that can be classes.

    Attributes:
        folder: that of the split which has none; empty where all are meant.
    """

    def __init__(self, message: str, folder: str = "") -> None:
        self.folder = folder
        super().__init__(message)


class NoFoldersError(NoClassesError):
    """All images lie in no folder."""


def arrange_by_folders(listing: Listing, split: str | None = None) -> Arrangement:
    """Find the classes among the images of a listing by the folders they lie in.

    Raises:
        NoClassesError: no images in class folders, or in none but those of splits.
        UserError: no such split.
    """
    place = listing.place
    names = listing.images if listing.in_order else sorted(listing.images)
    if not names:
        if listing.links_out:
            raise NoClassesError(f"{place} holds no images of its own: {listing.links_line()}")
        if listing.unread_pictures:
            raise NoClassesError(f"{place} {unread_words(listing.unread_pictures)}")
        raise NoClassesError(f"{place} holds no images; {_ACCEPTED_LAYOUT}")
    paths = [tuple(name.split("/")) for name in names]
    directories = {tuple(name.split("/")) for name in listing.folders}
    directories |= {path[:depth] for path in paths for depth in range(1, len(path))}
    if listing.unwrap:
        wrapper = wrapper_of(paths)
        paths = [path[len(wrapper) :] for path in paths]
        directories = {
            folder[len(wrapper) :] for folder in directories if folder[: len(wrapper)] == wrapper
        } - {()}
    if all(len(path) == 1 for path in paths):
        raise NoFoldersError(
            f"{place} holds {len(paths)} images but no class folders; {_ACCEPTED_LAYOUT} "
            "(all in one folder in it, if they have no classes)"
        )
    if _has_splits(paths):
        return _arrange_splits(listing, names, paths, directories, split)
    _refuse_splits_as_classes({path[0] for path in paths if len(path) > 1}, place)
    if split not in (None, "train"):
        raise UserError(f"{place} has no splits, so {split!r} cannot be chosen; leave the split out")
    return _arrange_classes(listing, names, paths, directories)


def arrange_without_folders(listing: Listing, split: str | None = None) -> Arrangement:
    """Take all images of a listing, which lie in no folder, for those of one class.

    Raises:
        UserError: a split is asked for.
    """
    refuse_split_of_undivided(split, listing.place)
    names = listing.images if listing.in_order else sorted(listing.images)
    labels = np.zeros(len(names), dtype=np.int64)
    words = "no folders, as images that are only measured"
    return Arrangement(names, labels, (UNLABELLED,), words)


_ACCEPTED_LAYOUT = (
    f"put them in one folder per class, as CLASS/IMAGE with IMAGE ending in {', '.join(IMAGE_SUFFIXES)}"
)


def wrapper_of(paths: Sequence[Parts]) -> Parts:
    """Return the folders that hold all the others, of which none is a split: often one, in an archive."""
    depth = 0
    while len({path[depth] for path in paths}) == 1 and all(len(path) > depth + 2 for path in paths):
        if is_split_name(paths[0][depth]):
            break
        depth += 1
    return paths[0][:depth]


def tops_of(paths: Sequence[Parts]) -> set[str]:
    """Return the first folders of the paths that lie in any."""
    return {path[0] for path in paths if len(path) > 1}


def folders_of_splits(tops: set[str], place: str) -> dict[str, str]:
    """Return the folder of each split.

    Raises:
        UserError: two folders of one split.
    """
    folder_of: dict[str, str] = {}
    for top in sorted(tops):
        name = split_of_folder(top) or top
        if folder_of.setdefault(name, top) != top:
            raise UserError(f"{place} has both {folder_of[name]}/ and {top}/ for one split; keep one of them")
    return folder_of


def _is_split_folder(name: str, paths: Sequence[Parts]) -> bool:
    inside = [path for path in paths if path[0] == name]
    return is_split_name(name) and bool(inside) and all(len(path) > 2 for path in inside)


def _has_splits(paths: Sequence[Parts]) -> bool:
    # "train" and "test" may also be classes (CIFAR-100 has trains): a split has class folders inside it, and
    # nothing but splits beside it, or what lies beside it would be hidden.
    tops = tops_of(paths)
    if not all(is_split_name(name) for name in tops):
        return False
    split_folders = {name for name in tops if _is_split_folder(name, paths)}
    has_train = any(split_of_folder(name) == "train" for name in split_folders)
    return has_train or split_folders == tops


def _refuse_splits_as_classes(names: set[str], place: str) -> None:
    """Refuse folders of which two, or all, are called like splits: images in them have no classes."""
    like = sorted(name for name in names if is_split_name(name))
    if like and len(like) == len(names):
        raise NoClassesError(
            f"{place}: images lie directly in {_listed(like)}, called like a split, so they have no class; "
            "put them in class folders there, or a labels.csv beside them"
        )
    alike = share_one_name(names)
    if alike:
        others = sorted(names - set(alike))
        beside = f", and {_listed(others)} lies beside them" if others else ""
        raise NoClassesError(
            f"{place}: {_listed(alike)} are called like splits{beside}, so these are no classes; call them "
            "train/, test/ and the like and keep only splits there, or rename the folders if they are classes"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"{name}/" for name in names[:3]) + (", …" if len(names) > 3 else "")


def _arrange_splits(
    listing: Listing, names: list[str], paths: list[Parts], directories: set[Parts], split: str | None
) -> Arrangement:
    place = listing.place
    folder_of = folders_of_splits(tops_of(paths), place)
    chosen = choose_split(split, folder_of, place)
    chosen_folder = folder_of[chosen]
    positions = [index for index, path in enumerate(paths) if path[0] == chosen_folder and len(path) > 1]
    direct = [index for index in positions if len(paths[index]) == 2]
    if direct:
        raise NoClassesError(
            f"{place}: {len(direct)} images lie directly in {chosen_folder}/ (such as "
            f"{'/'.join(paths[direct[0]])}), so they have no class; put them in class folders",
            chosen_folder,
        )
    _refuse_splits_as_classes({path[1] for path in paths if len(path) > 2}, place)
    without = _folders_without_classes(paths, folder_of)
    if chosen_folder in without:
        raise NoClassesError(
            f"{place}: {chosen_folder}/ {without[chosen_folder]}, so its images have no class; put them in "
            "class folders",
            chosen_folder,
        )
    divided = {name: folder for name, folder in folder_of.items() if folder not in without}
    with_images = {path[1] for path in paths if len(path) > 2 and path[0] in divided.values()}
    named = {folder[1] for folder in directories if len(folder) > 1 and folder[0] in divided.values()}
    remarks = tuple(f"{folder}/ {why}, so it is left out" for folder, why in sorted(without.items()))
    return _arrangement(
        listing,
        [names[index] for index in positions],
        [paths[index][1] for index in positions],
        with_images,
        with_images | named,
        (chosen, tuple(sorted(divided))),
        remarks + _stray_remarks(paths),
    )


def _folders_without_classes(paths: list[Parts], folder_of: dict[str, str]) -> dict[str, str]:
    """Return the splits' folders with no class folders, or with one that is none in training, and why."""
    classes: dict[str, set[str]] = {folder: set() for folder in folder_of.values()}
    for path in paths:
        if len(path) > 2:
            classes[path[0]].add(path[1])
    train = folder_of.get("train", "")
    without = {}
    for folder, names in classes.items():
        if not names:
            without[folder] = "has no class folders"
        elif train and names <= _NO_CLASSES and not names & classes[train]:
            without[folder] = f"has none of the classes of {train}/ (but {_listed(sorted(names))})"
    return without


def _arrange_classes(
    listing: Listing, names: list[str], paths: list[Parts], directories: set[Parts]
) -> Arrangement:
    positions = [index for index, path in enumerate(paths) if len(path) > 1]
    with_images = tops_of(paths)
    deeper = _deeper(listing, paths)
    remarks = _split_like_remarks(paths, with_images) + ((deeper,) if deeper else ()) + _stray_remarks(paths)
    found = _arrangement(
        listing,
        [names[index] for index in positions],
        [paths[index][0] for index in positions],
        with_images,
        with_images | {folder[0] for folder in directories},
        (None, ()),
        remarks,
    )
    return replace(found, deeper=deeper)


def _split_like_remarks(paths: Sequence[Parts], tops: set[str]) -> tuple[str, ...]:
    like = sorted(name for name in tops if _is_split_folder(name, paths))
    others = sorted(name for name in tops if not is_split_name(name))
    if not like or not others:
        return ()
    return (
        f"{like[0]}/ is taken as a class, not as a split, since {others[0]}/ lies beside it; "
        "if it is a split, keep only splits there",
    )


def _deeper(listing: Listing, paths: Sequence[Parts]) -> str:
    """Say where classes or splits may lie deeper: in an archive, the folders above them are seen through."""
    inside = [path for path in paths if len(path) > 1]
    deeper = [path for path in inside if len(path) > 2]
    if listing.unwrap or not deeper or len(tops_of(inside)) > 1:
        return ""
    wrapper = wrapper_of(inside) or inside[0][:1]
    inner = [path[len(wrapper) :] for path in inside]
    folders = _listed(sorted(tops_of(inner)))
    kind = "splits" if _has_splits(inner) else "classes"
    return (
        f"{wrapper[0]}/ is the only folder with images, so it is one class; if the folders in it ({folders}) "
        f"are the {kind}, give {listing.place_of('/'.join(wrapper))}"
    )


def _stray_remarks(paths: Sequence[Parts]) -> tuple[str, ...]:
    stray = [path[0] for path in paths if len(path) == 1]
    if not stray:
        return ()
    return (f"{len(stray)} images beside the class folders are ignored (such as {stray[0]})",)


def _arrangement(
    listing: Listing,
    names: list[str],
    folders: list[str],
    with_images: set[str],
    all_folders: set[str],
    split: tuple[str | None, tuple[str, ...]],
    remarks: tuple[str, ...],
) -> Arrangement:
    class_of = {folder: class_of_folder(folder) for folder in all_folders}
    class_names = natural_order(set(class_of.values()))
    label = {name: index for index, name in enumerate(class_names)}
    labels = np.array([label[class_of[folder]] for folder in folders], dtype=np.int64)
    filled = {class_of[folder] for folder in with_images}
    if not listing.in_order:
        # By label, so that the order is the classes' own even when they sort as numbers.
        order = labels.argsort(kind="stable")
        names, labels = [names[index] for index in order.tolist()], labels[order]
    problems = tuple(
        f"{listing.place}: class folder {name!r} "
        + _emptiness(listing, [folder for folder, called in class_of.items() if called == name])
        for name in class_names
        if name not in filled
    )
    return Arrangement(
        names,
        labels,
        tuple(class_names),
        classes_from="the names of folders",
        split=split[0],
        splits=split[1],
        problems=problems,
        remarks=remarks,
    )


def _emptiness(listing: Listing, folders: Collection[str]) -> str:
    """Say what the folders of a class without images hold, and the remedy."""
    pictures = [name for name in listing.unread_pictures if not {*name.split("/")[:-1]}.isdisjoint(folders)]
    if pictures:
        return unread_words(pictures)
    return "is empty; add images or remove the folder"
