"""Paths through classes, latents and truncations against hand values and plain samples."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from projgan.generation import sampling
from projgan.generation.morphing import (
    Morph,
    class_path,
    class_square,
    latent_path,
    linear_path,
    morph_images,
    spherical,
    stop_steps,
)
from projgan.generation.sampling import latents_of, sample
from projgan.networks.resnet import Generator
from projgan.networks.shapes import GENERATORS

CLASSES = 5


def network(architecture: str, num_classes: int | None = CLASSES) -> Generator:
    """Classes far apart, so that no two images are alike by chance."""
    torch.manual_seed(3)
    generator = Generator(architecture, num_classes=num_classes, latent_size=9, width=2)
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if parameter.ndim == 2 and name.endswith(("gain", "bias")):
                parameter.normal_(std=1.5)
    return generator.eval()


def plain(generator: Generator, seeds: list[int], label: int, truncation: float | None = None) -> Tensor:
    return torch.cat(list(sample(generator, seeds, torch.full((len(seeds),), label), truncation)))


def float64(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


# --- paths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stops", "steps", "expected"),
    [(2, 10, [0, 9]), (3, 10, [0, 4, 9]), (3, 11, [0, 5, 10]), (4, 4, [0, 1, 2, 3]), (1, 5, [0]), (0, 5, [])],
)
def test_stops_by_hand(stops: int, steps: int, expected: list[int]) -> None:
    assert stop_steps(stops, steps) == expected


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="2 steps are too few to pass through 3 stops"):
        stop_steps(3, 2)


def test_a_linear_path_by_hand_is_exact_at_its_stops() -> None:
    path = linear_path(float64([0.1, 3.0], [0.7, 3.0], [0.3, 5.0]), 6)  # stops at steps 0, 2 and 5
    expected = [
        [0.1, 3],
        [0.4, 3],
        [0.7, 3],
        [0.7 - 0.4 / 3, 3 + 2 / 3],
        [0.7 - 0.8 / 3, 3 + 4 / 3],
        [0.3, 5],
    ]
    np.testing.assert_allclose(path, expected, rtol=1e-15)
    assert path[[0, 2, 5]].tolist() == [[0.1, 3.0], [0.7, 3.0], [0.3, 5.0]]


def test_a_great_circle_by_hand() -> None:
    """A third of the way from (2, 0) to (0, 2) is 30 degrees; from (1, 0) to 60 degrees, half way is 30."""
    third = spherical(float64([2, 0]), float64([0, 2]), float64([1 / 3]))
    np.testing.assert_allclose(third, [[math.sqrt(3), 1]], rtol=1e-14)
    half = spherical(float64([1, 0]), float64([0.5, math.sqrt(0.75)]), float64([0.5]))
    np.testing.assert_allclose(half, [[math.sqrt(0.75), 0.5]], rtol=1e-14)


def test_a_great_circle_keeps_the_norm_where_a_straight_line_does_not() -> None:
    start, end = latents_of([3, 8], 128).double()
    end = end * start.norm() / end.norm()
    fractions = torch.linspace(0, 1, 11, dtype=torch.float64).unsqueeze(1)
    norms = spherical(start, end, fractions).norm(dim=1)
    np.testing.assert_allclose(norms, float(start.norm()), rtol=1e-13)
    assert ((start + end) / 2).norm() < 0.8 * start.norm()


def test_vectors_in_one_line_are_mixed_straight() -> None:
    same = float64([1, 2])
    np.testing.assert_allclose(spherical(same, same, float64([0.3])), [[1, 2]], rtol=1e-15)
    opposite = spherical(float64([1.0]), float64([-1.0]), float64([0.25]))
    np.testing.assert_allclose(opposite, [[0.5]], rtol=1e-15)


def test_latents_are_those_of_their_seeds_at_every_stop_and_on_the_circle_between() -> None:
    path = latent_path([3, 8, 5], 128, 10)
    assert torch.equal(path[[0, 4, 9]], latents_of([3, 8, 5], 128))
    start, end = latents_of([3, 8], 128).double().numpy()
    angle = math.acos(start @ end / np.linalg.norm(start) / np.linalg.norm(end))
    expected = (math.sin(0.75 * angle) * start + math.sin(0.25 * angle) * end) / math.sin(angle)
    np.testing.assert_allclose(path[1], expected, rtol=0, atol=1e-6)
    assert torch.equal(latent_path([3], 128, 4), latents_of([3], 128).expand(4, -1))


def test_a_truncation_sweep_is_linear_in_the_bound_and_truncates_as_sampling_does() -> None:
    path = latent_path([7], 200, 8, [0.25, 2.0])
    for step, latents in enumerate(path):
        bound = 0.25 + 1.75 * step / 7
        torch.testing.assert_close(latents, latents_of([7], 200, bound)[0], rtol=0, atol=1e-6)
    assert torch.equal(path[0], latents_of([7], 200, 0.25)[0])
    assert torch.equal(path[-1], latents_of([7], 200, 2.0)[0])
    assert path[0].abs().max() <= 0.25


def test_both_at_once_truncates_the_ends_of_each_circle() -> None:
    path = latent_path([7, 8], 50, 3, [0.5, 1.5])
    assert torch.equal(path[0], latents_of([7], 50, 0.5)[0])
    assert torch.equal(path[2], latents_of([8], 50, 1.5)[0])
    start, end = latents_of([7, 8], 50, 1.0).double()
    middle = spherical(start, end, float64([0.5]))[0].float()
    torch.testing.assert_close(path[1], middle)


# --- classes ----------------------------------------------------------------------------------------


def test_weights_of_a_chain_by_hand() -> None:
    expected = [[0, 0, 1, 0], [0.5, 0, 0.5, 0], [1, 0, 0, 0], [0.5, 0, 0, 0.5], [0, 0, 0, 1]]
    assert class_path([2, 0, 3], 4, 5).tolist() == expected


def test_weights_of_a_square_by_hand() -> None:
    weights = class_square([3, 1, 0, 2], 4, rows=3, columns=5)
    assert weights[0, 0].tolist() == [0, 0, 0, 1]
    assert weights[0, -1].tolist() == [0, 1, 0, 0]
    assert weights[-1, 0].tolist() == [1, 0, 0, 0]
    assert weights[-1, -1].tolist() == [0, 0, 1, 0]
    assert weights[1, 1].tolist() == [0.375, 0.125, 0.125, 0.375]  # half way down, a quarter across
    assert torch.equal(weights.sum(dim=2), torch.ones(3, 5))


@pytest.mark.parametrize("architecture", GENERATORS)
def test_stops_are_the_plain_samples_bit_for_bit(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32, before rounding to bytes could hide a difference, at every place of a lane."""
    monkeypatch.setattr(sampling, "to_uint8", lambda images: images)
    generator = network(architecture)
    labels, seeds = [4, 0, 2], [5, 6]
    latents = latents_of(seeds, 9).unsqueeze(1).expand(-1, 5, -1)
    images = morph_images(generator, Morph(latents, class_path(labels, CLASSES, 5).expand(2, -1, -1)))
    for step, label in zip([0, 2, 4], labels, strict=True):
        assert torch.equal(images[:, step], plain(generator, seeds, label))
    assert not torch.equal(images[:, 1], images[:, 0])
    assert not torch.equal(images[:, 1], images[:, 2])


