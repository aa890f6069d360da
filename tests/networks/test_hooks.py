"""Hooks, as for heat maps: each sees what its layer takes and gives, whatever is computed in place."""

import pytest
import torch
from torch import Tensor, nn

from projgan.networks.normalization import Norm2d
from projgan.networks.resnet import Discriminator, Generator


@pytest.mark.parametrize("norm", ["conditional-batch-norm", "adain"])
def test_a_hook_on_any_layer_sees_what_it_gives_and_changes_no_number(norm: str) -> None:
    """Also what is computed in place, or together with what follows, where nobody looks."""
    torch.manual_seed(0)
    generator = Generator("resnet-8", channels=1, num_classes=3, latent_size=4, width=4, norm=norm).eval()
    discriminator = Discriminator("resnet-8", "projection", channels=1, num_classes=3, width=4).eval()
    latents, labels = torch.randn(6, 4), torch.arange(6) % 3
    expected = discriminator(generator(latents, labels), labels).logits
    called = [
        layer
        for layer in (*generator.modules(), *discriminator.modules())
        if isinstance(layer, nn.Conv2d | Norm2d)
    ]
    assert len(called) > 10
    for layer in called:
        given: list[Tensor] = []
        hooks = [
            layer.register_forward_hook(
                lambda layer, taken, gave, given=given: given.extend((gave, gave.clone()))
            ),
            layer.register_full_backward_hook(lambda *grads: None),
        ]
        found = discriminator(generator(latents, labels), labels).logits
        found.sum().backward()
        for hook in hooks:
            hook.remove()
        torch.testing.assert_close(found, expected)
        now, before = given
        assert torch.equal(now, before), "what a hook was given has changed since"
        assert now.min() < 0, "a hook was given what follows the layer"
