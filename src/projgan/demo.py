"""The first thing a person runs: train on real digits, look at samples, count the recognised ones."""

from dataclasses import dataclass
from pathlib import Path

import torch

from projgan.config import load_config
from projgan.data import load_images
from projgan.distributed import join_ranks
from projgan.generator_file import load_generator
from projgan.images import grid, write_png
from projgan.randomness import generator_at
from projgan.sampling import sample
from projgan.training.classifier import predict, train_classifier
from projgan.training.run import Listener, train

SAMPLES_PER_CLASS = 100
GRID_COLUMNS = 12


@dataclass(frozen=True)
class DemoResult:
    """What the demo made and measured."""

    generator: Path
    grid: Path
    recognised: int
    """Generated digits that the classifier takes for the digit that was asked for."""
    samples: int
    classifier_accuracy: float
    """Share of held-out real digits that the classifier gets right."""
    interrupted_by: int | None = None


def run_demo(run_dir: Path, listener: Listener | None = None) -> DemoResult | None:
    """Train the `demo` preset in `run_dir`, write a class-per-row grid, and score samples.

    The classifier has seen real digits only: four fifths of them; the rest measure the classifier itself.
    Returns None where training was interrupted.
    """
    config = load_config("demo")
    with join_ranks(config.training.device) as ranks:
        result = train(config, run_dir, ranks, listener)
    if result.interrupted_by is not None:
        return None
    generator, description = load_generator(result.generator)
    num_classes = len(description.class_names)
    labels = torch.arange(num_classes).repeat_interleave(SAMPLES_PER_CLASS)
    seeds = list(range(SAMPLES_PER_CLASS)) * num_classes
    images = torch.cat(list(sample(generator, seeds, labels)))
    rows = images.unflatten(0, (num_classes, SAMPLES_PER_CLASS))[:, :GRID_COLUMNS].flatten(0, 1)
    picture = run_dir / "demo.png"
    write_png(grid(rows, GRID_COLUMNS, description.class_names), picture)

    real = load_images("digits", resolution=config.data.resolution, channels=config.data.channels, cache=None)
    real_images, real_labels = torch.from_numpy(real.images), torch.from_numpy(real.labels)
    order = torch.randperm(len(real_images), generator=generator_at(0, "demo-split", 0))
    train_part, test_part = order[: len(order) * 4 // 5], order[len(order) * 4 // 5 :]
    classifier = train_classifier(real_images[train_part], real_labels[train_part], num_classes)
    correct = predict(classifier, real_images[test_part]) == real_labels[test_part]
    recognised = int((predict(classifier, images) == labels).sum())
    return DemoResult(result.generator, picture, recognised, len(images), correct.double().mean().item())
