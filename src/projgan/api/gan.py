"""A trained generator as a notebook holds it: sample, mix, morph, and ask the discriminator."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from projgan.api.ambient import learning_as_before, undisturbed
from projgan.api.given import judged, names_of, whole_number
from projgan.api.inversion import Pictures, invert
from projgan.api.listeners import Progress
from projgan.api.sampling import Classes, sampled
from projgan.data.tensors import as_torch
from projgan.errors import UserError
from projgan.generation.conditions_in_words import class_labels
from projgan.generation.morphing import Morph, class_path, latent_path, morph_images
from projgan.generation.request import MOST, SampleRequest
from projgan.generation.sample_writing import LARGEST_GRID
from projgan.inspection.inspection import Inspection, inspect
from projgan.inversion.request import InversionRequest
from projgan.inversion.searching import Found
from projgan.networks.resnet import Discriminator, Generator
from projgan.pictures.grids import grid
from projgan.pictures.pillow import to_pil
from projgan.request import check_seed, named_as_arguments
from projgan.storage.checkpoint_generators import open_generator
from projgan.storage.hub_models import known_as
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import save_network
from projgan.storage.pairs import discriminator_of


class GAN:
    """A generator with its class names, and the discriminator of its run where that lies beside it.

    Attributes:
        generator: a torch module in evaluation mode; `generator(latents, condition) -> images in [-1, 1]`.
        description: what the file says of itself: classes, data, settings, steps, versions.
        path: the generator's file.
    """

    def __init__(self, generator: Generator, description: NetworkDescription, path: Path) -> None:
        self.generator, self.description, self.path = generator, description, path.absolute()

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
            UserError: the one beside the generator is of another run, or of another step of it.
        """
        return self._pair[0] if self._pair else None

    @cached_property
    def _pair(self) -> tuple[Discriminator, NetworkDescription] | None:
        with undisturbed():
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
        with self._undisturbed():
            return sampled(self, classes, count, seed, truncation, reject, latents)

    def grid(self, *, count: int = 8, seed: int = 0, truncation: float | None = None) -> Image.Image:
        """Draw one class a row and one seed a column, with the names of the classes.

        Raises:
            UserError: as `sample`, or more images than one picture holds.
        """
        with named_as_arguments():
            count = SampleRequest(count=count, seed=seed, truncation=truncation).count
        total = count * max(1, len(self.shown_classes))
        if total > LARGEST_GRID:
            raise UserError(f"{total:,} images are too many for one grid; ask for fewer, or for `sample`")
        images = self.sample_tensor(count=count, seed=seed, truncation=truncation)
        names = None if self.generator.condition is None else self.shown_classes
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
        steps = whole_number(steps, "steps", MOST)
        if steps < max(len(labels), 2):
            raise UserError(f"{steps} steps are too few to pass through {len(labels)} classes")
        seeds = [seed] if to_seed is None else [seed, to_seed]
        bounds = None if truncation is None else [truncation]
        with self._undisturbed():
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
        progress: Progress = True,
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
            progress: as in `projgan.train`.

        Returns:
            For each image `.latent` [latent_size], `.weights` [num_classes] and the `.image` that they give,
            uint8 [channels, R, R].

        Raises:
            UserError: an unknown class or network, or a generator of another condition.
        """
        beside = self.discriminator if features == "discriminator" else None
        generator = self.generator, self.description, self.path, beside
        networks = [network for network in (self.generator, beside) if network is not None]
        with named_as_arguments(), undisturbed(*networks), learning_as_before(*networks):
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
        with undisturbed(discriminator):
            return inspect(discriminator, method, images, labels, classes=classes)

    def save(self, path: str | Path) -> Path:
        """Write the generator as it is in memory to a file that `load` and every command read.

        Args:
            path: of the file, ending in `.safetensors`; one that is there is replaced.

        Returns:
            That path.

        Raises:
            UserError: another ending, no such folder, other layers, or a weight that is not finite.
        """
        file = Path(path)
        if file.suffix != ".safetensors":
            raise UserError(f"{file}: the name of a generator's file ends in .safetensors")
        form, known = self.generator.state_dict(), open_generator(self.path, "cpu")[0].state_dict()
        if {name: one.shape for name, one in form.items()} != {
            name: one.shape for name, one in known.items()
        }:
            raise UserError(f"{file}: the generator has other layers by now than {self.path} describes")
        save_network(self.generator, self.description, file)
        return file

    def _undisturbed(self) -> AbstractContextManager[None]:
        return undisturbed(self.generator)

    def __repr__(self) -> str:
        provenance = self.description.provenance
        classes = f"{len(self.class_names)} classes" if self.class_names else "no classes"
        return (
            f"<GAN {known_as(self.path)}: {classes}, {self.resolution}x{self.resolution}, "
            f"trained on {provenance.data} for {provenance.step:,} steps>"
        )

    @property
    def shown_classes(self) -> list[str]:
        """Those that had images in training."""
        return [self.class_names[label] for label in self.description.present_classes]
