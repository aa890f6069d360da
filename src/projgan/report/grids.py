"""Pictures of what each method generates, from the same seeds and classes."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from projgan.generation.sampling import sample
from projgan.listening import Count
from projgan.pictures.grids import grid
from projgan.pictures.pillow import save_png
from projgan.report.charts import shortened
from projgan.report.methods import Method
from projgan.storage.network_file import load_generator
from projgan.storage.run_directory import RunDirectory

CLASSES = 10
SEEDS = 8
SEEDS_OF_LARGE_IMAGES = 4
LARGE = 128
LONGEST_NAME = 18


@dataclass(frozen=True)
class Grid:
    """One method's picture."""

    method: str
    run: str
    png: bytes
    width: int
    height: int


def shown_labels(present: Sequence[int]) -> list[int]:
    """Return the labels of the rows: of all classes that have images, or of ten spread evenly."""
    if len(present) <= CLASSES:
        return list(present)
    return [present[index * (len(present) - 1) // (CLASSES - 1)] for index in range(CLASSES)]


def draw_grids(methods: Sequence[Method], progress: Count = lambda done, total: None) -> list[Grid]:
    """Draw one picture per method, from its first seed's run: a class a row, a seed a column.

    An unconditional generator has no classes: its rows are further seeds.
    """
    labels = shown_labels(methods[0].runs[0].present_classes)
    resolution = methods[0].runs[0].config.data.resolution
    columns = SEEDS if resolution < LARGE else SEEDS_OF_LARGE_IMAGES
    count = len(labels) * columns
    grids = []
    for place, method in enumerate(methods):
        run = method.runs[0]
        generator, _ = load_generator(RunDirectory(run.path).generator)
        if generator.num_classes is None:
            names, condition, seeds = None, None, list(range(count))
        else:
            names = [shortened(run.class_names[label], LONGEST_NAME) for label in labels]
            condition = torch.tensor(labels).repeat_interleave(columns)
            seeds = list(range(columns)) * len(labels)
        lanes = []
        for lane in sample(generator, seeds, condition):
            lanes.append(lane)
            progress(place * count + sum(map(len, lanes)), len(methods) * count)
        picture = grid(torch.cat(lanes), columns, names)
        content = io.BytesIO()
        save_png(picture, content, optimize=True)
        grids.append(Grid(method.name, run.name, content.getvalue(), picture.width, picture.height))
    return grids
