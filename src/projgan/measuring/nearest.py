"""Generated images that lie nearest to the images of the training, drawn beside these."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from projgan.data import PackedImages
from projgan.data.configured import cache_folder, fit_of, load_real
from projgan.data.tensors import as_tensor
from projgan.errors import UserError
from projgan.evaluation.extractors import open_feature_network
from projgan.evaluation.feature_sets import real_features
from projgan.evaluation.nearest import Nearest, nearest
from projgan.generation.request import SampleRequest
from projgan.generation.sample_writing import rows_of
from projgan.generation.sampling import sample
from projgan.inspection.trained_images import refuse_other_images
from projgan.inspection.writing import item_names
from projgan.listening import Count, told
from projgan.measuring.nearest_request import NearestRequest
from projgan.measuring.subjects import ask_as_trained
from projgan.overwriting import refuse_foreign
from projgan.pictures.grids import grid, write_png
from projgan.process.ranks import Ranks
from projgan.storage.checkpoint_generators import open_generator
from projgan.storage.network_file import generator_path
from projgan.storage.run_images import images_of_run


@dataclass(frozen=True)
class Pair:
    """A generated image and the real one nearest to it."""

    row: str
    """The class or mix of the generated image."""
    seed: int
    distance: float
    real_distance: float
    """From that real one to the other real one nearest to it."""
    image: str
    """Name of the real one."""


@dataclass(frozen=True)
class WrittenNearest:
    """What was found and written; the fields are those of `--json`."""

    generator: str
    data: str
    features: str
    generated_images: int
    real_images: int
    nearer_than_real: float
    """Share of the generated images that lie nearer to a real one than half of the real ones to another."""
    standard_error: float
    real_distance: float
    """What half of the real images lie nearer than to another one."""
    pairs: list[Pair]
    """First those that lie nearest for how alone the real one lies."""
    file: str


def write_nearest(
    run: Path,
    data: str | None = None,
    request: NearestRequest = NearestRequest(),
    device: torch.device | str = "cpu",
    decoded: Count | None = None,
    generated: Count | None = None,
    fetched: Count | None = None,
    seen: Count | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> WrittenNearest:
    """Generate images, find the real ones nearest to each, and draw the nearest pairs.

    Args:
        run: a run directory, a generator's file or checkpoint, or a published model.
        data: the images to look among; None for those that the run was trained on.
        request: what is asked for.
        device: where.
        decoded: told of (real images decoded, all).
        generated: told of (images generated, all).
        fetched: told of (bytes, all), if the feature network has to be fetched.
        seen: told of (real images that the feature network has seen, all).
        said: told what is odd about the images, if anything is.

    Raises:
        UserError: no generator, no images, or a feature network that does not take them.
    """
    refuse_foreign([request.out], request.overwrite)
    remedy = "give images: nearest RUN DATA"
    settings = images_of_run(run, data, request, remedy=remedy)
    path = generator_path(run)
    generator, description = open_generator(path, device)
    if description.standardization is not None and request.classes:
        raise UserError(f"{run}: has no classes but numbers; leave --class out")
    chosen = SampleRequest(classes=request.classes, count=request.count, seed=request.seed)
    rows, _, conditions = rows_of(run, chosen, generator, description)
    settings = settings.model_copy(update={"fit": fit_of(description.provenance.settings)})
    settings = ask_as_trained(settings, generator.condition or "class", description.class_names)
    ranks, cache = Ranks(0, 1, torch.device(device)), cache_folder(settings)
    network = open_feature_network(request.features, device, cache, fetched)
    size = generator.resolution, generator.channels
    real = load_real(settings, size, said=said, progress=decoded)
    if data is None:
        refuse_other_images(run, settings, real, description, remedy=remedy, said=said)
    if len(real) < 2:
        raise UserError(f"{real.name}: has one image; two are needed to compare with")
    of_real = real_features(real, torch.arange(len(real)), network, ranks, cache, seen).features
    seeds = list(range(request.seed, request.seed + request.count)) * len(rows)
    if conditions is not None:
        conditions = conditions.repeat_interleave(request.count, dim=0)
    images = torch.cat(list(told(sample(generator, seeds, conditions), len(seeds), generated, len)))
    of_generated = network.extract(images).features.to(of_real.device)
    labels = _labels(real, rows) if generator.condition == "class" else None
    found = nearest(of_real, of_generated, min(request.neighbours, len(real) - 1), labels)
    order = found.order[: request.top].tolist()
    words = [f"seed {seeds[index]} of {rows[index // request.count]}" for index in order]
    _draw(request.out, order, words, images, as_tensor(real.images), found)
    names, share = list(item_names(settings, real)), found.nearer_than_real
    return WrittenNearest(
        generator=str(path),
        data=real.name,
        features=network.name,
        generated_images=len(images),
        real_images=len(real),
        nearer_than_real=share.value,
        standard_error=share.standard_error,
        real_distance=found.real_distance,
        pairs=[
            Pair(
                row=rows[index // request.count],
                seed=seeds[index],
                distance=found.distances[index, 0].item(),
                real_distance=found.of_real[index].item(),
                image=names[int(found.indices[index, 0])],
            )
            for index in order
        ],
        file=str(request.out),
    )


def _labels(real: PackedImages, rows: Sequence[str]) -> Tensor | None:
    """Labels of the real images of the classes that were generated, -1 of the others; None if all others."""
    wanted = torch.tensor([name in rows for name in real.class_names])
    labels = as_tensor(real.labels)
    chosen = labels.masked_fill(~wanted[labels], -1)
    return chosen if (chosen >= 0).any() else None


def _draw(
    out: Path, order: list[int], words: list[str], images: Tensor, real: Tensor, found: Nearest
) -> None:
    """A row for each generated image of `order`: itself, then the real ones nearest to it."""
    columns = ["made", "real", *[""] * (found.indices.shape[1] - 1)]
    shown = [torch.cat([images[[index]], real[found.indices[index]]]) for index in order]
    write_png(grid(torch.cat(shown), len(columns), words, columns), out)
