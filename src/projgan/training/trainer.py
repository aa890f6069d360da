"""Everything a run has in memory, and how one step changes it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from projgan.config import RunConfig
from projgan.data.stream import FAKE_CONDITIONS, STREAMS
from projgan.errors import UserError
from projgan.losses import ADVERSARIAL_LOSSES, OBJECTIVES, ClassTerm, Objective, guided_objective
from projgan.networks.augmentation import AugmentedDiscriminator
from projgan.networks.batch_norm import BatchNorm2d
from projgan.networks.classifier import Classifier
from projgan.networks.guidance import GuidedDiscriminator
from projgan.networks.resnet import Generator
from projgan.process.ranks import Ranks, average
from projgan.randomness import generator_at
from projgan.storage.networks import build_networks
from projgan.training.acceleration import place, use_precision
from projgan.training.averaging import GeneratorAverage
from projgan.training.class_vectors import start_from_elsewhere
from projgan.training.graphs import STEPS, Step, suitable_steps
from projgan.training.lecam import Anchors, lecam_objective
from projgan.training.optimization import (
    build_optimizer,
    learning_rate_factor,
    load_moments,
    set_learning_rate,
)
from projgan.training.steps import discriminator_step, generator_step


@dataclass(frozen=True)
class LossRow:
    """Losses averaged over the steps since the last row."""

    generator: float
    discriminator: float


def refuse_unequal_shares(config: RunConfig, ranks: Ranks) -> None:
    """Every process must get the same number of images of a batch.

    Raises:
        UserError: a batch size that the number of processes does not divide.
    """
    for key in ("batch_size", "generator_batch_size"):
        size = getattr(config.training, key)
        if size and size % ranks.size:
            raise UserError(f"training.{key} is {size}, which {ranks.size} processes cannot share equally")


def build_objective(config: RunConfig) -> Objective:
    """Build what the two networks minimise."""
    settings = config.loss
    term = ClassTerm(
        weight=settings.class_weight,
        positive_margin=settings.positive_margin,
        negative_margin=settings.negative_margin,
        temperature=settings.temperature,
    )
    return OBJECTIVES[config.discriminator.condition](ADVERSARIAL_LOSSES[settings.adversarial], term)


class Trainer:
    """The networks, their optimisers and the data of a run, with `step` generator updates done.

    All randomness is a function of the seed and of `step`, so `state_dict` need not hold any. Nor does it
    hold `guide`, the classifier that fine-tuning adds to the generator's loss, which never changes.

    Raises:
        UserError: a batch that the processes cannot share equally.
    """

    def __init__(
        self,
        config: RunConfig,
        images: Tensor,
        conditions: Tensor,
        num_classes: int,
        ranks: Ranks,
        guide: Classifier | None = None,
    ) -> None:
        training = config.training
        self.config, self.ranks, self.num_classes = config, ranks, num_classes
        self.batch_size = training.batch_size
        self.generator_batch_size = training.generator_batch_size or 2 * training.batch_size
        refuse_unequal_shares(config, ranks)
        if training.cpu_threads:
            torch.set_num_threads(training.cpu_threads)
        generator, discriminator = build_networks(config, num_classes)
        start_from_elsewhere(config, discriminator, images, conditions)
        self.generator = place(generator, ranks.device, training.acceleration)
        self.discriminator = place(discriminator, ranks.device, training.acceleration)
        self.average = GeneratorAverage(self.generator, training.ema_decay) if training.ema_decay else None
        ranks.same_everywhere(self.generator)
        ranks.same_everywhere(self.discriminator)
        if training.batch_norm_statistics == "shared" and ranks.size > 1:
            share_batch_norm_statistics(self.generator, ranks)
        for network in (self.generator, self.discriminator):
            use_precision(network, training.precision, ranks.device)
        self.optimizers = [
            build_optimizer(network, config) for network in (self.generator, self.discriminator)
        ]
        self.objective = build_objective(config)
        self.anchors: Anchors | None = None
        if config.loss.lecam_weight is not None:
            self.anchors = Anchors(config.loss.lecam_decay, ranks.average_values).to(ranks.device)
            self.objective = lecam_objective(self.objective, config.loss.lecam_weight, self.anchors)
        self.augmented: AugmentedDiscriminator | None = None
        if config.discriminator.augmentation is not None:
            names, strength = config.discriminator.augmentation, config.discriminator.augmentation_strength
            self.augmented = AugmentedDiscriminator(self.discriminator, names, strength)
        self.judge: nn.Module = self.augmented or self.discriminator
        weight = config.finetuning.classifier_weight
        if guide is not None and weight is not None:
            self.judge = GuidedDiscriminator(self.judge, guide)
            self.objective = guided_objective(self.objective, weight)
        self.stream = STREAMS[config.data.condition](
            images,
            conditions,
            resolution=config.data.resolution,
            batch_size=self.batch_size,
            share=ranks.share(self.batch_size),
            seed=training.seed,
            device=ranks.device,
            horizontal_flip=config.data.horizontal_flip,
            dequantize=config.data.dequantize,
        )
        self.draw_conditions = FAKE_CONDITIONS[config.data.condition]
        self.step, self.steps = 0, training.steps
        self.pending: list[Tensor] = []
        self.steps_are = suitable_steps(ranks.device, ranks.size, training.acceleration)
        self.update_generator, self.update_discriminator = self._make_steps()

    @property
    def images_seen(self) -> int:
        """Real images shown to the discriminator so far, by all processes together."""
        return self.step * self.images_per_step

    @property
    def images_per_step(self) -> int:
        """Real images shown to the discriminator in one step."""
        return self.batch_size * self.config.training.discriminator_updates

    @property
    def sampling_generator(self) -> Generator:
        """The generator to make samples with: the average if one is kept, else the trained one."""
        return self.average.generator if self.average else self.generator

    @property
    def is_averaged(self) -> bool:
        """Whether samples are made with a moving average."""
        return self.average is not None

    def describe(self, losses: Tensor) -> str:
        """Say how far the training is."""
        generator, discriminator = losses.tolist()
        return f"step {self.step}, loss G {generator:.3f} D {discriminator:.3f}"

    def advance(self) -> Tensor:
        """Do one step: the generator's update first, then the discriminator's, as in the paper's code.

        Returns:
            The losses of the generator and of the discriminator [2], detached, on the device.
        """
        for optimizer, rate in zip(self.optimizers, self._learning_rates(self.step), strict=True):
            set_learning_rate(optimizer, rate)
        generator_loss = self.update_generator(
            *self._draw_fakes("generator", self.step, self.generator_batch_size),
            self._draw_changes("generator", self.step, [self.generator_batch_size]),
        )
        discriminator_loss = torch.zeros_like(generator_loss)
        updates = self.config.training.discriminator_updates
        for update in range(self.step * updates, (self.step + 1) * updates):
            discriminator_loss += self.update_discriminator(
                *self.stream.batch(update * self.batch_size),
                *self._draw_fakes("discriminator", update, self.batch_size),
                self._draw_changes("discriminator", update, [self.batch_size] * 2),
            )
        self.step += 1
        if self.average:
            self.average.update(self.generator, self.step)
        self.pending.append(torch.stack([generator_loss, discriminator_loss / updates]))
        return self.pending[-1]

    def _make_steps(self) -> list[Step]:
        """Return one update of each network as a function of tensors, called as suits the run."""
        generator, optimizers, objective = self.generator, self.optimizers, self.objective
        guided, judge, share = self.judge, self.augmented or self.discriminator, self.ranks.average_gradients
        change_by = self.augmented.change_by if self.augmented else lambda uniform: None

        def update_generator(latents: Tensor, condition: Tensor, uniform: Tensor) -> Tensor:
            change_by(uniform)
            return generator_step(generator, guided, optimizers[0], objective, latents, condition, share)

        def update_discriminator(
            images: Tensor, real_condition: Tensor, latents: Tensor, condition: Tensor, uniform: Tensor
        ) -> Tensor:
            change_by(uniform)
            real, fake = (images, real_condition), (latents, condition)
            return discriminator_step(generator, judge, optimizers[1], objective, real, fake, share)

        steps = (update_generator, update_discriminator)
        return STEPS[self.steps_are](list(zip(steps, optimizers, strict=True)))

    @property
    def learning_rate(self) -> float:
        """The generator's learning rate of the last step."""
        return self._learning_rates(max(0, self.step - 1))[0]

    def _learning_rates(self, step: int) -> tuple[float, float]:
        settings = self.config.optimizer
        factor = learning_rate_factor(step, settings.decay_start, settings.decay_end)
        of_discriminator = settings.discriminator_learning_rate or settings.learning_rate
        return settings.learning_rate * factor, of_discriminator * factor

    def _draw_fakes(self, stream: str, position: int, count: int) -> tuple[Tensor, Tensor]:
        device = self.ranks.device
        generator = generator_at(self.config.training.seed, stream, position, device)
        latents = torch.randn(count, self.generator.latent_size, generator=generator, device=device)
        conditions = self.draw_conditions(self.stream, count, generator)
        share = self.ranks.share(count)
        return latents[share], conditions[share]

    def _draw_changes(self, stream: str, position: int, counts: list[int]) -> Tensor:
        """Draw how the images of one update are changed, of each batch of so many over all processes."""
        device = self.ranks.device
        if self.augmented is None:
            return torch.empty(0, device=device)
        generator = generator_at(self.config.training.seed, f"{stream}-augmentation", position, device)
        parts = [
            torch.rand(count, self.augmented.draws, generator=generator, device=device) for count in counts
        ]
        return torch.cat([part[self.ranks.share(len(part))] for part in parts])

    def read_losses(self) -> LossRow | None:
        """Average the losses of the steps since `forget_losses` over those steps and all processes.

        Raises:
            UserError: one of them is not finite; names the step and its losses.
        """
        if not self.pending:
            return None
        rows = self.ranks.average_values(torch.stack(self.pending)).cpu()
        bad = (~rows.isfinite()).any(dim=1).nonzero()
        if len(bad):
            index = int(bad[0])
            raise UserError(
                f"step {self.step - len(rows) + index + 1}: a loss is not finite "
                f"(generator {rows[index, 0].item():g}, discriminator {rows[index, 1].item():g})"
            )
        generator, discriminator = rows.double().mean(dim=0).tolist()
        return LossRow(generator, discriminator)

    def check_losses(self) -> None:
        """Refuse losses of the steps since `forget_losses` that are not finite.

        Raises:
            UserError: as `read_losses`.
        """
        self.read_losses()

    def is_finite(self) -> bool:
        """Whether all weights and buffers of the networks are finite."""
        networks = [self.generator, self.discriminator, *([self.average.generator] if self.average else [])]
        return all(
            bool(tensor.isfinite().all()) for network in networks for tensor in network.state_dict().values()
        )

    def forget_losses(self) -> None:
        """Start a new row of statistics."""
        self.pending = []

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next step depends on, and the losses not yet written down."""
        return {
            "step": self.step,
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": self.average.generator.state_dict() if self.average else None,
            "generator_optimizer": self.optimizers[0].state_dict(),
            "discriminator_optimizer": self.optimizers[1].state_dict(),
            "pending": torch.stack(self.pending) if self.pending else None,
            "anchors": self.anchors.state_dict() if self.anchors else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the state of a checkpoint.

        Raises:
            KeyError, ValueError, RuntimeError: the state is not of these networks.
        """
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        if self.average:
            self.average.generator.load_state_dict(state["average"])
        if self.anchors:
            self.anchors.load_state_dict(state["anchors"])
        load_moments(self.optimizers[0], state["generator_optimizer"])
        load_moments(self.optimizers[1], state["discriminator_optimizer"])
        self.update_generator, self.update_discriminator = self._make_steps()  # the moments lie elsewhere now
        pending = state["pending"]
        if pending is not None and pending.shape[1:] != (2,):
            raise ValueError(f"losses of shape {tuple(pending.shape)}")
        self.pending = [] if pending is None else list(pending.to(self.ranks.device))
        self.step = int(state["step"])


def share_batch_norm_statistics(network: Generator, ranks: Ranks) -> None:
    """Let every batch norm of a network compute its statistics over the images of all processes."""
    for module in network.modules():
        if isinstance(module, BatchNorm2d):
            module.average_over_ranks, module.num_ranks = average, ranks.size
