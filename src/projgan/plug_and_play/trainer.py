"""Train a generator from features to images step by step, so that any step can be the last before a kill."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from projgan.arithmetic import in_float32
from projgan.data.stream import ImageStream
from projgan.errors import UserError
from projgan.losses import hinge_fake, hinge_real
from projgan.networks.classifier import Classifier, pool_maps
from projgan.networks.convolutions import channels_last
from projgan.networks.inverting_generator import InvertingGenerator
from projgan.networks.resnet import Discriminator
from projgan.networks.shapes import GENERATORS, RESOLUTIONS
from projgan.plug_and_play.losses import inversion_loss
from projgan.plug_and_play.settings import InverterSettings
from projgan.randomness import drawing_from
from projgan.storage.optimizer_state import load_moments, set_learning_rate

BETAS = (0.5, 0.999)
"""Of Adam, for both networks."""


def architecture_of(resolution: int) -> str:
    """Return the name in `GENERATORS` and `DISCRIMINATORS` of the networks of a resolution.

    Raises:
        UserError: there is none.
    """
    name = f"resnet-{resolution}"
    if name not in GENERATORS:
        raise UserError(
            f"the classifier looks at {resolution}x{resolution} pixels, and generators make "
            f"{', '.join(map(str, RESOLUTIONS))}; train it with one of these as --resolution"
        )
    return name


def decay(step: int, steps: int) -> float:
    """Share of the learning rate at a step in 0..steps-1: 1 in the first half, then down to 0."""
    return min(1.0, 2 * (steps - step) / steps)


class InverterTrainer:
    """An inverting generator and its discriminator on their way through `steps` updates of each.

    All that is random is a function of the seed and of the position, so networks and optimizers are all
    there is to save. One process.

    Args:
        settings: as given by a person.
        images: uint8 [N, C, R, R] of the encoder's resolution.
        encoder: a classifier whose features are inverted; it is left as it is.
        device: where to train.
    """

    def __init__(
        self,
        settings: InverterSettings,
        images: Tensor,
        encoder: Classifier,
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings, self.device = settings, torch.device(device)
        self.encoder = encoder.to(self.device).eval().requires_grad_(False)
        self.step, self.steps = 0, settings.steps
        self._last_losses = torch.zeros(2)
        self.batch_size = min(settings.batch_size, len(images))
        self.stream = ImageStream(
            images,
            torch.zeros(len(images), dtype=torch.int64),
            resolution=encoder.resolution,
            batch_size=self.batch_size,
            share=slice(None),
            seed=settings.seed,
            device=self.device,
            horizontal_flip=settings.flip,
            dequantize=False,  # the encoder has learned from grey levels
        )
        self.architecture = architecture = architecture_of(encoder.resolution)
        with drawing_from(settings.seed, "inverter"):
            self.inverter = InvertingGenerator(
                architecture,
                channels=encoder.channels,
                num_features=encoder.num_features,
                width=settings.width,
            )
            self.discriminator = Discriminator(
                architecture,
                "unconditional",
                channels=encoder.channels,
                num_classes=encoder.num_classes,
                width=settings.width,
            )
        networks = [channels_last(network.to(self.device)) for network in (self.inverter, self.discriminator)]
        self.optimizers = [
            torch.optim.Adam(network.parameters(), settings.learning_rate, BETAS, fused=True)
            for network in networks
        ]

    @property
    def images_seen(self) -> int:
        """Images trained on, each as often as it was met."""
        return self.step * self.batch_size

    @property
    def images_per_step(self) -> int:
        """Images of one step."""
        return self.batch_size

    def describe(self, losses: Tensor) -> str:
        """Say how far the training is."""
        generator, discriminator = losses.tolist()
        return f"step {self.step}, loss G {generator:.3f} D {discriminator:.3f}"

    def check_losses(self) -> None:
        """Refuse last losses that are not finite.

        Raises:
            UserError: naming the step.
        """
        if not self._last_losses.isfinite().all():
            raise UserError(f"step {self.step}: a loss is not finite")

    def is_finite(self) -> bool:
        """Whether all weights and buffers are."""
        tensors = [*self.inverter.state_dict().values(), *self.discriminator.state_dict().values()]
        return all(bool(tensor.isfinite().all()) for tensor in tensors)

    def advance(self) -> Tensor:
        """Do one update of each network; returns their losses [2], detached, on the device."""
        for optimizer in self.optimizers:
            set_learning_rate(optimizer, self.settings.learning_rate * decay(self.step, self.steps))
        real_images, _ = self.stream.batch(self.step * self.batch_size)
        with in_float32():
            images, loss = self._generator_step(real_images)
            discriminator_loss = self._discriminator_step(real_images, images)
        self.step += 1
        self._last_losses = torch.stack([loss, discriminator_loss])
        return self._last_losses

    def _generator_step(self, real_images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            real_maps = self.encoder.maps(real_images)
        self.inverter.train()
        images = self.inverter(pool_maps(real_maps))
        self.discriminator.requires_grad_(False)
        logits = self.discriminator(images).logits
        maps = self.encoder.maps(images)
        loss = inversion_loss(images, real_images, maps, real_maps, logits, self.settings)
        _update(self.optimizers[0], loss)
        self.discriminator.requires_grad_(True)
        return images.detach(), loss.detach()

    def _discriminator_step(self, real_images: Tensor, images: Tensor) -> Tensor:
        output = self.discriminator(torch.cat([real_images, images]))
        real, fake = output.split(len(real_images))
        loss = hinge_real(real.logits).mean() + hinge_fake(fake.logits).mean()
        _update(self.optimizers[1], loss)
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next step depends on."""
        return {
            "step": self.step,
            "inverter": self.inverter.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "inverter_optimizer": self.optimizers[0].state_dict(),
            "discriminator_optimizer": self.optimizers[1].state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self.inverter.load_state_dict(state["inverter"])
        self.discriminator.load_state_dict(state["discriminator"])
        load_moments(self.optimizers[0], state["inverter_optimizer"])
        load_moments(self.optimizers[1], state["discriminator_optimizer"])
        self.step = int(state["step"])


def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