@pytest.mark.parametrize("architecture", GENERATORS)
def test_the_middle_is_the_network_with_its_gains_and_biases_averaged(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "to_uint8", lambda images: images)
    generator = network(architecture)
    latents = latents_of([5], 9).unsqueeze(1).expand(-1, 3, -1)
    middle = morph_images(generator, Morph(latents, class_path([1, 3], CLASSES, 3).unsqueeze(0)))[0, 1]
    state = generator.state_dict()
    for name, tensor in state.items():
        if tensor.ndim == 2 and name.endswith((".gain", ".bias")):
            state[name] = ((tensor[1] + tensor[3]) / 2).expand_as(tensor)
    averaged = network(architecture)
    averaged.load_state_dict(state)
    torch.testing.assert_close(middle, plain(averaged, [5], 0)[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("place", [0, 3, 7, 8])
def test_a_mix_does_not_depend_on_its_neighbours(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "to_uint8", lambda images: images)
    generator = network("resnet-32")
    weights = torch.rand(9, CLASSES, generator=torch.Generator().manual_seed(1))
    latents = torch.randn(9, 9, generator=torch.Generator().manual_seed(2))
    many = morph_images(generator, Morph(latents.unsqueeze(0), weights.unsqueeze(0)))[0]
    alone = morph_images(generator, Morph(latents[None, [place]], weights[None, [place]]))[0]
    assert torch.equal(many[place], alone[0])


def test_without_classes_latents_alone_move_and_progress_counts_images() -> None:
    generator = network("resnet-8", num_classes=None)
    told = []
    latents = torch.stack([latent_path([seed, seed + 9], 9, 6) for seed in (1, 2)])
    images = morph_images(generator, Morph(latents, None), lambda done, total: told.append((done, total)))
    assert torch.equal(images[:, 0], torch.cat(list(sample(generator, [1, 2], None))))
    assert torch.equal(images[:, 5], torch.cat(list(sample(generator, [10, 11], None))))
    assert told == [(8, 12), (12, 12)]
