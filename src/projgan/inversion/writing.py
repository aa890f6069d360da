"""A request to find images in a generator carried out: a file of latents, and a picture that compares."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from projgan.config import Fit
from projgan.data.configured import fit_of
from projgan.data.decode import fit, to_eight_bits
from projgan.data.sources.folder import open_file
from projgan.data.tensors import as_tensor
from projgan.errors import UserError
from projgan.files import make_folder
from projgan.generation.conditions_in_words import class_label
from projgan.generation.sampling import sample_latents
from projgan.inversion.looks import open_look
from projgan.inversion.request import InversionRequest
from projgan.inversion.searching import Found, Search, SearchSettings, psnr
from projgan.listening import Count
from projgan.networks.resnet import Generator
from projgan.overwriting import refuse_foreign
from projgan.pictures.grids import between_names, write_png
from projgan.storage.checkpoint_generators import open_generator
from projgan.storage.latents_file import LATENTS, Latents, LatentsDescription, load_latents, save_latents
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import generator_path, weights_sha256
from projgan.storage.pairs import discriminator_of

PICTURE = "comparison.png"
MOST_IMAGES = 100
COLUMNS = 5
"""Pairs in a row of the picture."""
SMALLEST_WEIGHT = 0.001
"""That is named in a mixture."""


@dataclass(frozen=True)
class FoundImage:
    """One image and what was found; the fields are those of `--json`."""

    image: str
    class_name: str | None
    """The class with the largest weight; None where the generator meets none."""
    weights: dict[str, float] | None
    """Of all classes above 0.001."""
    psnr: float | None
    """Of the image and what was found, in decibels; None where every pixel is the same."""
    latent_length: float
    """Over that of a usual latent, the root of their size."""


@dataclass(frozen=True)
class WrittenInversion:
    """What was found and written; the fields are those of `--json`."""

    generator: str
    latents: str
    picture: str
    found: list[FoundImage]


def write_inversion(
    run: Path,
    images: Sequence[Path],
    request: InversionRequest,
    device: torch.device | str = "cpu",
    searched: Count | None = None,
    said: Callable[[str], None] = lambda message: None,
) -> WrittenInversion:
    """Find every image and write `latents.safetensors` and `comparison.png`, the former after each image.

    The same request goes on where it was stopped.

    Args:
        run: a run directory, a generator's file, or the name of a published model.
        images: files of images.
        request: how to search.
        device: where.
        searched: told of (steps done, all).
        said: told what was taken from an earlier call.

    Raises:
        UserError: a generator of another condition than classes, an image that cannot be read, or files of
            somebody else or of another call in the way.
    """
    if not 1 <= len(images) <= MOST_IMAGES:
        raise UserError(f"{len(images)} images are given; from 1 to {MOST_IMAGES} are taken at once")
    path = generator_path(run)
    generator, description = open_generator(path, device)
    settings = settings_of(request, generator, description, path)
    how = request.fit or fit_of(description.provenance.settings)
    targets = torch.stack([_read(image, generator, how) for image in images])
    refuse_foreign((request.out / name for name in (LATENTS, PICTURE)), request.overwrite)
    beside = discriminator_of(path, generator, description) if request.features == "discriminator" else None
    look = open_look(request.features, generator.channels, generator.resolution, beside and beside[0], device)
    make_folder(request.out)
    head = LatentsDescription(
        generator_sha256=weights_sha256(generator),
        class_names=description.class_names if generator.num_classes else (),
        rows=(),
        made_by=asdict(settings) | {"features": request.features},
    )
    if not request.overwrite:
        _refuse_another_call(request.out, head, targets)
    before = _found_before(request.out / LATENTS, head, generator)
    search = Search(generator, description.present_classes, settings, look)
    found: list[Found] = []
    rows: list[FoundImage] = []
    for place, (image, target) in enumerate(zip(images, targets, strict=True)):
        report = partial(_report, searched, place * search.steps, len(targets) * search.steps)
        found.append(before.get(_key(target)) or search.find(target, report))
        report(search.steps)
        rows.append(_row(image, target, found[-1], description))
        keys = [_key(one) for one in targets]
        kept = [asdict(row) | {"pixels_sha256": key} for row, key in zip(rows, keys, strict=False)]
        _save(request.out / LATENTS, head, kept, found)
    taken = sum(_key(target) in before for target in targets)
    if taken:
        said(f"{taken} of {len(targets)} images were found by an earlier call of this kind")
    write_png(_picture(targets, found, rows), request.out / PICTURE)
    return WrittenInversion(str(path), str(request.out / LATENTS), str(request.out / PICTURE), rows)


def _report(searched: Count | None, before: int, total: int, step: int) -> None:
    if searched:
        searched(before + step, total)


def settings_of(
    request: InversionRequest, generator: Generator, description: NetworkDescription, path: Path
) -> SearchSettings:
    """Return how to search in a generator.

    Raises:
        UserError: it meets another condition than classes, or not this one.
    """
    if generator.condition not in (None, "class"):
        raise UserError(f"{path}: its condition is {generator.condition}; only classes are searched")
    label = None
    if generator.condition is None:
        if request.class_name is not None or request.mix:
            raise UserError(f"{path}: an unconditional generator has no classes; drop --class and --mix")
    elif request.class_name is not None:
        label = class_label(request.class_name, description.class_names, description.empty_classes)
    return SearchSettings(
        request.starts, request.steps, request.feature_weight, request.mix, label, request.seed
    )


def _read(path: Path, generator: Generator, how: Fit) -> Tensor:
    """Read one image, refused from its header where it is too large, as the generator would have seen it."""
    if path.is_dir():
        raise UserError(f"{path}: a folder; give images, as in {path}/*.png")
    picture = to_eight_bits(open_file(path, str(path)), str(path))
    return as_tensor(fit(picture, generator.resolution, generator.channels, how))


def _key(target: Tensor) -> str:
    return hashlib.sha256(target.numpy().tobytes()).hexdigest()


def _refuse_another_call(out: Path, head: LatentsDescription, targets: Tensor) -> None:
    """Refuse to write over what a call of another kind, or with images that are not here, has found."""
    try:
        before = load_latents(out / LATENTS).description
    except UserError:  # none, or another's, which `refuse_foreign` has judged
        return
    known = set(map(_key, targets))
    strange = any(row.get("pixels_sha256") not in known for row in before.rows)
    if strange or before.model_copy(update={"rows": ()}) != head:
        raise UserError(
            f"--out {out}: holds what another call found; choose another --out, or add --overwrite"
        )


def _found_before(path: Path, head: LatentsDescription, generator: Generator) -> dict[str, Found]:
    """What an earlier call of the same kind has found, by the checksum of the image's pixels."""
    try:
        before = load_latents(path)
    except UserError:  # none, or another's, which `refuse_foreign` has judged
        return {}
    if before.description.model_copy(update={"rows": ()}) != head:
        return {}
    if before.latents.shape[1] != generator.latent_size:
        return {}
    images = torch.cat(list(sample_latents(generator, before.latents, before.weights)))
    weights = before.weights if before.weights is not None else [None] * len(images)
    return {
        str(row.get("pixels_sha256")): Found(latent, weight, image)
        for row, latent, weight, image in zip(
            before.description.rows, before.latents, weights, images, strict=True
        )
    }


