"""A packed store on disk: its manifest, and opening it after its parts were checked."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from projgan.config import Fit
from projgan.data.decode import DECODE_VERSION
from projgan.data.packed import PackedImages
from projgan.data.sample_depth import words_on_depth
from projgan.data.verification import Verify, has_checksum
from projgan.errors import UserError, reason_of
from projgan.names import composed
from projgan.stored import Sha256, first_mistake

MANIFEST = "manifest.json"


IMAGES = "images.npy"


LABELS = "labels.npy"


CONDITIONS = "conditions.npy"


MAX_RESOLUTION = 4096


MAX_NAME_LENGTH = 4096


MAX_COLUMNS = 10_000
"""Of a condition that is a vector."""


SKIPPED_NAMED = 100
"""A manifest names at most this many of the images that were skipped; it counts all."""


_MAX_MANIFEST_BYTES = 256 * 2**20


_Text = Annotated[str, Field(max_length=MAX_NAME_LENGTH)]


_Side = Annotated[int, Field(ge=1, le=2**26)]


class Sizes(BaseModel):
    """The extremes of the originals' sizes, in pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_width: _Side
    max_width: _Side
    min_height: _Side
    max_height: _Side


class Manifest(BaseModel):
    """What `manifest.json` of a packed store says.

    `fingerprint` is of the source and how it was decoded, for finding the store again; what the images
    themselves are is `content_fingerprint`. Version 2 has conditions, version 1 has not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["projgan-packed-images"] = "projgan-packed-images"
    version: Literal[1, 2] = 1
    name: _Text
    split: _Text | None
    source_fingerprint: Sha256
    fingerprint: Sha256
    count: int = Field(ge=1, le=10**9)
    resolution: int = Field(ge=1, le=MAX_RESOLUTION)
    channels: Literal[1, 3]
    class_names: Annotated[tuple[_Text, ...], Field(min_length=1, max_length=10**6)]
    images_sha256: Sha256
    labels_sha256: Sha256
    sizes: Sizes
    upscaled: int = Field(ge=0)
    skipped_count: int = Field(ge=0)
    skipped: Annotated[tuple[_Text, ...], Field(max_length=SKIPPED_NAMED)] = ()
    depths: Annotated[
        dict[Annotated[int, Field(ge=0, le=16)], Annotated[int, Field(ge=1)]], Field(max_length=17)
    ] = {}
    """Of the images stored with 16 bits a sample, how many use how many."""
    condition_names: Annotated[tuple[_Text, ...], Field(max_length=MAX_COLUMNS)] = ()
    conditions_sha256: Sha256 | None = None
    fit: Fit = "crop"
    """How images that were not square became so; left out where that is the usual."""

    @model_validator(mode="after")
    def _conditions_are_whole(self) -> "Manifest":
        parts = (self.version == 2, bool(self.condition_names), self.conditions_sha256 is not None)
        if any(parts) and not all(parts):
            raise ValueError("condition_names, conditions_sha256 and version 2 go together")
        return self


def packed_fingerprint(
    source_fingerprint: str,
    resolution: int,
    channels: int,
    skipped: Sequence[str],
    skipped_count: int,
    fit: Fit = "crop",
) -> str:
    """Return the sha256 by which a store is found again: of a source and how it is decoded."""
    parts = [source_fingerprint, str(DECODE_VERSION), str(resolution), str(channels)]
    if skipped_count:
        parts += [str(skipped_count), *(repr(name) for name in skipped[:SKIPPED_NAMED])]
    if fit != "crop":  # so that stores from before there was a choice are found
        parts.append(f"fit {fit}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def content_fingerprint(
    images_sha256: str,
    labels_sha256: str,
    class_names: Sequence[str],
    resolution: int,
    channels: int,
    condition_names: Sequence[str] = (),
    conditions_sha256: str | None = None,
) -> str:
    """Return the sha256 of packed images themselves, wherever they came from."""
    parts = [images_sha256, labels_sha256, str(resolution), str(channels), *map(repr, class_names)]
    if conditions_sha256 is not None:
        parts += [conditions_sha256, *map(repr, condition_names)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def open_packed(path: str | Path, verify: Verify = "once", noting: bool = True) -> PackedImages:
    """Return the store at `path`, memory-mapped, after checking that its parts fit each other.

    Args:
        path: a folder that `pack` made.
        verify: when to read every pixel and compare the checksum, which takes a second per gigabyte: once a
            file, also where that was done before, or not at all.
        noting: whether that is noted beside the pixels, for the next time.

    Raises:
        UserError: no store, damaged, or of another version.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    shape = (manifest.count, manifest.channels, manifest.resolution, manifest.resolution)
    try:
        labels_offset = _check_array(folder / LABELS, (manifest.count,), np.dtype("<i8"))
        images_offset = _check_array(folder / IMAGES, shape, np.dtype("u1"))
        labels = np.fromfile(folder / LABELS, dtype="<i8", offset=labels_offset).astype(np.int64, copy=False)
        if hashlib.sha256(labels.tobytes()).hexdigest() != manifest.labels_sha256:
            raise _damaged(folder, "its labels are not those it was made with")
        if labels.min() < 0 or labels.max() >= len(manifest.class_names):
            raise _damaged(folder, "a label has no class name")
        conditions = _read_conditions(folder, manifest)
        if not has_checksum(folder / IMAGES, images_offset, manifest.images_sha256, verify, noting):
            raise _damaged(folder, "its pixels are not those it was made with")
        images = np.memmap(folder / IMAGES, dtype=np.uint8, mode="r", offset=images_offset, shape=shape)
    except OSError as error:
        raise _damaged(folder, f"{error.strerror or error}") from error
    return PackedImages(
        images=images,
        labels=labels,
        class_names=tuple(map(composed, manifest.class_names)),
        name=manifest.name,
        fingerprint=content_fingerprint(
            manifest.images_sha256,
            manifest.labels_sha256,
            manifest.class_names,
            manifest.resolution,
            manifest.channels,
            manifest.condition_names,
            manifest.conditions_sha256,
        ),
        condition_names=tuple(map(composed, manifest.condition_names)),
        conditions=conditions,
        split=manifest.split,
        skipped=manifest.skipped,
        skipped_count=manifest.skipped_count,
        upscaled=manifest.upscaled,
        depth_words=words_on_depth(manifest.depths),
        fit=manifest.fit,
    )


