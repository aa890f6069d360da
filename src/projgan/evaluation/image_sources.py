"""Where the images to be measured come from: a generator, or as in `stored_images` anybody's samples.

The metrics see uint8 images and labels only, so both take the same path.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from projgan.data.standardization import Standardization
from projgan.evaluation.protocol import Protocol, choose_labels
from projgan.evaluation.rows import Subject
from projgan.generation.sampling import sample
from projgan.networks.batch_norm import STATISTICS_BATCH, STATISTICS_IMAGES, measure_statistics
from projgan.networks.resnet import Generator
from projgan.randomness import generator_at
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import weights_sha256
from projgan.storage.teachers import teachers_of

AT_ONCE = 256
"""Images handed over at once."""


@dataclass(frozen=True)
class RealConditions:
    """What is known of the real images, from which the conditions of generated ones are drawn."""

    labels: Tensor
    """int64 [M], of those compared with."""
    classes: Tensor
    """int64 [K], labels of the classes to measure, ascending: there are images of each."""
    class_names: tuple[str, ...] = ()
    """By label."""
    vectors: Tensor | None = None
    """float32 [L, K], several classes or a vector of each real image, where the networks meet these."""


@dataclass(frozen=True)
class Draw:
    """The images of one evaluation: known by position, made or read when asked for."""

    labels: Tensor
    """int64 [N]: the classes asked for; of images without classes all 0."""
    labels_are: Literal["as-real", "balanced", "as-given"]
    """How the classes were chosen."""
    read: Callable[[Tensor], Iterator[Tensor]]
    """Positions [n] in 0..N-1 -> their images in that order, uint8 [*, C, R, R], batch by batch."""


class ImageSource(ABC):
    """Images to be measured, all of one size."""

    subject: Subject
    class_names: tuple[str, ...] | None
    """By label; None where the images have no classes, as of an unconditional generator."""
    resolution: int
    channels: int
    truncation: float | None = None
    standardization: Standardization | None = None
    """Units in which a generator has learned vectors."""
    never_seen: tuple[int, ...] = ()
    """Labels of classes that a generator was trained without."""

    def differing_classes(self, class_names: tuple[str, ...]) -> str:
        """Say how the classes differ from the real images'; "" where they do not, or where there are none."""
        if self.class_names in (None, class_names):
            return ""
        pairs = zip(self.class_names or (), class_names, strict=False)
        difference = next(
            (f"{ours!r} where the data has {theirs!r}" for ours, theirs in pairs if ours != theirs),
            f"{len(self.class_names or ())} classes where the data has {len(class_names)}",
        )
        return f"{difference}; give the data it was trained on"

    @abstractmethod
    def draw(self, protocol: Protocol, real: RealConditions, seed: int) -> Draw:
        """Choose the images of one evaluation.

        Args:
            protocol: how many, of which classes.
            real: what is known of the real images.
            seed: of the choice; generated images have the seeds that follow it.

        Raises:
            UserError: there are not as many.
        """


class GeneratorImages(ImageSource):
    """Images of a generator: as many as wanted, of any class.

    Args:
        generator: in evaluation mode, on any device.
        class_names: by label, or by column of another condition.
        subject: what to call it.
        truncation: bound of the latents' entries, or None.
        kind: of the condition, a name in `CONDITION_KINDS`.
        standardization: of the vectors it was trained with, or None.
        never_seen: labels of which it has seen no image.
        unmeasured: its batch norms have no statistics of its weights; they are measured at the first draw.
    """

    def __init__(
        self,
        generator: Generator,
        class_names: tuple[str, ...],
        subject: Subject,
        truncation: float | None = None,
        kind: str = "class",
        standardization: Standardization | None = None,
        never_seen: tuple[int, ...] = (),
        unmeasured: bool = False,
    ) -> None:
        self._unmeasured = unmeasured
        self.generator, self.subject, self.truncation, self.kind = generator, subject, truncation, kind
        self.standardization = standardization
        self.class_names = class_names if generator.num_classes and kind == "class" else None
        self.never_seen = never_seen if self.class_names else ()
        self.condition_names = class_names
        self.resolution, self.channels = generator.resolution, generator.channels

    def draw(self, protocol: Protocol, real: RealConditions, seed: int) -> Draw:
        """Choose classes by the protocol, or real conditions at random; image i has the seed `seed + i`."""
        if self._unmeasured:
            self._measure_statistics(real, seed)
        labels = choose_labels(protocol, real.labels, real.classes, seed)
        conditions = labels if self.generator.num_classes else None
        if self.kind != "class":
            assert real.vectors is not None, "the data was opened for one class per image"
            conditions = _draw_rows(real.vectors, len(labels), seed)

        def read(positions: Tensor) -> Iterator[Tensor]:
            seeds = [seed + position for position in positions.tolist()]
            part = None if conditions is None else conditions[positions]
            return sample(self.generator, seeds, part, self.truncation, AT_ONCE)

        labels_are = protocol.labels if self.kind == "class" else "as-real"
        return Draw(labels if self.class_names else torch.zeros_like(labels), labels_are, read)

    def _measure_statistics(self, real: RealConditions, seed: int) -> None:
        """Do as training does before it samples an average: classes with equal shares, or real conditions."""
        if self.kind == "class":
            conditions = real.classes[torch.arange(STATISTICS_IMAGES) % len(real.classes)]
        else:
            assert real.vectors is not None, "the data was opened for one class per image"
            conditions = _draw_rows(real.vectors, STATISTICS_IMAGES, seed)
        source = generator_at(seed, "statistics", 0)
        latents = torch.randn(STATISTICS_IMAGES, self.generator.latent_size, generator=source)
        device = next(self.generator.parameters()).device
        mixed = conditions[torch.randperm(STATISTICS_IMAGES, generator=source)]
        parts = (tensor.to(device).split(STATISTICS_BATCH) for tensor in (latents, mixed))
        measure_statistics(self.generator, zip(*parts, strict=True))
        self.subject = self.subject.model_copy(update={"sha256": weights_sha256(self.generator)})
        self._unmeasured = False


def _draw_rows(vectors: Tensor, count: int, seed: int) -> Tensor:
    """Rows in random orders of all of them, one order after the other."""
    orders = [
        torch.randperm(len(vectors), generator=generator_at(seed, "evaluation-conditions", number))
        for number in range(-(-count // len(vectors)))
    ]
    return vectors[torch.cat(orders)[:count]]


def subject_of(
    generator: Generator, name: str, step: int, images_seen: int, averaged: bool, teachers: tuple[str, ...]
) -> Subject:
    """Say what a generator is: of which run, how far trained, and against which networks."""
    return Subject(
        kind="generator",
        name=name,
        sha256=weights_sha256(generator),
        step=step,
        images_seen=images_seen,
        averaged=averaged,
        batch_norm="running statistics",
        teachers=teachers,
    )


def generator_images(
    generator: Generator,
    description: NetworkDescription,
    name: str,
    truncation: float | None = None,
    unmeasured: bool = False,
) -> GeneratorImages:
    """Return the images of a generator read from a file, under a name without a path."""
    known = description.provenance
    teachers = teachers_of(known.settings)
    subject = subject_of(generator, name, known.step, known.images_seen, known.averaged, teachers)
    kind = str(description.network.get("condition", "class"))
    return GeneratorImages(
        generator,
        description.class_names,
        subject,
        truncation,
        kind,
        description.standardization,
        description.empty_classes,
        unmeasured,
    )
