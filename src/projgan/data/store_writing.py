"""The files of a packed store, written in one pass over a source."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from projgan.data.decoding import Decoding
from projgan.data.store import CONDITIONS, IMAGES, LABELS, MANIFEST, Manifest
from projgan.errors import UserError
from projgan.files import sync_folder


def write_store(decoding: Decoding, folder: Path) -> None:
    """Decode a source into a folder that is there, image by image, and sync it to the disk.

    Raises:
        UserError: as `Decoding.images`.
    """
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
        fit=decoding.fit,
        class_names=decoding.source.class_names,
        images_sha256=images_sha256,
        labels_sha256=labels_sha256(labels),
        sizes=decoding.sizes,
        upscaled=decoding.upscaled,
        skipped_count=len(decoding.failures),
        skipped=decoding.skipped,
        depths=dict(sorted(decoding.depths.items())),
        version=1 if conditions is None else 2,
        condition_names=decoding.source.condition_names,
        conditions_sha256=None if conditions is None else conditions_sha256(conditions),
    )
    usual = {key for key in ("depths", "fit") if getattr(manifest, key) == Manifest.model_fields[key].default}
    with (folder / MANIFEST).open("wb") as stream:
        stream.write(manifest.model_dump_json(indent=1, exclude=usual).encode())
        _sync_file(stream)
    sync_folder(folder)


def _write_array(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as stream:
        np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=False)
        _sync_file(stream)


def conditions_sha256(conditions: np.ndarray) -> str:
    """Return the sha256 of conditions as a store holds them."""
    return hashlib.sha256(conditions.astype("<f4").tobytes()).hexdigest()


def labels_sha256(labels: np.ndarray) -> str:
    """Return the sha256 of labels as a store holds them."""
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
