"""Labelled images at one size: from a packed store, from the cache, or decoded into memory."""

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from projgan.config import Fit
from projgan.data.decoding import Decoding, OnUnreadable
from projgan.data.half_made import discard, holds_only_ours
from projgan.data.packed import PackedImages
from projgan.data.packing import (
    check_request,
    check_space,
    check_writable,
    is_occupied,
    pack,
    refuse_problems,
    reuse,
)
from projgan.data.sample_depth import words_on_depth
from projgan.data.sources import Source, open_source
from projgan.data.sources.columns import ONE_CLASS, ConditionRequest
from projgan.data.store import UnusableStoreError, content_fingerprint, open_packed, packed_fingerprint
from projgan.data.store_writing import conditions_sha256, labels_sha256
from projgan.data.verification import Verify
from projgan.errors import UserError
from projgan.listening import Count

MAX_IN_MEMORY_BYTES = 16 * 2**30


def load_images(
    location: str | Path | Source,
    *,
    split: str | None = None,
    resolution: int,
    channels: int,
    fit: Fit = "crop",
    cache: str | Path | None,
    progress: Count | None = None,
    workers: int | None = None,
    on_unreadable: OnUnreadable = "error",
    request: ConditionRequest = ONE_CLASS,
    verify: Verify = "once",
) -> PackedImages:
    """Return the images at `location` at one size, from the cache where they were packed before.

    The built-in digits are decoded in memory and a packed store is mapped as it is. Anything else is packed
    once into `cache/KEY`, also when two processes want it at once. Without a cache, all of it is
    decoded into memory.

    Args:
        location: what `open_source` accepts, or what it gave.
        split: as for `open_source`, which has chosen it where a source is given.
        resolution: height and width in pixels.
        channels: 1 for grey, 3 for RGB.
        fit: what becomes of images that are not square; those of a packed store are so already.
        cache: folder of packed stores, made if absent; None for memory.
        progress: called with (images done, images in all).
        workers: decoding threads; None for one per processor.
        on_unreadable: "error" to refuse a source with unreadable images, "skip" to leave them out.
        request: the condition wanted, where it is not one class per image; as `split`.
        verify: when to compare packed pixels with their checksum. A store in the cache that has changed is
            made again; one that is given is refused.

    Raises:
        UserError: no such data, unreadable images, a packed store of another size, or no room.
    """
    check_request(resolution, channels, on_unreadable)
    source = location if isinstance(location, Source) else open_source(location, split, request)
    if source.kind == "packed store":
        return _open_store_of_size(source, resolution, channels, fit, verify)
    if source.kind == "built-in digits" or cache is None:
        decoding = Decoding(
            source,
            resolution,
            channels,
            fit=fit,
            on_unreadable=on_unreadable,
            workers=workers,
            progress=progress,
        )
        return _decode_in_memory(decoding)
    store = _place_in_cache(Path(cache), source, resolution, channels, fit)

    def packed() -> PackedImages:
        return pack(
            source,
            store,
            resolution=resolution,
            channels=channels,
            fit=fit,
            progress=progress,
            workers=workers,
            on_unreadable=on_unreadable,
            verify=verify,
        )

    try:
        return packed()
    except UnusableStoreError as error:
        if not holds_only_ours(store):
            raise
        discard(store)
        return replace(packed(), remade_words=f"{error}: so it was, and the images were decoded again")


def rehearse_images(
    location: str | Path | Source,
    *,
    split: str | None = None,
    resolution: int,
    channels: int,
    fit: Fit = "crop",
    cache: str | Path | None,
    progress: Count | None = None,
    workers: int | None = None,
    on_unreadable: OnUnreadable = "error",
    request: ConditionRequest = ONE_CLASS,
    verify: Verify = "once",
) -> PackedImages:
    """Decode what `load_images` would, but keep and write nothing: an image not in the cache is all 0.

    Args: as for `load_images`.

    Raises:
        UserError: as `load_images`.
    """
    check_request(resolution, channels, on_unreadable)
    source = location if isinstance(location, Source) else open_source(location, split, request)
    if source.kind == "packed store":
        return _open_store_of_size(source, resolution, channels, fit, verify, noting=False)
    if source.kind != "built-in digits" and cache is not None:
        store = _place_in_cache(Path(cache), source, resolution, channels, fit)
        if is_occupied(store):
            try:
                return reuse(store, source, resolution, channels, fit, on_unreadable, verify, noting=False)
            except UnusableStoreError:
                if not holds_only_ours(store):
                    raise
        refuse_problems(source)
        check_writable(store)
        check_space(store, source, resolution, channels)
    decoding = Decoding(
        source,
        resolution,
        channels,
        fit=fit,
        on_unreadable=on_unreadable,
        workers=workers,
        progress=progress,
    )
    return _decode_in_memory(decoding, keep=False)


def _place_in_cache(cache: Path, source: Source, resolution: int, channels: int, fit: Fit) -> Path:
    return cache / packed_fingerprint(source.fingerprint, resolution, channels, (), 0, fit)


def _open_store_of_size(
    source: Source, resolution: int, channels: int, fit: Fit, verify: Verify, noting: bool = True
) -> PackedImages:
    store = open_packed(source.location, verify, noting)
    if (store.resolution, store.channels) != (resolution, channels):
        raise UserError(
            f"packed store {source.location} holds {store.resolution}x{store.resolution} images with "
            f"{store.channels} channels, and {resolution}x{resolution} with {channels} are asked for; "
            "pack the original data at that size"
        )
    if fit not in ("crop", store.fit):
        raise UserError(
            f"packed store {source.location} was packed with fit {store.fit}, and {fit} is asked for; "
            "pack the original data with that"
        )
    return store


def _decode_in_memory(decoding: Decoding, *, keep: bool = True) -> PackedImages:
    """Decode a source; without `keep` all but the pixels is true, and these take no memory."""
    source, labels = decoding.source, decoding.labels
    refuse_problems(source)
    shape = (decoding.channels, decoding.resolution, decoding.resolution)
    images, digest = _room_for(source, shape) if keep else None, hashlib.sha256()
    for index, pixels in enumerate(decoding.images()):
        digest.update(pixels.tobytes())
        if images is not None:
            images[index] = pixels
    if images is None:
        images = np.broadcast_to(np.zeros((), np.uint8), (len(labels), *shape))
    else:
        images = images[: len(labels)]
        images.flags.writeable = False
    conditions = decoding.conditions
    return PackedImages(
        images=images,
        labels=np.array(labels, dtype=np.int64),
        class_names=source.class_names,
        name=source.name,
        fingerprint=content_fingerprint(
            digest.hexdigest(),
            labels_sha256(np.array(labels, dtype=np.int64)),
            source.class_names,
            decoding.resolution,
            decoding.channels,
            source.condition_names,
            None if conditions is None else conditions_sha256(conditions),
        ),
        condition_names=source.condition_names,
        conditions=conditions,
        split=source.split,
        skipped=decoding.skipped,
        skipped_count=len(decoding.failures),
        upscaled=decoding.upscaled,
        depth_words=words_on_depth(decoding.depths),
        fit=decoding.fit,
    )


def _room_for(source: Source, shape: tuple[int, int, int]) -> np.ndarray:
    needed = len(source) * math.prod(shape)
    if needed > MAX_IN_MEMORY_BYTES:
        raise UserError(
            f"{source.location} needs {needed / 2**30:.1f} GiB at {shape[1]}x{shape[2]}, too much "
            "for memory; give a cache folder"
        )
    return np.empty((len(source), *shape), dtype=np.uint8)
