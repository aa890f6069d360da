"""A request to inspect images carried out: a table of all of them, and pictures of the extremes."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from projgan.config import DataConfig
from projgan.data import PackedImages, open_source
from projgan.data.configured import condition_request, fit_of, load_real
from projgan.data.tensors import as_tensor
from projgan.errors import UserError, nearest_name, printable, visible
from projgan.files import make_folder
from projgan.inspection.files import FILES, write_pictures, write_table
from projgan.inspection.inspection import READINGS, Inspection, Reading, inspect
from projgan.inspection.label_posterior import label_posterior_of
from projgan.inspection.request import InspectionRequest
from projgan.inspection.trained_images import refuse_other_images
from projgan.lanes import features_of
from projgan.listening import Count
from projgan.networks.resnet import Generator
from projgan.overwriting import refuse_foreign
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import discriminator_path, load_discriminator, load_generator
from projgan.storage.run_images import images_of_run


@dataclass(frozen=True)
class Suspect:
    """An image whose own label the discriminator disputes most."""

    image: str
    label: str
    suggested: str
    dispute: float


@dataclass(frozen=True)
class WrittenInspection:
    """What was found and written; the fields are those of `--json`."""

    discriminator: str
    method: str
    data: str
    images: int
    classes: int
    posterior: str | None
    """What the posterior rests on; None where there is none."""
    mean_marginal: float
    """Of r(x) over all images."""
    mean_logit: float
    disputed: int | None
    """Images for which another label has a better score; None where the discriminator meets no label."""
    suspects: list[Suspect]
    files: list[str]


def write_inspection(
    run: Path,
    data: str | None = None,
    request: InspectionRequest = InspectionRequest(),
    device: torch.device | str = "cpu",
    decoded: Count | None = None,
    inspected: Count | None = None,
    generated: Count | None = None,
    written: Count | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> WrittenInspection:
    """Inspect the images and write `inspection.csv` and the pictures.

    Args:
        run: a run directory, or a discriminator's file.
        data: labelled images; None for those that the run was trained on.
        request: what is asked for.
        device: where.
        decoded: told of (images decoded, all).
        inspected: told of (images inspected, all).
        generated: told of (images generated, all), where p(y|x) is learned.
        written: told of (rows written, all).
        said: told how many images were left out, if any were.

    Raises:
        UserError: no discriminator, or images that are not of its classes.
    """
    refuse_foreign((request.out / name for name in FILES), request.overwrite)
    path = discriminator_path(run)
    discriminator, description = load_discriminator(path, device)
    _refuse_other_conditions(description, path)
    method = str(description.network["condition"])
    remedy = "give images: inspect RUN DATA"
    settings = images_of_run(run, data, request, remedy=remedy)
    settings = settings.model_copy(update={"fit": fit_of(description.provenance.settings)})
    size = discriminator.resolution, discriminator.channels
    images = load_real(settings, size, progress=decoded)
    if data is None:
        refuse_other_images(run, settings, images, description, remedy=remedy, said=said)
    for words in images.loading_words:
        said(words)
    labels, classes, names = _labels(images, description, READINGS[method].score_name != "")
    if description.words_on_empty:
        said(f"{path}: {description.words_on_empty}")
    found = inspect(discriminator, method, as_tensor(images.images), labels, inspected, classes)
    learned = READINGS[method].shares_features and found.knows_classes and request.generated_per_class > 0
    if learned:
        posterior = label_posterior_of(
            _generator_beside(path, description, device),
            discriminator,
            request.generated_per_class,
            generated,
            classes,
        )
        features = features_of(discriminator, as_tensor(images.images), inspected)
        found = dataclasses.replace(found, generated=posterior.log_probabilities(features))
    items = list(item_names(settings, images))
    make_folder(request.out)
    files = [write_table(request.out, found, READINGS[method].score_name, items, names, written)]
    files += write_pictures(request.out, request.top, found, as_tensor(images.images), names)
    return WrittenInspection(
        discriminator=str(path),
        method=method,
        data=images.name,
        images=len(images),
        classes=len(names),
        posterior=_basis(found, READINGS[method], request.generated_per_class),
        mean_marginal=found.marginal.double().mean().item(),
        mean_logit=found.logits.double().mean().item(),
        disputed=int((found.dispute > 0).sum()) if found.knows_classes else None,
        suspects=_suspects(found, request.top, items, names),
        files=[str(file) for file in files],
    )


def _generator_beside(path: Path, description: NetworkDescription, device: torch.device | str) -> Generator:
    beside = path.with_name("generator.safetensors")
    if not beside.is_file():
        raise UserError(
            f"{beside}: no such file, and p(y|x) is learned from its images; "
            "--generated-per-class 0 takes p(y|x) as flat"
        )
    generator, of_generator = load_generator(beside, device)
    if of_generator.class_names != description.class_names or generator.condition is None:
        raise UserError(f"{beside}: not the generator of {path.name}; put that of the same run beside it")
    return generator


def _basis(found: Inspection, reading: Reading, per_class: int) -> str | None:
    if not found.knows_classes:
        return None
    if found.generated is not None:
        return f"r(y|x) and p(y|x), learned from {per_class} generated images a class"
    return (
        "r(y|x) with p(y|x) flat"
        if reading.score_name == "r(y|x)"
        else f"softmax of each {reading.score_name}"
    )


def _refuse_other_conditions(description: NetworkDescription, path: Path) -> None:
    data = description.provenance.settings.get("data")
    kind = data.get("condition", "class") if isinstance(data, dict) else "class"
    if kind != "class" or description.standardization is not None:
        raise UserError(f"{path}: its condition is not one class an image, and only classes are inspected")


def _labels(
    images: PackedImages, description: NetworkDescription, meets_labels: bool
) -> tuple[Tensor, Tensor, Sequence[str]]:
    """Return the images' labels, the labels to read and the names of these.

    Where the discriminator meets labels, they are numbered as it numbers its classes, by name.
    """
    labels, class_names = as_tensor(images.labels), description.class_names
    if not meets_labels:
        return labels, torch.arange(images.num_classes), images.class_names
    present = [name for name in images.class_names if name not in images.empty_classes]
    unknown = [name for name in present if name not in class_names]
    if unknown:
        raise UserError(
            f"{images.name}: the discriminator knows no class {printable(unknown[0])!r}"
            f"{nearest_name(unknown[0], class_names)}"
        )
    never_seen = {class_names[label] for label in description.empty_classes}.intersection(present)
    if never_seen:
        raise UserError(
            f"{images.name}: the discriminator was trained without images of class "
            f"{printable(min(never_seen))!r}, so it can say nothing of them; leave them out"
        )
    place = {name: label for label, name in enumerate(class_names)}
    numbers = torch.tensor([place.get(name, -1) for name in images.class_names])[labels]
    classes = description.present_classes
    return numbers, torch.tensor(classes), [class_names[label] for label in classes]


def item_names(settings: DataConfig, images: PackedImages) -> Iterator[str]:
    """Name each image as its source does; by number where not all that were skipped are known by name."""
    assert settings.source is not None
    if images.skipped_count != len(images.skipped):
        return (f"image {index} of {images.name}" for index in range(len(images)))
    source = open_source(settings.source, settings.split, condition_request(settings))
    skipped = set(images.skipped)  # which are names made fit to be shown
    names = (source.item_name(index) for index in range(len(source)))
    return (name for name in names if visible(name) not in skipped)


def _suspects(found: Inspection, top: int, items: Sequence[str], names: Sequence[str]) -> list[Suspect]:
    if not found.knows_classes:
        return []
    return [
        Suspect(
            image=items[index],
            label=names[int(found.labels[index])],
            suggested=names[int(found.suggested[index])],
            dispute=found.dispute[index].item(),
        )
        for index in found.suspects[:top].tolist()
    ]
