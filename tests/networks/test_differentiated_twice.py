"""A generator's gradient has a gradient where it computes as written; oracle: finite differences."""

import pytest
import torch
from torch import Tensor

from projgan.networks.generator_norms import GENERATOR_NORMS
from projgan.networks.plain import compute_as_written
from projgan.networks.resnet import Discriminator, Generator

F64 = torch.float64
LABELS = torch.tensor([0, 1, 1])


def generator(norm: str) -> Generator:
    torch.manual_seed(3)
    return Generator("resnet-8", channels=1, num_classes=2, latent_size=3, width=2, norm=norm).double()


def path_length(network: Generator, latents: Tensor) -> Tensor:
    """Karras et al. 2020, equation 4: how far images move along random directions of pixels."""
    images = network(latents, LABELS)
    directions = torch.randn(images.shape, dtype=F64, generator=torch.Generator().manual_seed(1))
    (moved,) = torch.autograd.grad((images * directions).sum(), latents, create_graph=True)
    return moved.square().sum(dim=1).sqrt().mean()


@pytest.mark.parametrize("norm", GENERATOR_NORMS)
@pytest.mark.parametrize("training", [True, False])
def test_as_written_a_generator_is_differentiated_twice(norm: str, training: bool) -> None:
    network = generator(norm).train(training)
    compute_as_written(network)
    latents = torch.randn(3, 3, dtype=F64, requires_grad=True)
    kernel = network.blocks[0].conv1.weight

    def images(latents: Tensor, kernel: Tensor) -> Tensor:
        changed = {"blocks.0.conv1.weight": kernel}
        return torch.func.functional_call(network, changed, (latents, LABELS))

    assert torch.autograd.gradcheck(images, (latents, kernel), fast_mode=True)
    assert torch.autograd.gradgradcheck(images, (latents, kernel), fast_mode=True)


@pytest.mark.parametrize("norm", GENERATOR_NORMS)
def test_path_length_trains_a_generator_as_written(norm: str) -> None:
    """Every weight before the last norm has a part in the length; its slope is that of differences."""
    network = generator(norm)
    compute_as_written(network)
    latents = torch.randn(3, 3, dtype=F64, requires_grad=True)
    path_length(network, latents).backward()
    weight, step = network.linear.weight, 1e-6
    with torch.no_grad():
        weight[0, 0] += step
    above = path_length(network, latents)
    with torch.no_grad():
        weight[0, 0] -= 2 * step
    slope = (above - path_length(network, latents)).item() / (2 * step)
    assert slope != 0
    assert weight.grad is not None
    assert weight.grad[0, 0].item() == pytest.approx(slope, rel=1e-5)


def test_the_fast_way_says_that_it_is_differentiated_once() -> None:
    latents = torch.randn(3, 3, dtype=F64, requires_grad=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        path_length(generator("conditional-batch-norm"), latents).backward()


def test_a_discriminators_penalty_on_gradients_of_images_needs_no_change() -> None:
    """R1 (Mescheder et al. 2018) on the fast way; oracle: the difference of the penalty itself."""
    torch.manual_seed(0)
    network = Discriminator("resnet-8", channels=1, num_classes=2, width=2).double().eval()
    images = torch.rand(3, 1, 8, 8, dtype=F64, requires_grad=True)

    def penalty() -> Tensor:
        logits = network(images, LABELS).logits
        (slopes,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        return slopes.square().sum()

    penalty().backward()
    weight, step = network.blocks[0].conv1.weight, 1e-6
    with torch.no_grad():
        weight[0, 0, 0, 0] += step
    above = penalty()
    with torch.no_grad():
        weight[0, 0, 0, 0] -= 2 * step
    slope = (above - penalty()).item() / (2 * step)
    assert weight.grad is not None
    assert slope != 0
    assert weight.grad[0, 0, 0, 0].item() == pytest.approx(slope, abs=1e-4 * abs(weight.grad).max().item())
