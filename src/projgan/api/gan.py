"""A trained generator as a notebook holds it: sample, mix, morph, and ask the discriminator."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from projgan.api.given import drawn_by_hand, judged, names_of
from projgan.api.inversion import Pictures, invert
from projgan.data.tensors import as_torch
from projgan.errors import UserError
from projgan.generation.conditions_in_words import MIXES, class_labels
from projgan.generation.morphing import Morph, class_path, latent_path, morph_images
from projgan.generation.rejection import most_real
from projgan.generation.request import MOST, SampleRequest
from projgan.generation.sample_writing import LARGEST_GRID
from projgan.generation.sampling import sample, sample_latents, truncate
from projgan.inspection.inspection import Inspection, inspect
from projgan.inversion.request import InversionRequest
from projgan.inversion.searching import Found
from projgan.networks.resnet import Discriminator, Generator
from projgan.pictures.grids import grid
from projgan.pictures.pillow import to_pil
from projgan.process.ranks import choose_device
from projgan.request import check_seed, named_as_arguments
from projgan.storage.checkpoint_generators import open_generator
from projgan.storage.hub_models import known_as
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import generator_path
from projgan.storage.pairs import discriminator_of

Classes = str | Sequence[str] | Mapping[str, float] | None


class GAN:
    """A generator with its class names, and the discriminator of its run where that lies beside it.

    Attributes:
        generator: a torch module in evaluation mode; `generator(latents, condition) -> images in [-1, 1]`.
        description: what the file says of itself: classes, data, settings, steps, versions.
        path: the generator's file.
    """

    def __init__(self, generator: Generator, description: NetworkDescription, path: Path) -> None:
        self.generator, self.description, self.path = generator, description, path

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, or of the columns of another condition."""
        return self.description.class_names

    @property
    def resolution(self) -> int:
        """Height and width of the images in pixels."""
        return self.generator.resolution

    @property
    def discriminator(self) -> Discriminator | None:
        """The discriminator of the same run, in evaluation mode; None where only the generator is at hand.

        Raises:
            UserError: the one beside the generator is of another run.
        """
        return self._pair[0] if self._pair else None

    @cached_property
    def _pair(self) -> tuple[Discriminator, NetworkDescription] | None:
        return discriminator_of(self.path, self.generator, self.description)

    def to(self, device: str | torch.device) -> "GAN":
        """Move the networks to a device; returns this very object."""
        self.generator.to(device)
        pair = self.__dict__.get("_pair")
        if pair is not None:  # not read yet, it will come to where the generator is
            pair[0].to(device)
        return self

    def sample(
        self,
        classes: Classes = None,
        *,
        count: int = 1,
        seed: int = 0,
        truncation: float | None = None,
        reject: float | None = None,
        latents: Tensor | None = None,
    ) -> list[Image.Image]:
        """Generate images; one seed and one class are one image, whatever is sampled beside it.

        Args:
            classes: a class; several, each with its own images; a dict of mixing weights that sum to 1 (or of
                values, where the condition is no class); None for every class with images in turn.
            count: images of each class.
            seed: of the first image of each class; the next ones follow.
            truncation: bound of the latents' entries, in (0, 10): less variety, more typical images.
            reject: share of the seeds that the discriminator rejects, in (0, 1).
            latents: [N, latent_size], as drawn from N(0, I), in place of `count` and `seed`: N images of each
                class.

        Returns:
            PIL images, class by class.

        Raises:
            UserError: an unknown class, weights that do not sum to 1, a number out of its range, latents of
                another size, or no discriminator to reject with.
        """
        images = self.sample_tensor(
            classes, count=count, seed=seed, truncation=truncation, reject=reject, latents=latents
        )
        return [to_pil(image) for image in images]

    def sample_tensor(
        self,
        classes: Classes = None,
        *,
        count: int = 1,
        seed: int = 0,
        truncation: float | None = None,
        reject: float | None = None,
        latents: Tensor | None = None,
    ) -> Tensor:
        """Generate images as `sample` does; returns uint8 [N, channels, R, R] on the CPU."""
        if latents is not None:
            if (count, seed, reject) != (1, 0, None):
                raise UserError("latents take the place of count, seed and reject; leave these out")
            return self._of_latents(latents, classes, truncation)
        with named_as_arguments():
            asked = SampleRequest(count=count, seed=seed, truncation=truncation, reject=reject)
        count, truncation, reject = asked.count, asked.truncation, asked.reject
        rows = self._conditions(classes)
        seeds = [self._seeds(asked.pool, count, row, truncation, reject) for row in rows]
        flat = [one for row in seeds for one in row]
        conditions = None if rows[0] is None else torch.stack([row for row in rows if row is not None])
        repeated = None if conditions is None else conditions.repeat_interleave(count, dim=0)
        return torch.cat(list(sample(self.generator, flat, repeated, truncation)))

    def grid(self, *, count: int = 8, seed: int = 0, truncation: float | None = None) -> Image.Image:
        """Draw one class a row and one seed a column, with the names of the classes.

        Raises:
            UserError: as `sample`, or more images than one picture holds.
        """
        with named_as_arguments():
            count = SampleRequest(count=count, seed=seed, truncation=truncation).count
        total = count * max(1, len(self._shown))
        if total > LARGEST_GRID:
            raise UserError(f"{total:,} images are too many for one grid; ask for fewer, or for `sample`")
        images = self.sample_tensor(count=count, seed=seed, truncation=truncation)
        names = None if self.generator.condition is None else self._shown
        return grid(images, count, names)

    def morph(
        self,
        classes: Sequence[str],
        *,
        seed: int = 0,
        to_seed: int | None = None,
        steps: int = 24,
        truncation: float | None = None,
    ) -> list[Image.Image]:
        """Go from class to class in even steps, at one seed or on the way to another one.

        Args:
            classes: the stops; one alone, where only the seed changes.
            seed: of the latent.
            to_seed: of the latent at the end; None to stay.
            steps: images in all, at least one for each stop.
            truncation: bound of the latents' entries.

        Raises:
            UserError: an unknown class, fewer steps than stops, too many, or a generator of another
                condition.
        """
        with named_as_arguments():
            SampleRequest(seed=seed, truncation=truncation)
            if to_seed is not None:
                check_seed(to_seed, 1, "to_seed")
        if self.generator.condition != "class":
            raise UserError(f"{self.path}: its condition is no class; there is nothing to morph between")
        labels = class_labels(names_of(classes), self.class_names, self.description.empty_classes)
        if not isinstance(steps, int) or steps > MOST:
            raise UserError(f"steps is {steps!r}; it must be a whole number of at most {MOST:,}")
        if steps < max(len(labels), 2):
            raise UserError(f"{steps} steps are too few to pass through {len(labels)} classes")
        seeds = [seed] if to_seed is None else [seed, to_seed]
        bounds = None if truncation is None else [truncation]
        latents = latent_path(seeds, self.generator.latent_size, steps, bounds)
        weights = class_path(labels, len(self.class_names), steps)
        images = morph_images(self.generator, Morph(latents[None], weights[None]))
        return [to_pil(image) for image in images[0]]

    def invert(
        self,
        images: Pictures,
        *,
        class_name: str | None = None,
        mix: bool = False,
        features: str = "pixels",
        starts: int = 8,
        steps: int = 400,
        seed: int = 0,
        progress: bool = True,
    ) -> list[Found]:
        """Find the latent and the class from which the generator makes an image.

        Args:
            images: PIL images of any size, or uint8 [N, channels, R, R].
            class_name: the class, where it is known.
            mix: let the class be a mixture of all.
            features: what is compared beside the pixels: `discriminator`, `imagenet`, `classifier:FILE`, or
                nothing, `pixels`.
            starts: latents to begin with.
            steps: of gradient descent.
            seed: of the images that starts are chosen from.
            progress: whether to show how far it is.

        Returns:
            For each image `.latent` [latent_size], `.weights` [num_classes] and the `.image` that they give,
            uint8 [channels, R, R].

        Raises:
            UserError: an unknown class or network, or a generator of another condition.
        """
        beside = self.discriminator if features == "discriminator" else None
        generator = self.generator, self.description, self.path, beside
        with named_as_arguments():
            asked = InversionRequest(
                class_name=class_name, mix=mix, features=features, starts=starts, steps=steps, seed=seed
            )
            return invert(*generator, images, asked, progress)

    def inspect(self, images: Tensor, labels: Tensor) -> Inspection:
        """Ask the discriminator about labelled images: how real each is, and whether its label fits.

        Args:
            images: uint8 [N, channels, resolution, resolution], N >= 1.
            labels: integers [N].

        Raises:
            UserError: there is no discriminator, images or labels of another form, too many images, a label
                of a class without images in training, or a generator of another condition.
        """
        if self._pair is None:
            raise UserError(f"{self.path}: there is no discriminator.safetensors beside it to ask")
        if self.generator.condition not in ("class", None):
            raise UserError(f"{self.path}: its condition is not one class an image, and only these are asked")
        images, labels = judged(self.generator, as_torch(images), as_torch(labels))
        discriminator, description = self._pair
        method, classes = str(description.network["condition"]), torch.tensor(description.present_classes)
        return inspect(discriminator, method, images, labels, classes=classes)

    def __repr__(self) -> str:
        provenance = self.description.provenance
        classes = f"{len(self.class_names)} classes" if self.class_names else "no classes"
        return (
            f"<GAN {known_as(self.path)}: {classes}, {self.resolution}x{self.resolution}, "
            f"trained on {provenance.data} for {provenance.step:,} steps>"
        )

    def _of_latents(self, latents: Tensor, classes: Classes, truncation: float | None) -> Tensor:
        drawn = drawn_by_hand(latents, self.generator.latent_size)
        with named_as_arguments():
            bound = SampleRequest(truncation=truncation).truncation
        drawn = drawn if bound is None else truncate(drawn, bound)
        rows = self._conditions(classes)
        given = [None if row is None else row.expand(len(drawn), *row.shape) for row in rows]
        return torch.cat([part for row in given for part in sample_latents(self.generator, drawn, row)])

    @property
    def _shown(self) -> list[str]:
        return [self.class_names[label] for label in self.description.present_classes]

    def _conditions(self, classes: Classes) -> list[Tensor | None]:
        """One condition a row; None for an unconditional generator."""
        kind, names, empty = self.generator.condition, self.class_names, self.description.empty_classes
        if kind is None:
            if classes is not None:
                raise UserError(f"{self.path}: an unconditional generator; it takes no classes")
            return [None]
        if isinstance(classes, Mapping):
            return [MIXES[kind](classes, names, self.description.standardization, empty)]
        if kind != "class":
            raise UserError(f"{self.path}: its condition is {kind}; give a dict of values")
        asked = self._shown if classes is None else names_of(classes)
        return list(torch.tensor(class_labels(asked, names, empty)))

    def _seeds(
        self,
        pool: range,
        count: int,
        condition: Tensor | None,
        truncation: float | None,
        reject: float | None,
    ) -> Sequence[int]:
        if reject is None:
            return pool
        if self.discriminator is None:
            raise UserError(f"{self.path}: there is no discriminator.safetensors beside it to reject with")
        return most_real(self.generator, self.discriminator, pool, count, condition, truncation)


def load(source: str | Path | Any, *, device: str = "auto") -> GAN:
    """Open a generator: a published model by name, one of the hub, a run, a checkpoint of one, or its file.

    Args:
        source: as `projgan models` lists it, `hf:USER/NAME`, or a path, or what `projgan.train` returned.
        device: `auto` (a GPU where there is one), `cpu` or `cuda`.

    Raises:
        UserError: there is none, or it is damaged. Nothing in a file is ever executed.
    """
    path = generator_path(path_of(source))
    generator, description = open_generator(path, choose_device(device))
    return GAN(generator, description, path)


def path_of(source: object) -> Path:
    """Return the path of a run, of a loaded generator, or of what is a path itself."""
    if isinstance(source, str | Path):
        return Path(source)
    path = getattr(source, "path", None)
    if not isinstance(path, Path):
        raise UserError(f"{source!r} is no path, run or generator")
    return path
