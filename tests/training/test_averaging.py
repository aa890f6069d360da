import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from projgan.networks.resnet import Generator
from projgan.training.averaging import GeneratorAverage


def tiny() -> Generator:
    return Generator("resnet-8", channels=1, num_classes=2, latent_size=3, width=2).double()


@torch.no_grad()
def shake(generator: Generator) -> None:
    for tensor in generator.state_dict().values():
        tensor.normal_()


@pytest.mark.parametrize("decay", [0.9, 0.15])
def test_the_average_is_the_recursion_by_hand(decay: float) -> None:
    generator = tiny()
    average = GeneratorAverage(generator, decay)
    expected = {name: value.detach().numpy().copy() for name, value in generator.named_parameters()}
    for update in range(1, 13):
        shake(generator)
        average.update(generator, update)
        rate = min(decay, (1 + update) / (10 + update))
        for name, value in generator.named_parameters():
            expected[name] = rate * expected[name] + (1 - rate) * value.detach().numpy()
        for name, value in average.generator.named_parameters():
            np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-12)


def test_the_full_decay_is_reached_when_the_start_is_over() -> None:
    """With decay 0.9 the start's own rate (1 + n)/(10 + n) passes 0.9 at n = 80: from then on it is 0.9."""
    generator = tiny()
    average = GeneratorAverage(generator, 0.9)
    with torch.no_grad():
        average.generator.linear.bias.fill_(0)
        generator.linear.bias.fill_(1)
    average.update(generator, 10_000)
    assert average.generator.linear.bias[0].item() == pytest.approx(0.1, abs=1e-12)
    average.update(generator, 10_001)
    assert average.generator.linear.bias[0].item() == pytest.approx(0.19, abs=1e-12)


def test_it_is_a_copy_in_evaluation_mode_that_takes_no_gradient() -> None:
    generator = tiny()
    average = GeneratorAverage(generator, 0.9)
    before = copy.deepcopy(generator.state_dict())
    assert not average.generator.training
    assert generator.training
    assert not any(parameter.requires_grad for parameter in average.generator.parameters())
    assert all(parameter.requires_grad for parameter in generator.parameters())
    average.update(generator, 1)
    state = generator.state_dict()
    assert all(torch.equal(state[name], before[name]) for name in state)
    shake(generator)
    assert all(torch.equal(average.generator.state_dict()[name], before[name]) for name in before)


def some_batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(3)
    return [(torch.randn(6, 3).double(), torch.arange(6) % 2) for _ in range(4)]


def test_its_statistics_are_those_of_its_own_weights_by_hand() -> None:
    """The first norm sees the linear map of the latents, so its statistics are a mean over four batches."""
    generator = tiny()
    average = GeneratorAverage(generator, 0.9)
    shake(generator)
    average.update(generator, 10_000)
    batches = some_batches()
    ready = average.ready(lambda: batches)
    linear = ready.linear
    maps = [
        (latents.numpy() @ linear.weight.numpy().T + linear.bias.numpy()).reshape(6, -1, 2, 2)
        for latents, _ in batches
    ]
    means = np.mean([values.mean(axis=(0, 2, 3)) for values in maps], axis=0)
    variances = np.mean(
        [values.swapaxes(0, 1).reshape(values.shape[1], -1).var(axis=1, ddof=1) for values in maps], axis=0
    )
    norm = ready.blocks[0].norm1
    np.testing.assert_allclose(norm.running_mean, means, rtol=0, atol=1e-12)
    np.testing.assert_allclose(norm.running_var, variances, rtol=1e-12)
    assert not ready.training
    assert norm.momentum == 0.1


def test_its_samples_fit_although_the_trained_statistics_do_not() -> None:
    """One weight that swings between two values: the average's maps are far narrower than either's."""
    generator = tiny()
    with torch.no_grad():
        generator.linear.bias.zero_()
    average = GeneratorAverage(generator, 0.9)
    for update in range(200):
        with torch.no_grad():
            generator.linear.weight.fill_(10.0 * (-1) ** update)
        generator.blocks[0].norm1.normalize(generator.linear(some_batches()[0][0]).view(6, -1, 2, 2))
        average.update(generator, 10_000 + update)
    ready = average.ready(some_batches)
    latents = torch.cat([latents for latents, _ in some_batches()])
    maps = ready.linear(latents).view(len(latents), -1, 2, 2)
    with torch.no_grad():
        own, trained = (
            network.blocks[0].norm1.eval().normalize(maps).std().item() for network in (ready, generator)
        )
    assert own == pytest.approx(1, abs=0.3)
    assert trained < 0.1


def test_statistics_are_measured_once_after_it_moved_and_not_again() -> None:
    generator = tiny()
    average = GeneratorAverage(generator, 0.9)
    asked = []

    def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
        asked.append(1)
        return some_batches()

    average.ready(batches)
    assert asked == []  # as yet it is the generator itself
    average.update(generator, 1)
    assert average.ready(batches) is average.ready(batches)
    assert asked == [1]


def test_what_fails_while_they_are_measured_leaves_a_network_that_can_be_sampled() -> None:
    generator = tiny()
    average = GeneratorAverage(generator, 0.9)
    average.update(generator, 1)

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        yield some_batches()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        average.ready(batches)
    assert not average.generator.training
    assert average.generator.blocks[0].norm1.momentum == 0.1
    again = average.ready(some_batches).state_dict()
    other = GeneratorAverage(generator, 0.9)
    other.update(generator, 1)
    for name, value in other.ready(some_batches).state_dict().items():
        torch.testing.assert_close(again[name], value, rtol=0, atol=0)


def test_a_generator_without_statistics_is_averaged_too() -> None:
    generator = Generator("resnet-8", channels=1, num_classes=2, latent_size=3, width=8, norm="adain")
    assert list(generator.buffers()) == []
    average = GeneratorAverage(generator, 0.9)
    shake(generator)
    average.update(generator, 10_000)
    assert not torch.equal(average.generator.linear.weight, generator.linear.weight)
