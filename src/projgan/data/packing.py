"""Make a packed store: decode a source once, into a folder on disk."""

import shutil
from pathlib import Path

from projgan.config import Fit
from projgan.data.decoding import Decoding, OnUnreadable, unreadable_images
from projgan.data.half_made import half_made
from projgan.data.packed import PackedImages
from projgan.data.sources import Source
from projgan.data.sources.digits import DIGITS
from projgan.data.sources.listing import is_hidden
from projgan.data.store import (
    MANIFEST,
    MAX_RESOLUTION,
    UnusableStoreError,
    open_packed,
    read_manifest,
)
from projgan.data.store_writing import write_store
from projgan.data.verification import Verify
from projgan.errors import UserError, nearest_name
from projgan.files import nearest_folder, sync_folder, why_not_writable
from projgan.listening import Count


def pack(
    source: Source,
    out: str | Path,
    *,
    resolution: int,
    channels: int,
    fit: Fit = "crop",
    progress: Count | None = None,
    on_unreadable: OnUnreadable = "error",
    verify: Verify = "once",
) -> PackedImages:
    """Decode `source` into a packed store at `out` and return it, memory-mapped.

    The store appears under its name only when it is whole and synced to disk. One that is already there is
    returned if it holds the same images; anything else there is left alone.

    Args:
        source: the images.
        out: the folder to make.
        resolution: height and width in pixels.
        channels: 1 for grey, 3 for RGB.
        fit: what becomes of images that are not square.
        progress: called with (images done, images in all).
        on_unreadable: "error" to refuse a source with unreadable images, "skip" to leave them out.
        verify: when to compare the pixels of a store that is already there with their checksum.

    Raises:
        UserError: unreadable images (all of them counted, the first few named), something else at `out`,
            `out` among the images, or too little disk space.
    """
    check_request(resolution, channels, on_unreadable)
    refuse_store_among_images(source, Path(out))
    decoding = Decoding(source, resolution, channels, fit=fit, on_unreadable=on_unreadable, progress=progress)
    return pack_decoded(decoding, Path(out), verify)


def pack_decoded(decoding: Decoding, out: Path, verify: Verify) -> PackedImages:
    """Do as `pack` with what is said of the source and the size already."""
    if is_occupied(out):
        return reuse(out, decoding, verify)
    refuse_problems(decoding.source)
    check_writable(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        check_space(out, decoding)
        with half_made(out) as made:
            write_store(decoding, made.folder)
            try:
                made.give_name()
            except OSError:
                if not is_occupied(out):
                    raise
                # Another process was first.
                return reuse(out, decoding, verify)
        sync_folder(out.parent)
    except OSError as error:
        raise _unwritable(out, error.strerror or str(error)) from error
    return open_packed(out, verify="never")  # as it has just been written


def refuse_store_among_images(source: Source, out: Path, named: str = "") -> None:
    """Keep a store's files out of the folder its images come from, where they would be taken for a class.

    Raises:
        UserError: it lies there; `named` is what the person has given, if not `out`.
    """
    images = Path(source.location)
    if source.location == DIGITS or not images.is_dir():
        return
    place, inside = out.resolve(), images.resolve()
    if place != inside and place.is_relative_to(inside) and not is_hidden(str(place.relative_to(inside))):
        raise UserError(f"{named or out} lies among the images of {images}; choose a place outside")


def _unwritable(out: Path, reason: str) -> UserError:
    return UserError(
        f"cannot write the packed store {out} ({reason}); choose another place "
        "(for the cache of training, --data.cache)"
    )


def check_request(resolution: int, channels: int, on_unreadable: str) -> None:
    """Refuse a size, a number of channels or a choice that cannot be."""
    if not 1 <= resolution <= MAX_RESOLUTION:
        raise UserError(
            f"resolution {resolution} is outside 1..{MAX_RESOLUTION}; choose one inside, such as 32"
        )
    if channels not in (1, 3):
        raise UserError(f"channels {channels} is neither 1 (grey) nor 3 (RGB); choose one of them")
    if on_unreadable not in ("error", "skip"):
        raise UserError(f"on_unreadable is {on_unreadable!r}{nearest_name(on_unreadable, ['error', 'skip'])}")


def refuse_problems(source: Source) -> None:
    """Refuse a source that nothing may be trained on."""
    if source.problems:
        more = f" (and {len(source.problems) - 1} more problems)" if len(source.problems) > 1 else ""
        raise UserError(source.problems[0] + more)


def is_occupied(out: Path) -> bool:
    """Return whether anything but an empty folder is at a place."""
    return out.is_symlink() or (out.exists() and not (out.is_dir() and not any(out.iterdir())))


def reuse(out: Path, decoding: Decoding, verify: Verify, noting: bool = True) -> PackedImages:
    """Return the store at `out` if it is what the decoding would give.

    Raises:
        UnusableStoreError: it is not.
        UserError: images were left out of it, and may not be.
    """
    if not (out / MANIFEST).is_file():
        raise UnusableStoreError(
            f"{out} exists and is not a packed store; choose another place, nothing is overwritten"
        )
    store = open_packed(out, verify, noting)
    if read_manifest(out).fingerprint != decoding.fingerprint_without(store.skipped, store.skipped_count):
        raise UnusableStoreError(
            f"{out} is a packed store of other images (or of files written anew since, or of another size "
            "or fit); choose another place, nothing is overwritten"
        )
    if store.skipped_count and decoding.on_unreadable == "error":
        raise unreadable_images(decoding.source, list(store.skipped), store.skipped_count)
    return store


def check_writable(out: Path) -> None:
    """Refuse a place where no folder can be made."""
    reason = why_not_writable(out.parent)
    if reason:
        raise _unwritable(out, reason)


def check_space(out: Path, decoding: Decoding) -> None:
    """Refuse a disk without room for the store."""
    source, pixels = decoding.source, decoding.channels * decoding.resolution**2
    needed = len(source) * (pixels + 8 + 4 * len(source.condition_names))
    free = shutil.disk_usage(nearest_folder(out.parent)).free
    if free < needed + 2**20:
        raise UserError(
            f"packing needs {needed / 2**30:.2f} GiB and {out.parent} has {free / 2**30:.2f} GiB free; "
            "free some or choose another place (for the cache of training, --data.cache)"
        )
