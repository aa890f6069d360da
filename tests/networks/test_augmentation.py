"""Changes of real and generated images by hand, their law, and the gradient through them."""

import pytest
import torch
from torch import Tensor

from projgan.networks.augmentation import CHANGES, AugmentedDiscriminator, change_colour, cut_out, translate
from projgan.networks.guidance import GuidedDiscriminator
from projgan.networks.resnet import Discriminator

NAMES = tuple(CHANGES)


def some_images(count: int = 6, size: int = 8) -> Tensor:
    return torch.rand(count, 3, size, size) * 2 - 1


@pytest.mark.parametrize("name", NAMES)
def test_strength_zero_changes_nothing(name: str) -> None:
    images, uniform = some_images(), torch.rand(6, CHANGES[name].draws)
    assert torch.allclose(CHANGES[name].apply(images, uniform, 0.0), images, atol=1e-6)


def test_colour_by_hand() -> None:
    images = torch.tensor([0.0, 0.2, 0.4]).view(1, 3, 1, 1).expand(1, 3, 2, 2).clone()
    images[0, :, 0, 0] += 0.1
    same = torch.full((1, 3), 0.5)
    assert torch.allclose(change_colour(images, same, 1.0), images)
    brighter = torch.tensor([[0.9, 0.5, 0.5]])
    assert torch.allclose(change_colour(images, brighter, 1.0), images + 0.4)
    assert torch.allclose(change_colour(images, brighter, 0.5), images + 0.2)
    grey = torch.tensor([[0.5, 0.0, 0.5]])  # saturation 0: every pixel is its mean
    assert torch.allclose(change_colour(images, grey, 1.0), images.mean(1, keepdim=True).expand_as(images))
    flat = torch.tensor([[0.5, 0.5, 0.0]])  # contrast 1/2 about the mean of the image, 0.225
    assert torch.allclose(change_colour(images, flat, 1.0), 0.225 + (images - 0.225) / 2, atol=1e-6)


def test_each_shift_by_hand_and_as_often_as_any_other() -> None:
    images = some_images(1, 8)
    # an eighth of eight pixels is one: shifts -1, 0, 1 for uniform numbers below 1/3, 2/3, 1
    down = translate(images, torch.tensor([[0.99, 0.5]]), 1.0)
    assert torch.equal(down[:, :, 1:], images[:, :, :-1])
    assert not down[:, :, 0].any()
    left = translate(images, torch.tensor([[0.5, 0.0]]), 1.0)
    assert torch.equal(left[..., :-1], images[..., 1:])
    assert not left[..., -1].any()
    ones = torch.ones(3000, 1, 8, 8)
    rows = translate(ones, torch.rand(3000, 2), 1.0).sum(dim=(1, 3))
    lost = torch.stack([(rows[:, 0] == 0).sum(), (rows[:, -1] == 0).sum()]) / 3000
    assert torch.allclose(lost, torch.tensor(1 / 3), atol=0.03)


def test_the_square_cut_out_by_hand() -> None:
    ones = torch.ones(3, 1, 8, 8)
    middle = cut_out(ones, torch.tensor([[0.5, 0.5], [0.0, 0.5], [0.999, 0.999]]), 1.0)
    assert not middle[0, 0, 2:6, 2:6].any()
    assert middle[0].sum() == 64 - 16
    assert middle[1].sum() == 64 - 2 * 4  # centred on the upper edge
    assert middle[2].sum() == 64 - 2 * 2  # on the lower right corner
    assert not middle[2, 0, 6:, 6:].any()
    odd = cut_out(torch.ones(1, 1, 6, 6), torch.tensor([[0.5, 0.5]]), 1.0)
    assert odd.sum() == 36 - 9


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_finite_differences(name: str) -> None:
    images = some_images(2, 4).double().requires_grad_()
    uniform = torch.rand(2, CHANGES[name].draws).double()
    assert torch.autograd.gradcheck(lambda images: CHANGES[name].apply(images, uniform, 1.0), images)


def test_the_discriminator_sees_real_and_generated_images_changed_by_one_law() -> None:
    discriminator = Discriminator("resnet-8", num_classes=3, width=4).eval()
    augmented = AugmentedDiscriminator(discriminator, NAMES)
    images, labels = some_images(5), torch.tensor([0, 1, 2, 0, 1])
    uniform = torch.rand(5, 7)
    augmented.change_by(torch.cat([uniform, uniform]))
    logits = augmented(torch.cat([images, images]), torch.cat([labels, labels])).logits
    # the second half is "generated": the same numbers change it in the same way
    assert torch.allclose(logits[:5], logits[5:], atol=1e-6)
    expected = cut_out(
        translate(change_colour(images, uniform[:, :3], 1), uniform[:, 3:5], 1), uniform[:, 5:], 1
    )
    assert torch.allclose(logits[:5], discriminator(expected, labels).logits)
    assert not torch.allclose(logits[:5], discriminator(images, labels).logits, atol=1e-3)
    # and the generator's gradient comes through the changes
    images.requires_grad_()
    augmented.change_by(uniform)
    changed = cut_out(
        translate(change_colour(images, uniform[:, :3], 1), uniform[:, 3:5], 1), uniform[:, 5:], 1
    )
    (by_hand,) = torch.autograd.grad(discriminator(changed, labels).logits.sum(), images)
    (gradient,) = torch.autograd.grad(augmented(images, labels).logits.sum(), images)
    assert torch.allclose(gradient, by_hand)
    assert gradient.abs().sum() > 0
    assert dict(augmented.named_parameters()).keys() == {
        f"discriminator.{name}" for name, _ in discriminator.named_parameters()
    }


def test_a_guide_sees_images_as_they_are() -> None:
    augmented = AugmentedDiscriminator(Discriminator("resnet-8", num_classes=3, width=4).eval(), NAMES)
    guide = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 3))
    images, labels = some_images(4), torch.tensor([0, 1, 2, 0])
    augmented.change_by(torch.rand(4, 7))
    output = GuidedDiscriminator(augmented, guide)(images, labels)
    assert torch.equal(output.logits, augmented(images, labels).logits)
    assert output.guide_logits is not None
    assert torch.equal(output.guide_logits, guide(images))
