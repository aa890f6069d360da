"""The discriminator that looks through a frozen network: its mixing, its heads, and its logit."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from projgan.losses import ADVERSARIAL_LOSSES, OBJECTIVES, ClassTerm
from projgan.networks.condition_method import DiscriminatorOutput
from projgan.networks.efficientnet_lite import MAP_CHANNELS
from projgan.networks.projected import MIXED_CHANNELS, Halving, ProjectedDiscriminator, RandomMixing
from projgan.storage.pretrained import load_imagenet


def projected(condition: str = "projection", **changes: int) -> ProjectedDiscriminator:
    torch.manual_seed(3)
    settings = {"resolution": 8, "channels": 3, "num_classes": 3, "width": 32, "input_size": 64} | changes
    network = ProjectedDiscriminator("projected", condition, **settings)
    network.network = load_imagenet()
    return network.eval()


def settle(network: ProjectedDiscriminator) -> None:
    """Let the power iterations arrive."""
    network.train()
    for _ in range(30):
        network(torch.zeros(1, 3, 8, 8), torch.tensor([0]))
    network.eval()


def test_mixing_is_the_published_chain_of_random_convolutions() -> None:
    torch.manual_seed(5)
    mixing = RandomMixing().double()
    torch.manual_seed(5)
    maps = [torch.empty(0)] * 4
    mixed: list[Tensor] = []
    wides = (64, 128, 256, 512)
    drawn = {}
    for depth in (3, 2, 1, 0):
        drawn[depth] = (
            torch.randn(MIXED_CHANNELS[depth], wides[depth]) / wides[depth] ** 0.5,
            torch.randn(wides[depth], MAP_CHANNELS[depth]) / MAP_CHANNELS[depth] ** 0.5,
        )
    maps = [torch.randn(2, MAP_CHANNELS[depth], 16 >> depth, 16 >> depth).double() for depth in range(4)]
    below = None
    for depth in (3, 2, 1, 0):
        narrow, wide = (matrix.double()[:, :, None, None] for matrix in drawn[depth])
        hidden = F.conv2d(maps[depth], wide)  # across channels
        if below is not None:
            hidden = hidden + F.interpolate(below, scale_factor=2, mode="bilinear")  # across scales
        below = F.conv2d(hidden, narrow)
        mixed.insert(0, below)
    for ours, theirs in zip(mixing(tuple(maps)), mixed, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("heads", [4, 5])
def test_the_logit_is_linear_in_the_pooled_features(heads: int) -> None:
    """f = y'V phi + psi(phi), with V and psi read off the weights: equation 3 of the paper."""
    network = projected(image_head=heads == 5)
    settle(network)
    images, labels = torch.rand(4, 3, 8, 8) * 2 - 1, torch.tensor([2, 0, 1, 2])
    output = network(images, labels)
    phi = network.features(images)
    assert phi.shape == (4, heads * 32)
    meeting = network.condition
    rows = [
        meeting.classes.detach() @ (layer.weight / torch.linalg.matrix_norm(layer.weight, 2)).T
        for layer in meeting.maps
    ]
    psi = [layer.weight / layer.weight.norm() for layer in meeting.marginals]
    marginal = phi @ torch.cat(psi, dim=1)[0] / heads
    conditional = (torch.cat(rows, dim=1)[labels] * phi).sum(dim=1) / heads
    assert conditional.abs().max() > 0.01
    torch.testing.assert_close(output.marginal, marginal, rtol=0.02, atol=2e-3)
    torch.testing.assert_close(output.conditional, conditional, rtol=0.02, atol=2e-3)
    torch.testing.assert_close(output.logits, output.marginal + output.conditional, rtol=1e-5, atol=1e-6)
    assert output.votes is not None
    assert output.votes.shape == (4, heads * 2 * 2)
    torch.testing.assert_close(output.votes.mean(dim=1), output.logits, rtol=1e-5, atol=1e-6)
    met = meeting(phi, labels)
    torch.testing.assert_close(met.logits, output.logits, rtol=1e-4, atol=1e-5)
    mixed = network(images, F.one_hot(labels, 3).float())
    torch.testing.assert_close(mixed.logits, output.logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [32, 96])
