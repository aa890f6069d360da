"""A frozen classifier beside the discriminator, for the generator's update in fine-tuning."""

import dataclasses
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from projgan.networks.condition_method import DiscriminatorOutput
from projgan.networks.efficientnet_lite import NUM_CLASSES, USUAL_SIZE, EfficientNetLite0, resized


class ImagenetGuide(nn.Module):
    """The pretrained classifier with the run's classes in front of the others, so that labels are places.

    It tells all 1000 classes apart: an image that looks like something else than the run's classes is wrong.

    Args:
        network: with its weights.
        classes: places of the run's classes among the thousand, each once.
    """

    order: Tensor

    def __init__(self, network: EfficientNetLite0, classes: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        others = [place for place in range(NUM_CLASSES) if place not in set(classes)]
        self.register_buffer("order", torch.tensor([*classes, *others]), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, 1 or 3, R, R] in [-1, 1] -> logits [N, 1000], of the run's classes first."""
        # On a CPU, depthwise convolutions and their gradients are slower in bfloat16 than in float32.
        with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=images.is_cuda):
            logits = self.network(resized(images, USUAL_SIZE))
        return logits.float().index_select(1, self.order)


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
