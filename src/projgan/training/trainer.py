"""What a run has in memory, and how one step changes it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.networks.batch_norm import STATISTICS_BATCH, STATISTICS_IMAGES
from projgan.networks.resnet import Generator
from projgan.process.ranks import Ranks
from projgan.randomness import seed_process
from projgan.storage.optimizer_state import load_moments, set_learning_rate
from projgan.training.fake_batches import fake_batches, updates_at_once
from projgan.training.graphs import STEPS, suitable_steps
from projgan.training.parts import Parts
from projgan.training.steps import discriminator_step, fake_images, generator_step


@dataclass(frozen=True)
class LossRow:
    """Losses averaged over the steps since the last row."""

    generator: float
    discriminator: float


class Trainer:
    """The parts of a run with `step` generator updates done, and how one step changes them.

    All randomness is a function of the seed and of `step`, so `state_dict` need not hold any.
    """

    def __init__(self, parts: Parts, ranks: Ranks) -> None:
        self.parts, self.ranks = parts, ranks
        self.generator, self.discriminator, self.average = parts.generator, parts.discriminator, parts.average
        self.optimizers, self.anchors, self.stream = parts.optimizers, parts.anchors, parts.images
        self.schedule = parts.schedule
        self.step, self.steps = 0, parts.schedule.steps
        self.pending: list[Tensor] = []
        """Losses [2] of the last steps, those of this process alone."""
        self.averaged = torch.empty(0, 2)
        """Losses [n, 2] of the steps before those since the last row, over all processes, on the CPU."""
        self.steps_are = suitable_steps(ranks.device, ranks.size, parts.acceleration)
        pixels = self.schedule.batch_size // ranks.size * self.generator.resolution**2
        updates = self.schedule.discriminator_updates
        self.at_once = updates_at_once(ranks.device, parts.acceleration, updates, pixels)
        self._make_steps()

    @property
    def images_seen(self) -> int:
        """Real images shown to the discriminator so far, by all processes together."""
        return self.step * self.images_per_step

    @property
    def images_per_step(self) -> int:
        """Real images shown to the discriminator in one step."""
        return self.schedule.batch_size * self.schedule.discriminator_updates

    @property
    def sampling_generator(self) -> Generator:
        """The generator to make samples with: the average if one is kept, else the trained one."""
        return self.average.ready(self._statistics_batches) if self.average else self.generator

    def prepare_samples(self) -> None:
        """Measure what the average's batch norms need for sampling, unless it is known."""
        if self.average:
            self.average.ready(self._statistics_batches)

    def _statistics_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Draw what the average's statistics are measured over: the same on every rank, at every step."""
        for position in range(STATISTICS_IMAGES // STATISTICS_BATCH):
            yield self.parts.fakes.draw_whole("statistics", position, STATISTICS_BATCH)

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
        fakes, schedule = self.parts.fakes, self.schedule
        ranks = self.ranks
        seed_process(fakes.seed, f"rank {ranks.rank}", self.step, ranks.device)  # for own networks that draw
        for optimizer, rate in zip(self.optimizers, schedule.rates(self.step), strict=True):
            set_learning_rate(optimizer, rate)
        generator_loss = self.update_generator(
            *fakes.draw("generator", self.step, schedule.generator_batch_size),
            fakes.draw_changes("generator", self.step, [schedule.generator_batch_size]),
        )
        discriminator_loss = torch.zeros_like(generator_loss)
        updates, batch_size = schedule.discriminator_updates, schedule.batch_size
        positions = range(self.step * updates, (self.step + 1) * updates)
        draws = [fakes.draw("discriminator", update, batch_size) for update in positions]
        made = fake_batches(self.make_fakes, draws, self.at_once)
        for update, fake in zip(positions, made, strict=True):
            discriminator_loss += self.update_discriminator(
                *self.stream.batch(update * batch_size),
                *fake,
                fakes.draw_changes("discriminator", update, [batch_size] * 2),
            )
        self.step += 1
        if self.average:
            self.average.update(self.generator, self.step)
        self.pending.append(torch.stack([generator_loss, discriminator_loss / updates]))
        return self.pending[-1]

    def _make_steps(self) -> None:
        """Make the updates, and generated images, functions of tensors that are called as suits the run."""
        parts, share = self.parts, self.ranks.average_gradients
        generator, optimizers, objective = parts.generator, parts.optimizers, parts.objective
        change_by = parts.augmented.change_by if parts.augmented else lambda uniform: None

        def update_generator(latents: Tensor, condition: Tensor, uniform: Tensor) -> Tensor:
            change_by(uniform)
            return generator_step(
                generator, parts.guided_judge, optimizers[0], objective, latents, condition, share
            )

        def make_fakes(latents: Tensor, condition: Tensor) -> Tensor:
            return fake_images(generator, latents, condition, self.at_once)

        def update_discriminator(
            images: Tensor, real_condition: Tensor, fakes: Tensor, condition: Tensor, uniform: Tensor
        ) -> Tensor:
            change_by(uniform)
            real, fake = (images, real_condition), (fakes, condition)
            return discriminator_step(parts.judge, optimizers[1], objective, real, fake, share)

        running = (update_generator, optimizers[0]), (make_fakes, None), (update_discriminator, optimizers[1])
        self.update_generator, self.make_fakes, self.update_discriminator = STEPS[self.steps_are](running)

    @property
    def learning_rate(self) -> float:
        """The generator's learning rate of the last step."""
        return self.schedule.rates(max(0, self.step - 1))[0]

    def read_losses(self) -> LossRow | None:
        """Average the losses of the steps since `forget_losses` over those steps and all processes.

        Raises:
            UserError: one of them is not finite; names the step and its losses.
        """
        if self.pending:
            rows = self.ranks.average_values(torch.stack(self.pending)).cpu()
            self.averaged, self.pending = torch.cat([self.averaged, rows]), []
        rows = self.averaged
        if not len(rows):
            return None
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
        self.averaged, self.pending = self.averaged[:0], []

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next step depends on, and the losses read but not yet written down.

        One of several processes calls this, and cannot ask the others for theirs: `check_losses` comes first.
        """
        return {
            "step": self.step,
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": self.average.generator.state_dict() if self.average else None,
            "average_is_measured": not (self.average and self.average.has_moved),
            "generator_optimizer": self.optimizers[0].state_dict(),
            "discriminator_optimizer": self.optimizers[1].state_dict(),
            "pending": torch.cat([self.averaged, *(row[None].cpu() for row in self.pending)]),
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
            # Without a word of it the statistics are those of the trained generator, as 0.1 kept them.
            self.average.has_moved = not state.get("average_is_measured", False)
        if self.anchors:
            self.anchors.load_state_dict(state["anchors"])
        load_moments(self.optimizers[0], state["generator_optimizer"])
        load_moments(self.optimizers[1], state["discriminator_optimizer"])
        self._make_steps()  # the moments lie elsewhere now
        pending = state["pending"]
        if pending is not None and pending.shape[1:] != (2,):
            raise ValueError(f"losses of shape {tuple(pending.shape)}")
        self.averaged = torch.empty(0, 2) if pending is None else pending.to("cpu", torch.float32)
        self.pending = []
        self.step = int(state["step"])
