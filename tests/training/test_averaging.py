import copy

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
        for (name, ours), theirs in zip(average.generator.named_buffers(), generator.buffers(), strict=True):
            assert torch.equal(ours, theirs), name  # batch-norm statistics are copied


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


def test_a_generator_without_statistics_is_averaged_too() -> None:
    generator = Generator("resnet-8", channels=1, num_classes=2, latent_size=3, width=8, norm="adain")
    assert list(generator.buffers()) == []
    average = GeneratorAverage(generator, 0.9)
    shake(generator)
    average.update(generator, 10_000)
    assert not torch.equal(average.generator.linear.weight, generator.linear.weight)
