"""Labelled images: their `sources`, how they are held (`packed`), what is in them (`describe`)."""

from projgan.data.describe import describe
from projgan.data.description import Description
from projgan.data.loading import load_images, rehearse_images
from projgan.data.native_form import NativeForm, native_form
from projgan.data.packed import PackedImages
from projgan.data.packing import pack
from projgan.data.reading import reading_of
from projgan.data.sources import Source, open_source
from projgan.data.sources.columns import ConditionRequest
from projgan.data.store import open_packed

__all__ = [
    "ConditionRequest",
    "Description",
    "NativeForm",
    "PackedImages",
    "Source",
    "describe",
    "load_images",
    "native_form",
    "open_packed",
    "open_source",
    "pack",
    "reading_of",
    "rehearse_images",
]
