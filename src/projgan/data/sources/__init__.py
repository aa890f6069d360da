"""Where labelled images come from: one module per kind of source, and `open_source` that recognises them."""

from projgan.data.sources.base import Item, Source
from projgan.data.sources.opening import open_source

__all__ = ["Item", "Source", "open_source"]