def test_the_fifth_head_judges_the_image_and_not_through_the_network(size: int) -> None:
    """By convolutions of NumPy's shape on means of pixels; every head has as many places."""
    network = projected(image_head=True, resolution=48, input_size=size)
    images = torch.rand(2, 3, 48, 48) * 2 - 1
    side = 8 * size // 32
    hidden = F.interpolate(images, size=side, mode="area")
    for layer in network.image_head.layers[::2]:
        hidden = F.leaky_relu(F.conv2d(hidden, layer.normalized_weight(), layer.bias, 2, 1), 0.2)
    expected = hidden.flatten(2).transpose(1, 2)
    *through, own = network.places(images)
    assert own.shape == through[0].shape == (2, (size // 32) ** 2, 32)
    torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-6)
    without = projected(resolution=48, input_size=size)
    without.load_state_dict(network.state_dict(), strict=False)
    assert "image_head.layers.0.weight" not in without.state_dict()
    for head, same in zip(through, without.places(images), strict=True):
        torch.testing.assert_close(head, same)


def test_every_trained_layer_is_normalised() -> None:
    network = projected(image_head=True)
    settle(network)
    layers = [module for module in network.modules() if hasattr(module, "normalized_weight")]
    assert len(layers) == 3 + 2 + 1 + 1 + 3 + 5 + 5
    assert sum(isinstance(layer, Halving) for layer in layers) == 9
    for layer in layers:
        sigma = torch.linalg.matrix_norm(layer.normalized_weight().flatten(1), 2).item()
        assert sigma == pytest.approx(1, abs=0.05)  # a power iteration comes from above
    trained = {id(layer.weight) for layer in layers} | {id(network.condition.classes)}
    of_norms = {id(p) for m in network.modules() if isinstance(m, torch.nn.GroupNorm) for p in m.parameters()}
    biases = {id(p) for name, p in network.named_parameters() if name.endswith("bias")}
    assert {id(parameter) for parameter in network.parameters()} == trained | of_norms | biases


def test_without_a_condition_there_is_the_marginal_alone() -> None:
    output = projected("unconditional")(torch.rand(2, 3, 8, 8))
    assert torch.equal(output.logits, output.marginal)
    assert not output.conditional.any()


def test_each_place_plays_its_own_game() -> None:
    """An image of votes 2 and -2 has logit 0, but half of it is taken for generated."""
    votes = torch.tensor([[2.0, -2.0]])
    output = DiscriminatorOutput(votes.mean(dim=1), None, None, votes=votes)
    objective = OBJECTIVES["projection"](ADVERSARIAL_LOSSES["hinge"], ClassTerm())
    assert objective.real(output, torch.zeros(1)).tolist() == [1.5]  # (0 + 3) / 2; the logit's would be 1
    assert objective.fake(output, torch.zeros(1)).tolist() == [1.5]
    assert objective.generator(output, torch.zeros(1)).tolist() == [0.0]
    first, second = DiscriminatorOutput(
        torch.arange(3.0), None, None, votes=torch.arange(6.0).view(3, 2)
    ).split(1)
    assert (first.votes.tolist(), second.votes.tolist()) == ([[0, 1]], [[2, 3], [4, 5]])


def test_the_frozen_network_is_no_part_of_its_state() -> None:
    network = projected()
    names = network.state_dict().keys()
    assert not any(name.startswith("network") for name in names)
    assert {"mixing.across0", "mixing.below0", "condition.classes"} <= names
    again = projected()
    assert torch.equal(network.mixing.across3, again.mixing.across3)  # drawn from the same seed
    torch.manual_seed(4)
    assert not torch.equal(network.mixing.across3, RandomMixing().across3)


def test_grey_images_are_repeated_and_small_ones_enlarged() -> None:
    grey = projected(channels=1)
    image = torch.rand(2, 1, 8, 8) * 2 - 1
    colour = projected()
    enlarged = projected(resolution=64)
    seen = F.interpolate(image.expand(-1, 3, -1, -1), size=64, mode="bilinear", align_corners=False)
    for network, images in ((colour, image.expand(-1, 3, -1, -1)), (enlarged, seen)):
        torch.testing.assert_close(network.features(images), grey.features(image), rtol=1e-4, atol=1e-5)


def test_gradients_reach_images_heads_and_classes() -> None:
    network = projected()
    images = torch.rand(2, 3, 8, 8).requires_grad_()
    network(images, torch.tensor([0, 1])).logits.sum().backward()
    assert images.grad is not None
    assert images.grad.abs().max() > 0
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert network.condition.classes.grad[2].abs().max() == 0  # nobody asked for the third class


@pytest.mark.parametrize("wanted", [False, True])
def test_the_frozen_network_has_its_own_precision_on_a_cpu(wanted: bool) -> None:
    """Where the heads are in bfloat16 the maps are in float32; where nothing is asked for, nothing is."""
    network = projected()
    seen = {}
    network.mixing.register_forward_pre_hook(lambda module, inputs: seen.update(maps=inputs[0]))
    network.heads[0].layers[0].register_forward_hook(lambda module, inputs, output: seen.update(head=output))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=wanted):
        output = network(torch.rand(2, 3, 8, 8), torch.tensor([0, 1]))
    assert {found.dtype for found in seen["maps"]} == {torch.float32}
    assert output.logits.isfinite().all()
    assert seen["head"].dtype == (torch.bfloat16 if wanted else torch.float32)


@pytest.mark.parametrize("width", [32, 128, 512])
def test_classes_weigh_as_much_as_the_marginal_at_the_start(width: int) -> None:
    meeting = projected(num_classes=50, width=width).condition
    meeting.start_classes(7 * torch.randn(50, 320) + 3)
    assert meeting.classes.mean(dim=0).abs().max() < 1e-4
    for layer in meeting.maps:
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=1e-4)
        lengths = (meeting.classes @ layer.weight.T).square().sum(dim=1)
        assert lengths.mean().item() == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("condition", ["projection", "unconditional"])
def test_under_bfloat16_votes_are_made_in_float32(condition: str) -> None:
    network = projected(condition).eval()
    seen: list[Tensor] = []
    network.condition.marginals[0].register_forward_hook(
        lambda layer, given, made: seen.extend([*given, made])
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        network(torch.zeros(2, 3, 32, 32), torch.tensor([0, 1]))
    assert [tensor.dtype for tensor in seen] == [torch.float32] * 2
