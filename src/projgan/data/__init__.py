"""Labelled images: their `sources`, how they are held (`packed`), what is in them (`describe`)."""

from projgan.data.describe import describe
from projgan.data.description import Description
from projgan.data.loading import load_images
from projgan.data.packed import PackedImages
from projgan.data.packing import pack
from projgan.data.reading import reading_of
from projgan.data.sources import Source, open_source
from projgan.data.sources.columns import ConditionRequest
from projgan.data.store import open_packed
from projgan.data.survey import survey

__all__ = [
    "ConditionRequest",
    "Description",
    "PackedImages",
    "Source",
    "describe",
    "load_images",
    "open_packed",
    "open_source",
    "pack",
    "reading_of",
    "survey",
]
