"""Find the latent and the class from which a generator makes an image that is given.

By gradient descent from several starts, the best of many generated images. The class is not known: first each
start mixes all classes, with weights that a falling temperature makes choose; then the likeliest classes are
tried one by one, each with all its weight. Of whatever is tried, what looks most like the image is taken.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from projgan.arithmetic import in_float32
from projgan.generation.sampling import sample_latents
from projgan.inversion.looks import Look, pixels
from projgan.lanes import lane_size
from projgan.networks.resnet import Generator
from projgan.pictures.pixels import to_float
from projgan.randomness import generator_at

RATE = 0.2
"""Of Adam, constant in the first half of the steps and then down to nought."""
MOST_GENERATED, MOST_VALUES = 1000, 2**26
"""Images, and numbers in them, among which the starts are chosen."""
SHARPEST = 4.0
"""What scores of classes are multiplied by at the end of the first part; it begins with 1."""
CLASSES_TRIED = 3
"""At each of the best starts, one by one, in the second part."""
SURVIVORS = 2
LENGTH_WEIGHT = 1e-3
"""Of what a latent's mean square exceeds 1 by, the usual one: far out nothing was learned."""


@dataclass(frozen=True)
class SearchSettings:
    """How to search."""

    starts: int = 8
    steps: int = 400
    """Of the first part; the second has half as many."""
    feature_weight: float = 1.0
    mix: bool = False
    """Whether the class stays a mixture."""
    label: int | None = None
    """The class, where it is known."""
    seed: int = 0
    """Of the images that starts are chosen from."""


@dataclass(frozen=True)
class Found:
    """What gives an image, and how well."""

    latent: Tensor
    """float32 [latent_size]."""
    weights: Tensor | None
    """Mixing weights float32 [num_classes], one 1 and else 0 unless a mixture was asked for."""
    image: Tensor
    """What it gives, uint8 [C, R, R]."""