def _row(image: Path, target: Tensor, found: Found, description: NetworkDescription) -> FoundImage:
    weights = found.weights
    decibels = psnr(found.image, target)
    return FoundImage(
        image=str(image),
        class_name=None if weights is None else description.class_names[int(weights.argmax())],
        weights=None
        if weights is None
        else {
            description.class_names[label]: round(weights[label].item(), 4)
            for label in weights.argsort(descending=True).tolist()
            if weights[label] >= SMALLEST_WEIGHT
        },
        psnr=None if math.isinf(decibels) else decibels,
        latent_length=found.latent.square().mean().sqrt().item(),
    )


def _save(
    path: Path, head: LatentsDescription, rows: Sequence[dict[str, Any]], found: Sequence[Found]
) -> None:
    weights = [one.weights for one in found if one.weights is not None]
    description = head.model_copy(update={"rows": tuple(rows)})
    latents = torch.stack([one.latent for one in found])
    save_latents(path, Latents(latents, torch.stack(weights) if weights else None, description))


def _picture(targets: Tensor, found: Sequence[Found], rows: Sequence[FoundImage]) -> Image.Image:
    """Each image on the left of what was found, with its name above and the class below."""
    pairs = torch.cat([targets, torch.stack([one.image for one in found])], dim=3)
    below = [f"{_class_words(row)}{_decibel_words(row)}" for row in rows]
    return between_names(pairs, [Path(row.image).name for row in rows], below, COLUMNS)


def _class_words(row: FoundImage) -> str:
    if row.weights is None:
        return ""
    if len(row.weights) == 1:
        return f"{row.class_name}, "
    most = list(row.weights.items())[:3]
    return ", ".join(f"{name} {weight:.2f}" for name, weight in most) + ", "


def _decibel_words(row: FoundImage) -> str:
    return "the same" if row.psnr is None else f"{row.psnr:.1f} dB"
