"""Train a classifier step by step, so that any step can be the last before a kill."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.arithmetic import in_float32
from projgan.classification.augmentation import flip_images, shift_images
from projgan.classification.settings import ClassifierSettings
from projgan.data.gathering import gathered, send
from projgan.errors import UserError
from projgan.networks.classifier import Classifier
from projgan.networks.convolutions import channels_last
from projgan.pictures.pixels import to_float
from projgan.randomness import drawing_from, generator_at
from projgan.storage.network_description import Accuracy
from projgan.storage.optimizer_state import load_moments, set_learning_rate

WARM_UP = 0.2
"""Share of the steps in which the learning rate rises."""
WHITENED_IMAGES = 5000


def triangle(step: int, steps: int) -> float:
    """Share of the peak learning rate at a step in 0..steps-1: up in a straight line, then down."""
    return min((step + 1) / (WARM_UP * steps), (steps - step) / ((1 - WARM_UP) * steps), 1.0)


class ClassifierTrainer:
    """A classifier on its way through `steps` updates of AdamW.

    All that is random is a function of the seed and of the position, so network and optimizer state are all
    there is to save. On a GPU it computes in bfloat16. One process: a classifier takes minutes.

    Args:
        settings: as given by a person.
        images: uint8 [N, C, H, W] of the settings' size.
        labels: int64 [N].
        num_classes: number of classes, of which some may have no image.
        device: where to train.
    """

    def __init__(
        self,
        settings: ClassifierSettings,
        images: Tensor,
        labels: Tensor,
        num_classes: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings, self.device = settings, torch.device(device)
        self.images, self.labels = gathered(images, self.device), labels.to(self.device)
        self.num_images = len(images)
        self.batch_size = min(settings.batch_size, len(images))
        self.steps_per_epoch = len(images) // self.batch_size
        self.steps = settings.epochs * self.steps_per_epoch
        self.step = 0
        self.accuracy: Accuracy | None = None
        """On the held-out images after the last whole epoch; None in the first."""
        self._last_loss: Tensor | None = None
        self._epoch_order = (-1, torch.empty(0))
        with drawing_from(settings.seed, "classifier"):
            classifier = Classifier(settings.resolution, settings.channels, num_classes, settings.width)
        classifier.whiten(to_float(images[self._order(0)[:WHITENED_IMAGES]]))
        self.classifier = channels_last(classifier.to(self.device))
        self.optimizer = torch.optim.AdamW(_parameter_groups(classifier, settings.weight_decay), fused=True)
        flipped = torch.rand(len(images), generator=self._generator("flip", 0)) < 0.5
        self._flipped_first = flipped.to(self.device)

    @property
    def epoch(self) -> int:
        """Passes over the images done."""
        return self.step // self.steps_per_epoch

    @property
    def images_seen(self) -> int:
        """Images trained on, each as often as it was met."""
        return self.step * self.batch_size

    @property
    def images_per_step(self) -> int:
        """Images of one update."""
        return self.batch_size

    def describe(self, losses: Tensor) -> str:
        """Say how far the training is, and how good."""
        accuracy = f", accuracy {self.accuracy.value:.1%}" if self.accuracy else ""
        return f"epoch {self.epoch}, loss {losses.item():.3f}{accuracy}"

    def check_losses(self) -> None:
        """Refuse a last loss that is not finite.

        Raises:
            UserError: naming the step.
        """
        if self._last_loss is not None and not self._last_loss.isfinite():
            raise UserError(f"step {self.step}: the loss is not finite")

    def is_finite(self) -> bool:
        """Whether all weights and buffers are."""
        return all(bool(tensor.isfinite().all()) for tensor in self.classifier.state_dict().values())

    def advance(self) -> Tensor:
        """Do one update, and return its loss [1], detached, on the device."""
        images, labels = self._batch()
        set_learning_rate(self.optimizer, self.settings.learning_rate * triangle(self.step, self.steps))
        with in_float32():
            self._last_loss = self._update(images, labels)
        self.step += 1
        return self._last_loss[None]

    def _update(self, images: Tensor, labels: Tensor) -> Tensor:
        self.classifier.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits = self.classifier(images)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.settings.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next step depends on."""
        return {
            "step": self.step,
            "classifier": self.classifier.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self.classifier.load_state_dict(state["classifier"])
        load_moments(self.optimizer, state["optimizer"])
        self.step = int(state["step"])

    def _generator(self, stream: str, position: int) -> torch.Generator:
        return generator_at(self.settings.seed, f"classifier-{stream}", position)

    def _order(self, epoch: int) -> Tensor:
        """The images' order in an epoch, int64 [N]; those after the last whole batch sit it out."""
        if self._epoch_order[0] != epoch:
            order = torch.randperm(self.num_images, generator=self._generator("order", epoch))
            self._epoch_order = (epoch, order)
        return self._epoch_order[1]

    def _indices(self, step: int) -> Tensor:
        epoch, batch = divmod(step, self.steps_per_epoch)
        return self._order(epoch)[batch * self.batch_size :][: self.batch_size]

    def _batch(self) -> tuple[Tensor, Tensor]:
        """The step's images, float in [-1, 1), and their labels, on the device, which waits for neither."""
        indices = self._indices(self.step)
        images, places = self.images.take(indices), send(indices, self.device)
        self.images.expect(self._indices(self.step + 1))
        if self.settings.flip:
            # A side first and the other next is better than a coin each time (Jordan 2024).
            images = flip_images(images, self._flipped_first[places] ^ bool(self.epoch % 2))
        if self.settings.shift:
            shift = self.settings.shift
            shape = (self.batch_size, 2)
            offsets = torch.randint(2 * shift + 1, shape, generator=self._generator("shift", self.step))
            images = shift_images(images, send(offsets, self.device), shift)
        return to_float(images), self.labels[places]


def _parameter_groups(classifier: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    trained = [parameter for parameter in classifier.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in trained if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim == 1], "weight_decay": 0.0},
    ]
