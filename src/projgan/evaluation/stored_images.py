"""Images that are there already as what is measured: a folder, an archive, an .npz of anybody's samples."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from projgan.data import PackedImages, Source, load_images, open_source, survey
from projgan.data.class_folders import class_of_folder, folder_names
from projgan.data.decoding import OnUnreadable, unreadable_images
from projgan.data.sources.columns import TO_MEASURE
from projgan.errors import UserError, nearest_name
from projgan.evaluation.image_sources import AT_ONCE, Draw, ImageSource, RealConditions
from projgan.evaluation.protocol import Protocol
from projgan.evaluation.rows import Subject
from projgan.randomness import generator_at


class StoredImages(ImageSource):
    """Images that are there already: a folder of class folders, an archive, an .npz and their like."""

    def __init__(self, images: PackedImages) -> None:
        self.images = images
        self.subject = Subject(kind="images", name=images.name, sha256=images.fingerprint)
        # One folder of images is no class among others.
        self.class_names = images.class_names if images.num_classes > 1 else None
        self.resolution, self.channels = images.resolution, images.channels

    def draw(self, protocol: Protocol, real: RealConditions, seed: int) -> Draw:
        """Choose at random among the images, whatever their classes, or as many of each class."""
        labels = self._labels_as(real.class_names)
        order = torch.randperm(len(labels), generator=generator_at(seed, "evaluation-images", 0))
        if protocol.generated_per_class is not None:
            order = _first_of_each(order, labels, protocol.generated_per_class, real)
        elif protocol.generated_images is not None:
            _check_count(len(labels), protocol)
            order = order[: protocol.generated_images]

        def read(positions: Tensor) -> Iterator[Tensor]:
            for part in order[positions].split(AT_ONCE):
                yield torch.from_numpy(self.images.images[part.numpy()])

        chosen = labels[order] if self.class_names else torch.zeros(len(order), dtype=torch.int64)
        return Draw(chosen, "as-given", read)

    def differing_classes(self, class_names: tuple[str, ...]) -> str:
        """Say which class of these images is none of the real ones'; they may be some, in any order."""
        if self.class_names is None:
            return ""
        known, present = _places(class_names), sorted(set(self.images.labels.tolist()))
        unknown = [self.class_names[label] for label in present if self.class_names[label] not in known]
        return f"{unknown[0]!r} is none of them{nearest_name(unknown[0], class_names)}" if unknown else ""

    def _labels_as(self, class_names: Sequence[str]) -> Tensor:
        """The images' labels, int64 [N], in the numbering of the real images, by name."""
        labels = torch.from_numpy(self.images.labels)
        if self.class_names is None or not class_names:
            return labels
        places = _places(class_names)
        return torch.tensor([places.get(name, -1) for name in self.class_names])[labels]


def _places(class_names: Sequence[str]) -> dict[str, int]:
    """The label of each class by its name, and by what is left of a long one in a folder's name."""
    folders = {class_of_folder(folder): label for label, folder in enumerate(folder_names(class_names))}
    return folders | {name: label for label, name in enumerate(class_names)}


def _check_count(available: int, protocol: Protocol) -> None:
    assert protocol.generated_images is not None
    if available < protocol.generated_images:
        raise UserError(
            f"protocol {protocol.name} measures {protocol.generated_images:,} images, and there are "
            f"{available:,}; give generated_images {available} (a protocol of your own) or more images"
        )


def _first_of_each(order: Tensor, labels: Tensor, wanted: int, real: RealConditions) -> Tensor:
    parts = []
    for label in real.classes.tolist():
        of_class = order[labels[order] == label]
        if len(of_class) < wanted:
            fewer = f"generated_per_class {len(of_class)} or " if len(of_class) > 1 else ""
            raise UserError(
                f"class {real.class_names[label]} has {len(of_class):,} images to measure of the {wanted:,} "
                f"wanted; give {fewer}more images"
            )
        parts.append(of_class[:wanted])
    return torch.cat(parts)


def stored_images(location: Path, channels: int, on_unreadable: OnUnreadable = "error") -> StoredImages:
    """Read images that are there already, at their own size; what is only measured may lack classes.

    Raises:
        UserError: nothing there, or images of several sizes or not square: none is resized in silence.
    """
    source = open_source(location, request=TO_MEASURE)
    resolution = _common_size(source)
    return StoredImages(
        load_images(
            source,
            resolution=resolution,
            channels=channels,
            cache=None,
            on_unreadable=on_unreadable,
        )
    )


def _common_size(source: Source) -> int:
    """Return the height and width of all images that can be read; decoding judges the others."""
    seen = survey(source, sizes=2)
    if not seen.sizes:
        raise unreadable_images(source, [str(failure) for failure in seen.failures], len(seen.failures))
    if len(seen.sizes) > 1:
        first, second = (
            f"{source.item_name(index)} is {width}x{height}" for (width, height), index in seen.first.items()
        )
        raise UserError(
            f"{source.location}: several sizes ({first}, {second}); bring them to one size first, as "
            "`projgan data pack` does"
        )
    if seen.resolution is None:
        ((width, height),) = seen.sizes
        raise UserError(
            f"{source.location}: its images are {width}x{height}, not square; bring them to the size of "
            "the real ones first"
        )
    return seen.resolution
