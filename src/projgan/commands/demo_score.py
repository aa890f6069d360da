"""Score what the first run of a person made: how many generated digits are the digit that was asked for."""

from dataclasses import dataclass
from pathlib import Path

import torch

from projgan.classification.training import predict, train_classifier
from projgan.data import load_images
from projgan.generation.request import SampleRequest
from projgan.generation.sample_writing import write_images
from projgan.generation.sampling import sample
from projgan.pictures.grids import grid, write_png
from projgan.randomness import generator_at
from projgan.storage.network_file import load_generator
from projgan.storage.run_directory import RunDirectory

PUBLISHED = "cifar10"
SAMPLES_PER_CLASS = 100
GRID_COLUMNS = 12


@dataclass(frozen=True)
class DemoResult:
    """What the demo made and measured."""

    generator: Path
    grid: Path
    published_grid: Path
    """Of the published model of photographs, which the demo did not train."""
    recognised: int
    """Generated digits that the classifier takes for the digit that was asked for."""
    samples: int
    classifier_accuracy: float
    """Share of held-out real digits that the classifier gets right."""


def score_demo(directory: RunDirectory) -> DemoResult:
    """Write a class-per-row grid of a run on digits and of a published model, and count what is recognised.

    The classifier has seen real digits only: four fifths of them; the rest measure the classifier itself.
    """
    generator, description = load_generator(directory.generator)
    num_classes = len(description.class_names)
    labels = torch.arange(num_classes).repeat_interleave(SAMPLES_PER_CLASS)
    images = torch.cat(list(sample(generator, list(range(SAMPLES_PER_CLASS)) * num_classes, labels)))
    rows = images.unflatten(0, (num_classes, SAMPLES_PER_CLASS))[:, :GRID_COLUMNS].flatten(0, 1)
    picture = directory.path / "demo.png"
    write_png(grid(rows, GRID_COLUMNS, description.class_names), picture)

    photographs = directory.path / f"published-{PUBLISHED}.png"
    write_images(Path(PUBLISHED), SampleRequest(out=photographs, count=GRID_COLUMNS))

    real = load_images("digits", resolution=generator.resolution, channels=generator.channels, cache=None)
    real_images, real_labels = torch.tensor(real.images), torch.tensor(real.labels)
    order = torch.randperm(len(real_images), generator=generator_at(0, "demo-split", 0))
    train_part, test_part = order.tensor_split([len(order) * 4 // 5])
    classifier = train_classifier(real_images[train_part], real_labels[train_part], num_classes)
    correct = predict(classifier, real_images[test_part]) == real_labels[test_part]
    recognised = int((predict(classifier, images) == labels).sum())
    accuracy = correct.double().mean().item()
    return DemoResult(directory.generator, picture, photographs, recognised, len(images), accuracy)
