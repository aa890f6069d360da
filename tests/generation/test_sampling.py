import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from projgan.generation import sampling
from projgan.generation.conditions_in_words import mixing_weights
from projgan.generation.sampling import latents_of, sample
from projgan.networks.resnet import Generator

CLASSES = 4


@pytest.fixture(scope="module")
def generator() -> Generator:
    """32x32 and awkward widths, with classes and statistics that differ."""
    torch.manual_seed(1)
    network = Generator("resnet-32", num_classes=CLASSES, latent_size=13, width=10)
    for name, tensor in network.state_dict().items():
        if name.endswith(("gain", "bias")):
            tensor.add_(torch.randn_like(tensor) * 0.3)
    for _ in range(3):
        network(torch.randn(16, 13), torch.randint(CLASSES, (16,)))
    return network.eval()


@pytest.fixture
def as_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let images come out before they are rounded to bytes, which would hide differences."""
    monkeypatch.setattr(sampling, "to_uint8", lambda images: images)


def images_of(generator: Generator, seeds: list[int], labels: list[int], **options: object) -> Tensor:
    return torch.cat(list(sample(generator, seeds, torch.tensor(labels), **options)))


@pytest.mark.usefixtures("as_floats")
@pytest.mark.parametrize("count", [1, 3, 7, 8, 9, 20])
def test_one_seed_and_class_is_one_image_whatever_its_neighbours(generator: Generator, count: int) -> None:
    """Bit for bit in float32, at every place of a lane."""
    alone = images_of(generator, [77], [2])[0]
    draws = torch.Generator().manual_seed(count)
    for place in {0, count // 2, count - 1}:
        seeds = torch.randint(0, 1000, (count,), generator=draws).tolist()
        labels = torch.randint(0, CLASSES, (count,), generator=draws).tolist()
        seeds[place], labels[place] = 77, 2
        found = images_of(generator, seeds, labels)
        assert len(found) == count
        assert torch.equal(found[place], alone)


def test_images_come_in_the_order_of_the_seeds(generator: Generator) -> None:
    seeds, labels = [5, 3, 8, 5, 2, 9, 1, 0, 4, 11, 3], [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]
    found = images_of(generator, seeds, labels)
    with torch.inference_mode():
        direct = generator(latents_of(seeds, 13), torch.tensor(labels))
    assert found.dtype == torch.uint8
    np.testing.assert_allclose((found.float() + 0.5) / 128 - 1, direct, atol=0.51 / 128)


def test_the_latent_of_a_seed_is_torchs_normal_draw() -> None:
    found = latents_of([3, 0, 2**63 - 1], 9)
    for row, seed in zip(found, [3, 0, 2**63 - 1], strict=True):
        assert torch.equal(row, torch.randn(9, generator=torch.Generator().manual_seed(seed)))
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    latents_of([1], 9)
    assert torch.equal(torch.rand(2), expected)  # the global stream is left alone


# --- truncation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", [0.1, 0.5, 1.0, 2.0, 4.0])
def test_truncated_latents_are_at_the_same_quantile_of_the_truncated_normal(bound: float) -> None:
    plain = latents_of(list(range(40)), 100).double().numpy()
    found = latents_of(list(range(40)), 100, truncation=bound).numpy()
    oracle = stats.truncnorm(-bound, bound)
    np.testing.assert_allclose(found, oracle.ppf(stats.norm.cdf(plain)), rtol=0, atol=2e-6)
    assert np.abs(found).max() <= bound
    assert stats.kstest(found.flatten(), oracle.cdf).pvalue > 1e-4


def test_truncation_moves_every_entry_smoothly_and_never_past_another() -> None:
    bounds = [0.01, 0.3, 0.5, 0.51, 1, 2, 3, 5, 9.99]
    found = torch.stack([latents_of([3, 4], 500, bound).flatten() for bound in bounds])
    sizes = found.abs()
    assert (sizes[1:] >= sizes[:-1] - 1e-7).all()  # each grows with the bound and keeps its sign
    assert (found.sign() == found[-1].sign()).all()
    assert (found[3] - found[2]).abs().max() < 0.02  # a small change of the bound is a small one
    order = found[-1].argsort()
    assert (found[:, order].diff(dim=1) >= 0).all()


def test_a_bound_beyond_all_draws_changes_nothing() -> None:
    plain = latents_of(list(range(20)), 100)
    torch.testing.assert_close(latents_of(list(range(20)), 100, 9.99), plain, rtol=0, atol=1e-6)


def test_truncation_reaches_the_images(generator: Generator) -> None:
    labels = torch.tensor([1, 2])
    found = torch.cat(list(sample(generator, [4, 5], labels, truncation=0.5)))
    with torch.inference_mode():
        direct = generator(latents_of([4, 5], 13, 0.5), labels)
    np.testing.assert_allclose((found.float() + 0.5) / 128 - 1, direct, atol=0.51 / 128)
    assert not torch.equal(found, images_of(generator, [4, 5], [1, 2]))


# --- conditions -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("as_floats")
def test_a_mix_of_one_class_is_that_class_bit_for_bit(generator: Generator) -> None:
    names = ["cat", "dog", "owl", "ant"]
    seeds = list(range(11))
    for label, name in enumerate(names):
        weights = mixing_weights(f"{name}=1", names).expand(11, -1)
        mixed = torch.cat(list(sample(generator, seeds, weights)))
        assert torch.equal(mixed, images_of(generator, seeds, [label] * 11))


@pytest.mark.usefixtures("as_floats")
def test_a_mix_is_the_network_with_gains_and_biases_mixed(generator: Generator) -> None:
    mixed = torch.cat(list(sample(generator, [6], torch.tensor([[0.25, 0.0, 0.75, 0.0]]))))
    state = generator.state_dict()
    for name, tensor in state.items():
        if tensor.ndim == 2 and name.endswith((".gain", ".bias")):
            state[name] = (0.25 * tensor[0] + 0.75 * tensor[2]).expand_as(tensor)
    blended = Generator("resnet-32", num_classes=CLASSES, latent_size=13, width=10).eval()
    blended.load_state_dict(state)
    with torch.inference_mode():
        expected = blended(latents_of([6], 13), torch.tensor([3]))
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("as_floats")
def test_an_unconditional_generator_needs_no_condition() -> None:
    network = Generator("resnet-8", num_classes=None, latent_size=3, width=3).eval()
    found = torch.cat(list(sample(network, [4, 9], None)))
    with torch.inference_mode():
        torch.testing.assert_close(found, network(latents_of([4, 9], 3)), rtol=0, atol=1e-6)


def test_one_hot_weights_of_integers_are_not_taken_for_labels() -> None:
    weights = mixing_weights("a=0.3,b=0.7", ["a", "b", "c"])
    assert weights.is_floating_point()
    assert weights.tolist() == pytest.approx([0.3, 0.7, 0])


@pytest.mark.parametrize("batch_size", [1, 3, 8, 11, 100])
def test_a_batch_size_changes_the_batches_and_nothing_in_them(generator: Generator, batch_size: int) -> None:
    seeds, labels = list(range(11)), torch.arange(11) % CLASSES
    lanes = torch.cat(list(sample(generator, seeds, labels)))
    batches = list(sample(generator, seeds, labels, batch_size=batch_size))
    assert torch.equal(torch.cat(batches), lanes)
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}
    assert 1 <= len(batches[-1]) <= batch_size
