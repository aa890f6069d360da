"""Labelled images: where they come from (`sources`), and how they are held (`packed`)."""

from projgan.data.packed import PackedImages, open_packed
from projgan.data.packing import load_images, pack
from projgan.data.sources import Source, label_of, open_source

__all__ = ["PackedImages", "Source", "label_of", "load_images", "open_packed", "open_source", "pack"]
