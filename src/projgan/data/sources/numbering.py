"""Folders that may only number the images: parts of a set, not classes."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

_NUMBER = re.compile(
    r"((part|batch|shard|chunk|fold|folder|dir|group|(sub)?set|vol|volume|data|images?|imgs?)[-_ .]?)?\d+",
    re.IGNORECASE,
)
_STYLEGAN = re.compile(r"(?:^|/)\d{5}/img\d{8}\.[^/]+$", re.ASCII)
_FFHQ = re.compile(r"(?:^|/)(?P<folder>\d{5})/(?P<number>\d{5})\.[^/]+$", re.ASCII)
_LAST_NUMBER = re.compile(r"(\d{1,18})\D*$", re.ASCII)


def are_numbers(folders: Sequence[str]) -> bool:
    """Return whether all folders are called by a number, or like parts of something."""
    return all(_NUMBER.fullmatch(folder) for folder in folders)


def are_certainly_no_classes(images: Sequence[str]) -> bool:
    """Return whether images are called as StyleGAN's tools and FFHQ call them: so many a folder."""
    if all(_STYLEGAN.search(name) for name in images):
        return True
    matches = [_FFHQ.search(name) for name in images]
    return all(match and int(match["folder"]) == int(match["number"]) // 1000 * 1000 for match in matches)


def look_like_parts(folders: Sequence[str], images: Sequence[str], labels: np.ndarray) -> bool:
    """Return whether folders called by numbers are called parts, or their images are numbered through.

    Args:
        folders: by label.
        images: names.
        labels: int64 `[N]`, of each image.
    """
    if not all(folder.isdecimal() for folder in folders):
        return True
    matches = [_LAST_NUMBER.search(name.rpartition("/")[2].rpartition(".")[0]) for name in images]
    numbers = np.array([int(match[1]) if match else -1 for match in matches])
    if (numbers < 0).any():
        return False
    present = sorted(set(labels.tolist()))
    spans = [(numbers[labels == label].min(), numbers[labels == label].max()) for label in present]
    return all(before[1] < after[0] for before, after in pairwise(spans))
