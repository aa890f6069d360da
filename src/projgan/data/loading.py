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
    pack_decoded,
    refuse_problems,
    refuse_store_among_images,
    reuse,
)
from projgan.data.sample_depth import words_on_depth
from projgan.data.sources import Source, open_source
from projgan.data.sources.columns import ONE_CLASS, ConditionRequest
from projgan.data.store import UnusableStoreError, content_fingerprint, open_packed
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
    on_unreadable: OnUnreadable = "error",
    request: ConditionRequest = ONE_CLASS,
    verify: Verify = "once",
    keep: bool = True,
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
        on_unreadable: "error" to refuse a source with unreadable images, "skip" to leave them out.
        request: the condition wanted, where it is not one class per image; as `split`.
        verify: when to compare packed pixels with their checksum. A store in the cache that has changed is
            made again; one that is given is refused.
        keep: False to rehearse it: all is looked at, and nothing is written; what is not in the cache comes
            as all 0, in no memory.

    Raises:
        UserError: no such data, unreadable images, a packed store of another size, a cache among the images,
            or no room.
    """
    check_request(resolution, channels, on_unreadable)
    source = location if isinstance(location, Source) else open_source(location, split, request)
    decoding = Decoding(source, resolution, channels, fit=fit, on_unreadable=on_unreadable, progress=progress)
    if source.kind == "packed store":
        return _open_store_of_size(decoding, verify, keep)
    if source.kind == "built-in digits" or cache is None:
        return _decode_in_memory(decoding, keep)
    store = Path(cache) / decoding.fingerprint_without((), 0)
    refuse_store_among_images(source, store, f"the cache {cache}")
    if not keep:
        return _rehearse_packing(decoding, store, verify)
    try:
        return pack_decoded(decoding, store, verify)
    except UnusableStoreError as error:
        if not holds_only_ours(store):
            raise
        discard(store)
        made = pack_decoded(decoding, store, verify)
        return replace(made, remade_words=f"{error}: so it was, and the images were decoded again")


def _rehearse_packing(decoding: Decoding, store: Path, verify: Verify) -> PackedImages:
    if is_occupied(store):
        try:
            return reuse(store, decoding, verify, noting=False)
        except UnusableStoreError:
            if not holds_only_ours(store):
                raise
    refuse_problems(decoding.source)
    check_writable(store)
    check_space(store, decoding)
    return _decode_in_memory(decoding, keep=False)


def _open_store_of_size(wanted: Decoding, verify: Verify, noting: bool) -> PackedImages:
    location, size = wanted.source.location, f"{wanted.resolution}x{wanted.resolution}"
    store = open_packed(location, verify, noting)
    if (store.resolution, store.channels) != (wanted.resolution, wanted.channels):
        raise UserError(
            f"packed store {location} holds {store.resolution}x{store.resolution} images with "
            f"{store.channels} channels, and {size} with {wanted.channels} are asked for; "
            "pack the original data at that size"
        )
    if wanted.fit not in ("crop", store.fit):
        raise UserError(
            f"packed store {location} was packed with fit {store.fit}, and {wanted.fit} is asked for; "
            "pack the original data with that"
        )
    return store


def _decode_in_memory(decoding: Decoding, keep: bool) -> PackedImages:
    """Decode a source; without `keep` all but the pixels is true, and these take no memory."""
    source = decoding.source
    refuse_problems(source)
    shape = (decoding.channels, decoding.resolution, decoding.resolution)
    images, digest = _room_for(source, shape) if keep else None, hashlib.sha256()
    for index, pixels in enumerate(decoding.images()):
        digest.update(pixels.tobytes())
        if images is not None:
            images[index] = pixels
    labels = np.array(decoding.labels, dtype=np.int64)
    if images is None:
        images = np.broadcast_to(np.zeros((), np.uint8), (len(labels), *shape))
    else:
        images = images[: len(labels)]
        images.flags.writeable = False
    conditions = decoding.conditions
    return PackedImages(
        images=images,
        labels=labels,
        class_names=source.class_names,
        name=source.name,
        fingerprint=content_fingerprint(
            digest.hexdigest(),
            labels_sha256(labels),
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
