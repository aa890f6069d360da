"""Which images of a folder or an archive are read, as what, and where that is said; and their source."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from projgan.data.sources.base import Source, fingerprint_items
from projgan.data.sources.listing import Listing


@dataclass(frozen=True)
class Arrangement:
    """The images of one split, in the order in which they are read.

    Attributes:
        names: names in the listing.
        labels: int64 `[N]`.
        class_names: of every split together, so that a label means the same in each.
        classes_from: what says so, in words: "the names of folders", "labels.csv".
        label_files: names of the files that say so.
        split, splits: the part chosen and those present.
        problems, remarks: as those of a source.
        deeper: as that of a source.
        told: names of other files that the remarks speak of.
        condition_names, conditions: float32 `[N,K]` where another condition was asked for.
    """

    names: list[str]
    labels: np.ndarray
    class_names: tuple[str, ...]
    classes_from: str
    label_files: tuple[str, ...] = ()
    split: str | None = None
    splits: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    deeper: str = ""
    told: tuple[str, ...] = ()
    condition_names: tuple[str, ...] = ()
    conditions: np.ndarray | None = None


class FileSource(Source):
    """Images that are files of a listing."""

    def __init__(
        self, listing: Listing, found: Arrangement, identities: Iterable[tuple[str, str]] = ()
    ) -> None:
        self.location = listing.place
        self._names = found.names
        self.labels, self.class_names = found.labels, found.class_names
        self.conditions, self.condition_names = found.conditions, found.condition_names
        self.classes_from = found.classes_from
        self.split, self.splits = found.split, found.splits
        self.kind = (
            f"{listing.noun} with a file of labels"
            if found.label_files
            else f"{listing.noun} of class folders"
        )
        self.problems, self.remarks, self.deeper = found.problems, found.remarks, found.deeper
        if listing.links_out and listing.refuses_links:
            self.problems += (f"{listing.place}: {listing.links_line()}",)
        elif listing.links_out:
            self.remarks += (listing.links_line(),)
        self.remarks += listing.passed_over({*found.label_files, *found.told, *found.names})
        files = [listing.files[name] for name in found.names]
        self.total_bytes = sum(file.size for file in files)
        self.fingerprint = fingerprint_items(
            self.class_names,
            [*identities, *((name, file.identity) for name, file in zip(found.names, files, strict=True))],
            self.labels,
            self.condition_names,
            self.conditions,
        )

    def item_name(self, index: int) -> str:
        """Return the file's name relative to the folder or archive."""
        return self._names[index]
