"""Make packed images: decode a source once, into memory or into a store on disk."""

import hashlib
import math
import shutil
import time
import uuid
from pathlib import Path

import numpy as np

from projgan.data.decoding import Decoding, OnUnreadable, Progress, unreadable_images
from projgan.data.packed import (
    MANIFEST,
    MAX_RESOLUTION,
    PackedImages,
    content_fingerprint,
    open_packed,
    packed_fingerprint,
    read_manifest,
)
from projgan.data.sample_depth import words_on_depth
from projgan.data.sources import Source, open_source
from projgan.data.sources.columns import ONE_CLASS, ConditionRequest
from projgan.data.store_writing import conditions_sha256, labels_sha256, write_store
from projgan.errors import UserError, nearest_name
from projgan.files import nearest_folder, sync_folder, why_not_writable

MAX_IN_MEMORY_BYTES = 16 * 2**30
ABANDONED_SECONDS = 24 * 3600


def load_images(
    location: str | Path | Source,
    *,
    split: str | None = None,
    resolution: int,
    channels: int,
    cache: str | Path | None,
    progress: Progress | None = None,
    workers: int | None = None,
    on_unreadable: OnUnreadable = "error",
    request: ConditionRequest = ONE_CLASS,
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
        cache: folder of packed stores, made if absent; None for memory.
        progress: called with (images done, images in all).
        workers: decoding threads; None for one per processor.
        on_unreadable: "error" to refuse a source with unreadable images, "skip" to leave them out.
        request: the condition wanted, where it is not one class per image; as `split`.

    Raises:
        UserError: no such data, unreadable images, a packed store of another size, or no room.
    """
    _check_request(resolution, channels, on_unreadable)
    source = location if isinstance(location, Source) else open_source(location, split, request)
    if source.kind == "packed store":
        return _open_store_of_size(source, resolution, channels)
    if source.kind == "built-in digits" or cache is None:
        decoding = Decoding(
            source, resolution, channels, on_unreadable=on_unreadable, workers=workers, progress=progress
        )
        return _decode_in_memory(decoding)
    return pack(
        source,
        _place_in_cache(Path(cache), source, resolution, channels),
        resolution=resolution,
        channels=channels,
        progress=progress,
        workers=workers,
        on_unreadable=on_unreadable,
    )


def rehearse_images(
    location: str | Path | Source,
    *,
    split: str | None = None,
    resolution: int,
    channels: int,
    cache: str | Path | None,
    progress: Progress | None = None,
    workers: int | None = None,
    on_unreadable: OnUnreadable = "error",
    request: ConditionRequest = ONE_CLASS,
) -> PackedImages:
    """Decode what `load_images` would, but keep and write nothing: an image not in the cache is all 0.

    Args: as for `load_images`.

    Raises:
        UserError: as `load_images`.
    """
    _check_request(resolution, channels, on_unreadable)
    source = location if isinstance(location, Source) else open_source(location, split, request)
    if source.kind == "packed store":
        return _open_store_of_size(source, resolution, channels)
    if source.kind != "built-in digits" and cache is not None:
        store = _place_in_cache(Path(cache), source, resolution, channels)
        if _is_occupied(store):
            return _reuse(store, source, resolution, channels, on_unreadable)
        _refuse_problems(source)
        _check_writable(store)
        _check_space(store, source, resolution, channels)
    decoding = Decoding(
        source, resolution, channels, on_unreadable=on_unreadable, workers=workers, progress=progress
    )
    return _decode_in_memory(decoding, keep=False)


def _place_in_cache(cache: Path, source: Source, resolution: int, channels: int) -> Path:
    return cache / packed_fingerprint(source.fingerprint, resolution, channels, (), 0)


def pack(
    source: Source,
    out: str | Path,
    *,
    resolution: int,
    channels: int,
    progress: Progress | None = None,
    workers: int | None = None,
    on_unreadable: OnUnreadable = "error",
) -> PackedImages:
    """Decode `source` into a packed store at `out` and return it, memory-mapped.

    The store appears under its name only when it is whole and synced to disk. One that is already there is
    returned if it holds the same images; anything else there is left alone.

    Raises:
        UserError: unreadable images (all of them counted, the first few named), something else at `out`,
            or too little disk space.
    """
    _check_request(resolution, channels, on_unreadable)
    out = Path(out)
    if _is_occupied(out):
        return _reuse(out, source, resolution, channels, on_unreadable)
    _refuse_problems(source)
    temporary = out.parent / f".{out.name}-{uuid.uuid4().hex}.partial"
    _check_writable(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(out)
        _check_space(out, source, resolution, channels)
        temporary.mkdir()
        decoding = Decoding(
            source, resolution, channels, on_unreadable=on_unreadable, workers=workers, progress=progress
        )
        write_store(decoding, temporary)
        try:
            temporary.rename(out)
        except OSError:
            if not _is_occupied(out):
                raise
            return _reuse(out, source, resolution, channels, on_unreadable)  # another process was first
        sync_folder(out.parent)
    except OSError as error:
        raise _unwritable(out, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return open_packed(out)


def _unwritable(out: Path, reason: str) -> UserError:
    return UserError(
        f"cannot write the packed store {out} ({reason}); choose another place "
        "(for the cache of training, --data.cache)"
    )


def _check_request(resolution: int, channels: int, on_unreadable: str) -> None:
    if not 1 <= resolution <= MAX_RESOLUTION:
        raise UserError(
            f"resolution {resolution} is outside 1..{MAX_RESOLUTION}; choose one inside, such as 32"
        )
    if channels not in (1, 3):
        raise UserError(f"channels {channels} is neither 1 (grey) nor 3 (RGB); choose one of them")
    if on_unreadable not in ("error", "skip"):
        raise UserError(f"on_unreadable is {on_unreadable!r}{nearest_name(on_unreadable, ['error', 'skip'])}")


def _refuse_problems(source: Source) -> None:
    if source.problems:
        more = f" (and {len(source.problems) - 1} more problems)" if len(source.problems) > 1 else ""
        raise UserError(source.problems[0] + more)


def _open_store_of_size(source: Source, resolution: int, channels: int) -> PackedImages:
    store = open_packed(source.location)
    if (store.resolution, store.channels) != (resolution, channels):
        raise UserError(
            f"packed store {source.location} holds {store.resolution}x{store.resolution} images with "
            f"{store.channels} channels, and {resolution}x{resolution} with {channels} are asked for; "
            "pack the original data at that size"
        )
    return store


def _is_occupied(out: Path) -> bool:
    return out.is_symlink() or (out.exists() and not (out.is_dir() and not any(out.iterdir())))


def _reuse(
    out: Path, source: Source, resolution: int, channels: int, on_unreadable: OnUnreadable
) -> PackedImages:
    """Return the store at `out` if it is what packing `source` would give."""
    if not (out / MANIFEST).is_file():
        raise UserError(
            f"{out} exists and is not a packed store; choose another place, nothing is overwritten"
        )
    store = open_packed(out)
    wanted = packed_fingerprint(source.fingerprint, resolution, channels, store.skipped, store.skipped_count)
    if read_manifest(out).fingerprint != wanted:
        raise UserError(
            f"{out} is a packed store of other images (or of files written anew since, or of another size); "
            "choose another place, nothing is overwritten"
        )
    if store.skipped_count and on_unreadable == "error":
        raise unreadable_images(source, list(store.skipped), store.skipped_count)
    return store


def _remove_abandoned(out: Path) -> None:
    """Remove what a killed process left half-made for this store a day ago or longer."""
    for partial in out.parent.glob(f".{out.name}-*.partial"):
        if time.time() - partial.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)


def _check_writable(out: Path) -> None:
    reason = why_not_writable(out.parent)
    if reason:
        raise _unwritable(out, reason)


def _check_space(out: Path, source: Source, resolution: int, channels: int) -> None:
    needed = len(source) * (channels * resolution**2 + 8 + 4 * len(source.condition_names))
    free = shutil.disk_usage(nearest_folder(out.parent)).free
    if free < needed + 2**20:
        raise UserError(
            f"packing needs {needed / 2**30:.2f} GiB and {out.parent} has {free / 2**30:.2f} GiB free; "
            "free some or choose another place (for the cache of training, --data.cache)"
        )


def _decode_in_memory(decoding: Decoding, *, keep: bool = True) -> PackedImages:
    """Decode a source; without `keep` all but the pixels is true, and these take no memory."""
    source, labels = decoding.source, decoding.labels
    _refuse_problems(source)
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
    )


def _room_for(source: Source, shape: tuple[int, int, int]) -> np.ndarray:
    needed = len(source) * math.prod(shape)
    if needed > MAX_IN_MEMORY_BYTES:
        raise UserError(
            f"{source.location} needs {needed / 2**30:.1f} GiB at {shape[1]}x{shape[2]}, too much "
            "for memory; give a cache folder"
        )
    return np.empty((len(source), *shape), dtype=np.uint8)
