import torch
import torch.nn.functional as F
from torch import nn

from projgan.classification.training import class_logits, predict, train_classifier
from projgan.networks.classifier import Classifier


def test_a_classifier_is_its_description_spelled_out() -> None:
    network = Classifier(3, 5, widths=(4, 6)).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
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

    images = hidden = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    for index in range(2):
        block = f"blocks.{index}"
        first = norm(F.conv2d(hidden, state[f"{block}.conv1.weight"], padding=1), f"{block}.norm1").relu()
        second = norm(F.conv2d(first, state[f"{block}.conv2.weight"], padding=1), f"{block}.norm2").relu()
        hidden = (first + second).unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5))
    expected = hidden.mean(dim=(2, 3)) @ state["linear.weight"].T + state["linear.bias"]
    torch.testing.assert_close(network(images), expected, rtol=0, atol=1e-12)


def test_it_learns_what_can_be_told_apart_and_not_what_cannot() -> None:
    """Bright against dark is learnt fully; labels by a coin stay near one half on new images."""
    draws = torch.Generator().manual_seed(1)
    labels = torch.randint(2, (256,), generator=draws)
    dark_or_bright = 60 + 100 * labels[:, None, None, None]
    images = (dark_or_bright + torch.randint(0, 60, (256, 1, 8, 8), generator=draws)).to(torch.uint8)
    classifier = train_classifier(images[:192], labels[:192], 2, epochs=5)
    assert torch.equal(predict(classifier, images[192:]), labels[192:])
    whole = class_logits(classifier, images[192:])
    torch.testing.assert_close(class_logits(classifier, images[192:], batch_size=7), whole)

    coins = torch.randint(2, (256,), generator=draws)
    blind = train_classifier(images[:192], coins[:192], 2, epochs=2)
    right = (predict(blind, images[192:]) == coins[192:]).double().mean()
    assert 0.2 < right < 0.8


def test_training_is_a_function_of_its_seed() -> None:
    images, labels = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8), torch.arange(64) % 2
    states = []
    for seed in (0, 0, 1):
        torch.rand(3)  # the global stream must play no part
        states.append(train_classifier(images, labels, 2, epochs=1, batch_size=32, seed=seed).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["linear.weight"], states[2]["linear.weight"])
