import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gpu.launches import Launches
from projgan.networks.classifier import WHITENING_FLOOR, Classifier, stage_widths


def test_a_classifier_is_its_description_spelled_out() -> None:
    network = Classifier(8, 3, 5, width=32).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -2, 2)  # of either sign: the norm does not commute with max
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    network.eval()
    state = network.state_dict()

    def norm(hidden: torch.Tensor, name: str) -> torch.Tensor:
        mean, variance, gain, bias = (
            state[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (hidden - mean) / (variance + 1e-5).sqrt() * gain + bias

    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    taller = torch.cat([images, images[:, :, -1:]], dim=2)
    padded = torch.cat([taller, taller[..., -1:]], dim=3)
    hidden = F.conv2d(padded, state["stem.weight"], state["stem.bias"]).relu()
    for index in range(2):
        stage = f"stages.{index}"
        first = F.conv2d(hidden, state[f"{stage}.conv1.weight"], padding=1)
        first = norm(first.unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5)), f"{stage}.norm1").relu()
        second = norm(F.conv2d(first, state[f"{stage}.conv2.weight"], padding=1), f"{stage}.norm2").relu()
        hidden = first + second
    assert hidden.shape == (2, 32, 2, 2)
    features = hidden.flatten(2).max(dim=2).values.float()
    torch.testing.assert_close(network.features(images), features, rtol=0, atol=0)
    network.float()  # its linear layer works on float32, as features are in
    expected = network.features(images.float()) @ state["linear.weight"].float().T + network.linear.bias
    torch.testing.assert_close(network(images.float()), expected, rtol=1e-5, atol=1e-5)


def test_features_are_not_negative_and_as_long_as_said() -> None:
    network = Classifier(16, 1, 3, width=20)
    features = network.features(torch.randn(5, 1, 16, 16))
    assert (features.shape, features.dtype, features.min().item() >= 0) == ((5, 20), torch.float32, True)
    assert (network.resolution, network.channels, network.num_classes) == (16, 1, 3)


@pytest.mark.parametrize(
    ("resolution", "widths"),
    [
        (8, (64, 128)),
        (16, (64, 128)),
        (28, (64, 128)),
        (32, (32, 64, 128)),
        (64, (16, 32, 64, 128)),
        (256, (16, 16, 16, 32, 64, 128)),
    ],
)
def test_stages_double_to_the_width(resolution: int, widths: tuple[int, ...]) -> None:
    assert stage_widths(resolution, 128) == widths
    side = resolution >> len(widths)
    assert 2 <= side <= 7


def test_a_width_below_the_narrowest_stage_is_every_stages() -> None:
    assert stage_widths(32, 5) == (5, 5, 5)


@pytest.mark.parametrize("resolution", [8, 9, 28, 31, 100, 256])
def test_every_resolution_within_the_range_has_a_network(resolution: int) -> None:
    network = Classifier(resolution, 1, 3, width=16)
    assert network(torch.zeros(2, 1, resolution, resolution)).shape == (2, 3)


@pytest.mark.parametrize("resolution", [7, 513])
def test_a_resolution_outside_the_range_is_refused(resolution: int) -> None:
    with pytest.raises(ValueError, match=f"resolution {resolution} is outside 8..512"):
        Classifier(resolution, 3, 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_stem_whitens_the_patches_of_its_images(channels: int) -> None:
    images = torch.rand(40, channels, 8, 8).cumsum(dim=3) / 4 - 1  # neighbours much alike
    images = images + 0.3 * torch.randn_like(images)
    network = Classifier(8, channels, 2)
    network.whiten(images)
    patches = [
        images[:, :, row : row + 2, column : column + 2].flatten(1)
        for row, column in itertools.product(range(7), repeat=2)
    ]
    answers = torch.cat(patches).double() @ network.stem.weight.flatten(1).double().T
    half = 4 * channels
    torch.testing.assert_close(answers[:, half:], -answers[:, :half])
    covariance = answers[:, :half].T.cov(correction=0)
    variances = torch.linalg.eigvalsh(torch.cat(patches).double().T.cov(correction=0))
    expected = torch.diag(variances / (variances + WHITENING_FLOOR))  # 1 but for the floor
    torch.testing.assert_close(covariance, expected, rtol=0, atol=1e-4)
    assert not network.stem.weight.requires_grad


def test_the_border_is_repeated_without_padding_whose_gradient_is_never_the_same_twice() -> None:
    network = Classifier(9, 2, 3, width=16).double()
    images = torch.randn(2, 2, 9, 9, dtype=torch.float64, requires_grad=True)
    padded = F.pad(images, (0, 1, 0, 1), mode="replicate")
    expected = network.stages(F.relu(network.stem(padded)))
    direction = torch.randn_like(expected)
    with Launches("cpu") as launches:
        found = network.maps(images)
        gradients = torch.autograd.grad(found, images, direction)
    assert not any("pad" in name for name in launches.counts)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        gradients, torch.autograd.grad(expected, images, direction), rtol=0, atol=1e-12
    )
