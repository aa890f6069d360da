"""Make packed images: decode a source once, into memory or into a store on disk."""

import hashlib
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import BinaryIO

import numpy as np

from projgan.data.decoding import Decoding, OnUnreadable, Progress, unreadable_images
from projgan.data.packed import (
    CONDITIONS,
    IMAGES,
    LABELS,
    MANIFEST,
    MAX_RESOLUTION,
    Manifest,
    PackedImages,
    content_fingerprint,
    open_packed,
    packed_fingerprint,
    read_manifest,
)
from projgan.data.sample_depth import words_on_depth
from projgan.data.sources import Source, open_source
from projgan.data.sources.columns import ONE_CLASS, ConditionRequest
from projgan.errors import UserError, nearest_name
from projgan.files import sync_folder

MAX_IN_MEMORY_BYTES = 16 * 2**30
ABANDONED_SECONDS = 24 * 3600


def load_images(
    location: str | Path,
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
        location: what `open_source` accepts.
        split: as for `open_source`.
        resolution: height and width in pixels.
        channels: 1 for grey, 3 for RGB.
        cache: folder of packed stores, made if absent; None for memory.
        progress: called with (images done, images in all).
        workers: decoding threads; None for one per processor.
        on_unreadable: "error" to refuse a source with unreadable images, "skip" to leave them out.
        request: the condition wanted, where it is not one class per image.

    Raises:
        UserError: no such data, unreadable images, a packed store of another size, or no room.
    """
    _check_request(resolution, channels, on_unreadable)
    source = open_source(location, split, request)
    if source.kind == "packed store":
        return _open_store_of_size(source, resolution, channels)
    if source.kind == "built-in digits" or cache is None:
        decoding = Decoding(
            source, resolution, channels, on_unreadable=on_unreadable, workers=workers, progress=progress
        )
        return _decode_in_memory(decoding)
    store = Path(cache) / packed_fingerprint(source.fingerprint, resolution, channels, (), 0)
    return pack(
        source,
        store,
        resolution=resolution,
        channels=channels,
        progress=progress,
        workers=workers,
        on_unreadable=on_unreadable,
    )


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
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(out)
        _check_space(
            out.parent, len(source) * (channels * resolution**2 + 8 + 4 * len(source.condition_names))
        )
        temporary.mkdir()
        decoding = Decoding(
            source, resolution, channels, on_unreadable=on_unreadable, workers=workers, progress=progress
        )
        _write_store(decoding, temporary)
        try:
            temporary.rename(out)
        except OSError:
            if not _is_occupied(out):
                raise
            return _reuse(out, source, resolution, channels, on_unreadable)  # another process was first
        sync_folder(out.parent)
    except OSError as error:
        raise UserError(
            f"cannot write the packed store {out} ({error.strerror or error}); choose another place "
            "(for the cache of training, --data.cache)"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return open_packed(out)


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


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + 2**20:
        raise UserError(
            f"packing needs {needed / 2**30:.2f} GiB and {folder} has {free / 2**30:.2f} GiB free; "
            "free some or choose another place (for the cache of training, --data.cache)"
        )


def _decode_in_memory(decoding: Decoding) -> PackedImages:
    source, resolution, channels = decoding.source, decoding.resolution, decoding.channels
    _refuse_problems(source)
    needed = len(source) * channels * resolution**2
    if needed > MAX_IN_MEMORY_BYTES:
        raise UserError(
            f"{source.location} needs {needed / 2**30:.1f} GiB at {resolution}x{resolution}, too much "
            "for memory; give a cache folder"
        )
    images = np.empty((len(source), channels, resolution, resolution), dtype=np.uint8)
    for index, pixels in enumerate(decoding.images()):
        images[index] = pixels
    images = images[: len(decoding.labels)]
    images.flags.writeable = False
    labels, conditions = np.array(decoding.labels, dtype=np.int64), decoding.conditions
    return PackedImages(
        images=images,
        labels=labels,
        class_names=source.class_names,
        name=source.name,
        fingerprint=content_fingerprint(
            hashlib.sha256(images.data).hexdigest(),
            _labels_sha256(labels),
            source.class_names,
            resolution,
            channels,
            source.condition_names,
            None if conditions is None else _conditions_sha256(conditions),
        ),
        condition_names=source.condition_names,
        conditions=conditions,
        split=source.split,
        skipped=decoding.skipped,
        skipped_count=len(decoding.failures),
        upscaled=decoding.upscaled,
        depth_words=words_on_depth(decoding.depths),
    )


def _write_store(decoding: Decoding, folder: Path) -> None:
    images_sha256 = _write_images(folder / IMAGES, decoding)
    labels, conditions = np.array(decoding.labels, dtype="<i8"), decoding.conditions
    _write_array(folder / LABELS, labels)
    if conditions is not None:
        _write_array(folder / CONDITIONS, conditions.astype("<f4"))
    manifest = Manifest(
        name=decoding.source.name,
        split=decoding.source.split,
        source_fingerprint=decoding.source.fingerprint,
        fingerprint=decoding.fingerprint,
        count=len(labels),
        resolution=decoding.resolution,
        channels=1 if decoding.channels == 1 else 3,
        class_names=decoding.source.class_names,
        images_sha256=images_sha256,
        labels_sha256=_labels_sha256(labels),
        sizes=decoding.sizes,
        upscaled=decoding.upscaled,
        skipped_count=len(decoding.failures),
        skipped=decoding.skipped,
        depths=dict(sorted(decoding.depths.items())),
        version=1 if conditions is None else 2,
        condition_names=decoding.source.condition_names,
        conditions_sha256=None if conditions is None else _conditions_sha256(conditions),
    )
    with (folder / MANIFEST).open("wb") as stream:
        stream.write(
            manifest.model_dump_json(indent=1, exclude=None if manifest.depths else {"depths"}).encode()
        )
        _sync_file(stream)
    sync_folder(folder)


def _write_array(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=False)
        _sync_file(stream)


def _conditions_sha256(conditions: np.ndarray) -> str:
    return hashlib.sha256(conditions.astype("<f4").tobytes()).hexdigest()


def _labels_sha256(labels: np.ndarray) -> str:
    return hashlib.sha256(labels.astype("<i8").tobytes()).hexdigest()


def _write_images(path: Path, decoding: Decoding) -> str:
    """Write the pixels as they come and return their sha256."""
    digest = hashlib.sha256()
    with path.open("w+b") as stream:
        data_start = _write_header(stream, len(decoding.source), decoding)
        for pixels in decoding.images():
            content = pixels.tobytes()
            digest.update(content)
            stream.write(content)
        if decoding.failures:
            # Fewer images than announced: NumPy pads its header so that the count can be rewritten in place.
            stream.seek(0)
            if _write_header(stream, len(decoding.labels), decoding) != data_start:
                raise UserError(f"{path} cannot be shortened in place; remove the unreadable images")
        _sync_file(stream)
    return digest.hexdigest()


def _write_header(stream: BinaryIO, count: int, decoding: Decoding) -> int:
    shape = (count, decoding.channels, decoding.resolution, decoding.resolution)
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.tell()


def _sync_file(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
