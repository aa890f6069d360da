"""What a generator made is found again; what it did not make is approached."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from projgan.generation.sampling import sample, sample_latents
from projgan.inversion.looks import pixels
from projgan.inversion.searching import Found, Search, SearchSettings, psnr
from projgan.networks.resnet import Generator
from projgan.storage.network_file import generator_path, load_generator

CLASSES = list(range(10))
QUICK = SearchSettings(starts=4, steps=120)


@pytest.fixture(scope="module")
def digits() -> Generator:
    return load_generator(generator_path(Path("digits")))[0]


def made(generator: Generator, seed: int, label: int) -> Tensor:
    return next(sample(generator, [seed], torch.tensor([label])))[0]


@pytest.fixture(scope="module")
def search(digits: Generator) -> Search:
    return Search(digits, CLASSES, QUICK)


@pytest.mark.parametrize(("seed", "label"), [(500, 0), (501, 3), (503, 8)])
def test_what_the_generator_made_is_found_again_with_its_class(
    digits: Generator, search: Search, seed: int, label: int
) -> None:
    """At 30 decibels the root of the mean square difference is 8 of 255 levels; seen are 38 to 44."""
    image = made(digits, seed, label)
    found = search.find(image)
    assert found.weights is not None
    assert found.weights.tolist() == [float(place == label) for place in CLASSES]
    assert psnr(found.image, image) > 30
    assert 0.8 < found.latent.square().mean().sqrt() < 1.2  # a usual latent


def test_what_is_found_gives_the_image_and_does_not_depend_on_what_else_is_searched(
    digits: Generator, search: Search
) -> None:
    images = torch.stack([made(digits, 510, 1), made(digits, 511, 7)])
    steps: list[tuple[int, int]] = []
    settings = SearchSettings(starts=2, steps=20)
    together = Search(digits, CLASSES, settings).find_all(images, lambda *done: steps.append(done))
    alone = Search(digits, CLASSES, settings).find(images[1])
    assert torch.equal(together[1].latent, alone.latent)
    assert alone.weights is not None
    assert torch.equal(next(sample_latents(digits, alone.latent[None], alone.weights[None]))[0], alone.image)
    assert steps == [(step, 60) for step in range(1, 61)]
    other = Search(digits, CLASSES, SearchSettings(starts=2, steps=20, seed=9)).find(images[1])
    assert not torch.equal(other.latent, alone.latent)


def test_a_known_class_is_kept_and_a_mixture_stays_one(digits: Generator) -> None:
    image = made(digits, 500, 0)
    known = Search(digits, CLASSES, SearchSettings(starts=2, steps=30, label=6)).find(image)
    assert known.weights is not None
    assert known.weights.argmax() == 6
    mixed = Search(digits, CLASSES, SearchSettings(starts=2, steps=30, mix=True)).find(image)
    assert mixed.weights is not None
    assert mixed.weights.sum() == pytest.approx(1, abs=1e-5)
    assert mixed.weights.min() >= 0
    assert mixed.weights.max() < 1
    half = Search(digits, [0, 4], SearchSettings(starts=2, steps=30, mix=True)).find(image)
    assert half.weights is not None
    assert half.weights.nonzero().flatten().tolist() in ([0, 4], [0], [4])  # a class never seen has no part


def test_a_half_and_half_image_is_found_by_a_mixture_better_than_by_one_class(digits: Generator) -> None:
    weights = torch.zeros(1, 10)
    weights[0, [0, 1]] = 0.5
    latent = torch.randn(1, digits.latent_size, generator=torch.Generator().manual_seed(4))
    image = next(sample_latents(digits, latent, weights))[0]
    mixed = Search(digits, CLASSES, SearchSettings(starts=4, steps=150, mix=True)).find(image)
    assert psnr(mixed.image, image) > 30


def test_a_generator_without_classes() -> None:
    torch.manual_seed(0)
    generator = Generator("resnet-8", num_classes=None, channels=1, latent_size=8, width=8).eval()
    image = next(sample(generator, [77], None))[0]
    found = Search(generator, [], SearchSettings(starts=4, steps=100)).find(image)
    assert found.weights is None
    assert psnr(found.image, image) > 30


def test_decibels_and_copies_by_hand() -> None:
    black, grey = torch.zeros(1, 2, 2, dtype=torch.uint8), torch.full((1, 2, 2), 51, dtype=torch.uint8)
    assert psnr(black, grey) == pytest.approx(20 * math.log10(5))  # 255 / 51
    assert psnr(grey, grey) == math.inf
    image = torch.arange(64.0).view(1, 1, 8, 8)
    whole, half = pixels(image)
    assert torch.equal(whole, image)
    assert half[0, 0, 0, 0] == (0 + 1 + 8 + 9) / 4
    assert half.shape == (1, 1, 4, 4)


def test_features_pull_where_pixels_say_nothing(digits: Generator) -> None:
    """A look that sees one corner only, much weighed, makes that corner right."""
    image = made(digits, 520, 4)

    def corner(images: Tensor) -> list[Tensor]:
        return [images[..., :3, :3]]

    def error(found: Found) -> float:
        return (found.image[:, :3, :3].double() - image[:, :3, :3]).square().mean().item()

    plain = Search(digits, CLASSES, SearchSettings(starts=2, steps=15)).find(image)
    pulled = Search(digits, CLASSES, SearchSettings(starts=2, steps=15, feature_weight=50), corner).find(
        image
    )
    assert error(pulled) < error(plain)


def test_one_step_is_one(digits: Generator) -> None:
    done: list[int] = []
    Search(digits, CLASSES, SearchSettings(starts=2, steps=1)).find(made(digits, 520, 4), done.append)
    assert max(done) == 1


def test_a_gpu_searches_in_full_float32_by_algorithms_that_do_not_vary(digits: Generator) -> None:
    seen = set()

    def note(module: object, inputs: object) -> None:
        cudnn = torch.backends.cudnn
        seen.add((cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32, cudnn.deterministic))

    hook = digits.register_forward_pre_hook(note)
    try:
        with torch.backends.cudnn.flags(
            enabled=True, allow_tf32=True, deterministic=False
        ):  # as torch starts
            Search(digits, CLASSES, QUICK).find(made(digits, 520, 4))
    finally:
        hook.remove()
    assert seen == {(False, False, True)}