class Search:
    """A generator that images are searched in, and the images that a search starts from.

    Args:
        generator: in evaluation mode; it meets classes or nothing. Its weights are left without gradients.
        classes: labels of the classes to choose from.
        settings: how to search.
        look: what is compared beside the pixels, or None.
    """

    def __init__(
        self, generator: Generator, classes: list[int], settings: SearchSettings, look: Look | None = None
    ) -> None:
        self.generator, self.settings, self.look = generator.requires_grad_(False), settings, look
        self.device = next(generator.parameters()).device
        self.meets_class = generator.num_classes is not None
        known = [settings.label] if settings.label is not None else classes
        self.classes = torch.tensor(known if self.meets_class else [0])
        self.latents, self.labels, self.images = self._starts()

    @property
    def steps(self) -> int:
        """Steps of the search for one image."""
        settings = self.settings
        return settings.steps + (settings.steps // 2 if self.chooses and not settings.mix else 0)

    @property
    def chooses(self) -> bool:
        """Whether there are classes to choose from."""
        return self.meets_class and len(self.classes) > 1

    def find_all(
        self, images: Tensor, searched: Callable[[int, int], None] = lambda done, total: None
    ) -> list[Found]:
        """Search for each of some images, uint8 [N, C, R, R]; `searched` is told of (steps done, all)."""
        total = len(images) * self.steps
        return [
            self.find(image, lambda step, before=place * self.steps: searched(before + step, total))  # type: ignore[misc]
            for place, image in enumerate(images)
        ]

    def find(self, image: Tensor, stepped: Callable[[int], None] = lambda step: None) -> Found:
        """Search for one image, uint8 [C, R, R]; `stepped` is told of the steps done.

        The same image gives the same answer, whatever else is searched for.
        """
        with in_float32():
            return self._find(image, stepped)

    def _find(self, image: Tensor, stepped: Callable[[int], None]) -> Found:
        target = to_float(image[None].to(self.device), torch.tensor(0.5, device=self.device))
        looked = [one.detach() for one in self._looks(target)]
        order = self._difference(self.images, to_float(image[None]).to(self.images.device)).argsort()
        chosen = order[: self.settings.starts]
        latents = self.latents[chosen].to(self.device)
        if not self.chooses:
            weights = self._all_weight(self.labels[chosen])
            (latents,) = self._descend(
                [latents], lambda now, _: (now[0], weights[: len(now[0])]), looked, stepped
            )
            return self._best(latents, weights[: len(latents)], looked)
        scores = torch.zeros(len(chosen), len(self.classes), device=self.device)
        latents, scores = self._descend([latents, scores], self._mixed, looked, stepped)
        if self.settings.mix:
            return self._best(*self._mixed([latents, scores], 1.0), looked)
        places = scores.topk(min(CLASSES_TRIED, len(self.classes))).indices
        latents = latents.repeat_interleave(places.shape[1], dim=0)
        weights = self._all_weight(self.classes[places.flatten().cpu()])
        done = self.settings.steps
        (latents,) = self._descend(
            [latents],
            lambda now, _: (now[0], weights),
            looked,
            lambda step: stepped(done + step),
            steps=self.settings.steps // 2,
            halving=False,
        )
        return self._best(latents, weights, looked)

    def _starts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Images of all classes in turn, at most so many: latents, labels, and float images on the CPU."""
        generator = self.generator
        most = MOST_VALUES // (generator.channels * generator.resolution**2)
        count = max(min(MOST_GENERATED, most), self.settings.starts, lane_size(generator))
        labels = self.classes[torch.arange(count) % len(self.classes)]
        turns = torch.arange(count) // len(self.classes)  # every class has the same latents
        drawn = generator_at(self.settings.seed, "starts of a search", 0)
        latents = torch.randn(int(turns[-1]) + 1, generator.latent_size, generator=drawn)[turns]
        images = torch.cat(list(sample_latents(generator, latents, labels if self.meets_class else None)))
        return latents, labels, to_float(images)

    def _all_weight(self, labels: Tensor) -> Tensor:
        return F.one_hot(labels, self.generator.num_classes or 1).float().to(self.device)

    def _mixed(self, now: list[Tensor], part: float) -> tuple[Tensor, Tensor]:
        latents, scores = now
        chosen = (scores * (1 + (SHARPEST - 1) * part)).softmax(dim=1)
        weights = torch.zeros(len(scores), self.generator.num_classes or 1, device=self.device)
        return latents, weights.index_copy(1, self.classes.to(self.device), chosen)

    def _looks(self, images: Tensor) -> list[Tensor]:
        return [*pixels(images), *(self.look(images) if self.look else [])]

    def _difference(self, images: Tensor, target: Tensor) -> Tensor:
        """Of the pixels alone: [N, C, R, R] and [1, C, R, R] -> [N]."""
        pairs = zip(pixels(images), pixels(target), strict=True)
        return torch.stack([_mean_square(one, other) for one, other in pairs]).mean(dim=0)

    def _cost(self, latents: Tensor, weights: Tensor, looked: list[Tensor]) -> Tensor:
        images = self.generator(latents, weights if self.meets_class else None)
        found, copies = self._looks(images), len(pixels(images))
        parts = [_mean_square(one, other) for one, other in zip(found, looked, strict=True)]
        cost = torch.stack(parts[:copies]).mean(dim=0)
        if self.look:
            cost = cost + self.settings.feature_weight * torch.stack(parts[copies:]).mean(dim=0)
        return cost + LENGTH_WEIGHT * (latents.square().mean(dim=1) - 1).clamp(min=0)

    def _descend(
        self,
        values: list[Tensor],
        place: Callable[[list[Tensor], float], tuple[Tensor, Tensor]],
        looked: list[Tensor],
        stepped: Callable[[int], None],
        steps: int | None = None,
        halving: bool = True,
    ) -> list[Tensor]:
        """Adam on all starts at once, of which the worse go after a third and after two thirds."""
        steps = self.settings.steps if steps is None else steps
        ends = [steps // 3, 2 * steps // 3, steps] if halving else [steps]
        done = 0
        for end in ends:
            values = [value.detach().clone().requires_grad_() for value in values]
            optimizer = torch.optim.Adam(values, RATE, betas=(0.9, 0.99))
            for step in range(done, end):
                optimizer.param_groups[0]["lr"] = RATE * min(1.0, 2 * (1 - step / steps))
                optimizer.zero_grad()
                self._cost(*place(values, step / steps), looked).sum().backward()
                optimizer.step()
                stepped(step + 1)
            done = end
            if halving:
                with torch.no_grad():
                    order = self._cost(*place(values, end / steps), looked).argsort()
                kept = order[: max(SURVIVORS, math.ceil(len(order) / 3)) if end < steps else SURVIVORS]
                values = [value[kept] for value in values]
        return [value.detach() for value in values]

    def _best(self, latents: Tensor, weights: Tensor, looked: list[Tensor]) -> Found:
        """Of what was tried, that which looks most like the image."""
        with torch.no_grad():
            best = int(self._cost(latents, weights, looked).argmin())
        latent, weight = latents[best].cpu(), weights[best].cpu() if self.meets_class else None
        condition = None if weight is None else weight[None]
        given = next(sample_latents(self.generator, latent[None], condition))[0]
        return Found(latent, weight, given)


def psnr(one: Tensor, other: Tensor) -> float:
    """Peak signal to noise of two images uint8 [C, H, W] in decibels; infinite where they are the same."""
    error = (one.double() - other.double()).square().mean().item()
    return 10 * math.log10(255**2 / error) if error else math.inf


def _mean_square(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().flatten(1).mean(dim=1)
