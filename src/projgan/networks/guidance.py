"""A frozen classifier beside the discriminator, for the generator's update in fine-tuning."""

import dataclasses
from collections.abc import Callable

from torch import Tensor, nn

from projgan.networks.unconditional import DiscriminatorOutput


class GuidedDiscriminator(nn.Module):
    """Judges images as a discriminator does, and adds a classifier's logits to what it says of them.

    It stands in for the discriminator in `generator_step`, which so needs no branch. Gradients go through
    the classifier to the images; the classifier is in evaluation mode and never changes.

    Args:
        discriminator: shared with whoever trains it.
        classifier: such images to logits [N, num_classes]; it is put into evaluation mode.
    """

    def __init__(self, discriminator: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator
        # A bound method is no submodule: `requires_grad_(True)`, at the end of a step, must not reach it.
        self._classify: Callable[[Tensor], Tensor] = classifier.eval().requires_grad_(False).forward

    def forward(self, images: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Images [N, channels, R, R] in [-1, 1] and their labels [N]; `guide_logits` are the classifier's."""
        output: DiscriminatorOutput = self.discriminator(images, condition)
        return dataclasses.replace(output, guide_logits=self._classify(images))