def _read_conditions(folder: Path, manifest: Manifest) -> np.ndarray | None:
    if manifest.conditions_sha256 is None:
        return None
    shape = (manifest.count, len(manifest.condition_names))
    offset = _check_array(folder / CONDITIONS, shape, np.dtype("<f4"))
    conditions = np.fromfile(folder / CONDITIONS, dtype="<f4", offset=offset).reshape(shape)
    if hashlib.sha256(conditions.tobytes()).hexdigest() != manifest.conditions_sha256:
        raise _damaged(folder, "its conditions are not those it was made with")
    if not np.isfinite(conditions).all():
        raise _damaged(folder, "a condition is not finite")
    return conditions.astype(np.float32, copy=False)


def read_manifest(folder: Path) -> Manifest:
    """Return the checked manifest of the store at `folder`."""
    path = folder / MANIFEST
    if not path.is_file():
        raise UnusableStoreError(
            f"{folder} is not a packed store (it has no {MANIFEST}); make one with `projgan data pack`"
        )
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise _damaged(folder, f"{MANIFEST} is too large")
        content = json.loads(path.read_bytes())
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        raise _damaged(folder, f"{MANIFEST}, {first_mistake(error)}") from error
    except UserError:
        raise
    except Exception as error:
        raise _damaged(folder, f"{MANIFEST} cannot be read ({reason_of(error)})") from error
    expected = packed_fingerprint(
        manifest.source_fingerprint,
        manifest.resolution,
        manifest.channels,
        manifest.skipped,
        manifest.skipped_count,
        manifest.fit,
    )
    if manifest.fingerprint != expected:
        raise _damaged(folder, f"{MANIFEST} was changed, or made by a version that decoded images otherwise")
    return manifest


class UnusableStoreError(UserError):
    """What lies where a store should be is none, a damaged one, or one of other images."""


def _damaged(folder: Path, why: str) -> UnusableStoreError:
    return UnusableStoreError(f"packed store {folder} cannot be used: {why}; remove it and pack again")


def _check_array(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Return where the data of an `.npy` file start, once its header and size are what they must be."""
    with path.open("rb") as stream:
        found_shape, found_dtype, fortran_order = _read_header(stream, path)
        offset = stream.tell()
    expected_size = offset + dtype.itemsize * int(np.prod(shape, dtype=object))
    if (found_shape, found_dtype, fortran_order) != (shape, dtype, False):
        raise _damaged(
            path.parent,
            f"{path.name} is {found_dtype} {list(found_shape)} where {dtype} {list(shape)} belongs",
        )
    if path.stat().st_size != expected_size:
        raise _damaged(
            path.parent, f"{path.name} has {path.stat().st_size:,} bytes where {expected_size:,} belong"
        )
    return offset


def _read_header(stream: BinaryIO, path: Path) -> tuple[tuple[int, ...], np.dtype, bool]:
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("unexpected version")
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    except Exception as error:  # NumPy parses the header as Python, which fails in many ways
        raise _damaged(path.parent, f"{path.name} has no proper header") from error
    return shape, dtype, fortran_order
