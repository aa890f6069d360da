"""The real images that a configuration names: where they are kept, and what is known of each."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

from projgan.config import DataConfig, Fit
from projgan.data import ConditionRequest, PackedImages, load_images, open_source
from projgan.data.sources.columns import ONE_CLASS
from projgan.errors import UserError
from projgan.files import chosen_cache
from projgan.listening import Count


def cache_folder(data: DataConfig) -> Path:
    """Folder in which decoded images and their features are kept between runs."""
    return chosen_cache(data.cache)


def condition_request(data: DataConfig) -> ConditionRequest:
    """Return what is wanted to be known of each image; the image itself at low resolution asks nothing."""
    if data.condition == "low-resolution":
        return ONE_CLASS
    return ConditionRequest(data.condition, data.condition_columns)


def fit_of(settings: Mapping[str, Any]) -> Fit:
    """Return what became of images that were not square where a network of these settings was trained.

    Args:
        settings: of a run or of a classifier, as a network's file has them; they may be of an older version.
    """
    data = settings.get("data")
    found = (data if isinstance(data, dict) else settings).get("fit")
    return next((fit for fit in get_args(Fit) if fit == found), "crop")


def load_real(
    data: DataConfig,
    size: tuple[int, int],
    split: str | None = None,
    said: Callable[[str], None] | None = None,
    progress: Count | None = None,
) -> PackedImages:
    """Load the real images of a configuration at the size of the generated ones; of another part if given.

    Args:
        data: which images.
        size: resolution and channels of the generated images, any of both.
        split: another part of the data.
        said: told how many images were left out, and which classes have none, if any.
        progress: told of (images decoded, all).

    Raises:
        UserError: the configuration names no images, or they cannot be loaded.
    """
    if data.source is None:
        raise UserError("the settings name no images; say which")
    images = load_images(
        data.source,
        split=split or data.split,
        resolution=size[0],
        channels=size[1],
        fit=data.fit,
        cache=cache_folder(data),
        progress=progress,
        on_unreadable=data.on_unreadable,
        request=condition_request(data),
    )
    for words in filter(None, (*images.loading_words, images.empty_words)):
        if said is not None:
            said(words)
    return images


def held_out_images(data: DataConfig, size: tuple[int, int]) -> Callable[[], PackedImages] | None:
    """Return what loads the test images of a data set, of a resolution and channels, or None without any.

    The part called `test` is taken, or else `validation`; never the one that is compared with.
    """
    assert data.source is not None
    opened = open_source(data.source, data.split, condition_request(data))
    return partial(load_real, data, size, opened.test_split) if opened.test_split else None
