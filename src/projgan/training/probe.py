"""What a run would cost, found by a few steps on made-up images: nothing is written."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from projgan.config import RunConfig
from projgan.data import PackedImages, Source, open_source
from projgan.data.conditions import CONDITION_KINDS
from projgan.data.configured import condition_request
from projgan.errors import UserError
from projgan.listening import Listener
from projgan.process.ranks import Ranks
from projgan.training.building import build_trainer, refuse_unequal_shares
from projgan.training.guidance import open_guide
from projgan.training.refusals import data_location, refuse_one_class
from projgan.training.trainer import Trainer

PROBE_BATCH = 8
MOST_STEPS = 6
BYTES_PER_PARAMETER = 16
"""float32 weight, gradient and Adam's two moments."""


@dataclass(frozen=True)
class Estimate:
    """Sizes, memory and time of a run."""

    data: str
    num_images: int
    num_classes: int
    """Of the data, or columns of another condition."""
    condition: str
    """Its kind, a name in `CONDITION_KINDS`."""
    generator_parameters: int
    discriminator_parameters: int
    device: str
    seconds_per_step: float
    images_per_second: float
    hours: float
    """Of the whole run at this speed, without samples and checkpoints."""
    memory_bytes: int
    """Weights, gradients and optimiser of both networks, and the activations of the larger update."""
    probed_batch_size: int
    """Images per discriminator update of the probed steps; time and activations are scaled from it."""

    def to_text(self) -> str:
        """Return it as lines for a person."""
        unit = "classes" if self.condition == "class" else "columns"
        known = f" of {self.num_classes} {unit}" if self.num_classes else ""
        scaled = f", scaled from batches of {self.probed_batch_size}"
        return "\n".join(
            [
                f"data            {self.data}: {self.num_images:,} images{known}",
                f"generator       {self.generator_parameters:,} parameters",
                f"discriminator   {self.discriminator_parameters:,} parameters",
                f"device          {self.device}",
                f"time            {self.seconds_per_step:.3g} s a step, "
                f"{self.images_per_second:.3g} images/s, {_duration(self.hours)} in all{scaled}",
                f"memory          {self.memory_bytes / 2**30:.2f} GiB for networks and activations",
            ]
        )


def _duration(hours: float) -> str:
    if hours < 1:
        return f"{max(hours * 60, 0.1):.1f} minutes"
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"


def probe(
    config: RunConfig, ranks: Ranks, listener: Listener | None = None, data: PackedImages | None = None
) -> Estimate:
    """Build the run's networks and time a few steps on random images, at a small batch on a CPU.

    Args:
        config: of the run.
        ranks: this process among all.
        listener: told what is done, and how far it is.
        data: what is known of the run's images, where they have been looked at; else their form decides.

    Raises:
        UserError: what `train` would say of the settings and of the data's form.
    """
    refuse_unequal_shares(config, ranks)
    listener = listener or Listener()
    source = data or _open(config)
    given = CONDITION_KINDS[config.data.condition](source)
    refuse_one_class(config, source)
    num_classes = len(given.names)
    size = config.training.batch_size
    batch = size if ranks.device.type == "cuda" else max(min(size, PROBE_BATCH) // ranks.size, 1) * ranks.size
    generator_batch = (config.training.generator_batch_size or 2 * size) * batch // size
    generator_batch = max(generator_batch // ranks.size, 1) * ranks.size
    small = config.training.model_copy(update={"batch_size": batch, "generator_batch_size": generator_batch})
    shape = (batch, config.data.channels, config.data.resolution, config.data.resolution)
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    conditions = torch.from_numpy(given.values[np.arange(batch) % len(given.values)])
    listener.said(f"probing {config.generator.architecture} on {ranks.device} with batches of {batch}")
    guide = open_guide(config, given, ranks.device)
    small_config = config.model_copy(update={"training": small})
    trainer = build_trainer(small_config, images, conditions, num_classes, ranks, guide)
    activations = _largest_activations(trainer)
    seconds = _seconds_per_step(trainer, listener.counting("probing steps")) * size / batch
    parameters = _parameters(trainer)
    return Estimate(
        data=source.name,
        num_images=len(source.labels),
        num_classes=num_classes,
        condition=config.data.condition,
        generator_parameters=parameters[0],
        discriminator_parameters=parameters[1],
        device=torch.cuda.get_device_name() if ranks.device.type == "cuda" else _cpu_name(),
        seconds_per_step=seconds,
        images_per_second=size * config.training.discriminator_updates / seconds,
        hours=seconds * config.training.steps / 3600,
        memory_bytes=_constant_bytes(trainer) + activations * size // batch,
        probed_batch_size=batch,
    )


def _open(config: RunConfig) -> Source:
    source = open_source(data_location(config), config.data.split, condition_request(config.data))
    if source.problems:
        raise UserError(source.problems[0])
    return source


def memory_needed(trainer: Trainer) -> int:
    """Bytes of networks, gradients, optimisers and the activations of the larger update."""
    return _constant_bytes(trainer) + _largest_activations(trainer)


def _parameters(trainer: Trainer) -> list[int]:
    return [
        sum(parameter.numel() for parameter in network.parameters())
        for network in (trainer.generator, trainer.discriminator)
    ]


def _constant_bytes(trainer: Trainer) -> int:
    generator, discriminator = _parameters(trainer)
    copies = generator * 4 if trainer.average else 0
    return (generator + discriminator) * BYTES_PER_PARAMETER + copies


def _cpu_name() -> str:
    return f"CPU, {torch.get_num_threads()} threads"


def _seconds_per_step(trainer: Trainer, progress: Callable[[int, int], None], budget: float = 10.0) -> float:
    """Median of up to five steps after a first one, or as many as fit into the budget in seconds."""
    times: list[float] = []
    while len(times) < 2 or (len(times) < MOST_STEPS and sum(times) < budget):
        start = time.perf_counter()
        trainer.advance()
        trainer.read_losses()  # waits for the device
        times.append(time.perf_counter() - start)
        progress(len(times), MOST_STEPS)
    progress(MOST_STEPS, MOST_STEPS)
    return sorted(times[1:])[len(times[1:]) // 2]


def _largest_activations(trainer: Trainer) -> int:
    """Bytes that the hungrier of the two updates needs for maps.

    They are what autograd keeps between forward and backward, and where the backward pass meets the widest
    map, the gradients on both sides of it.
    """
    device, generator = trainer.ranks.device, trainer.generator
    count = trainer.schedule.generator_batch_size // trainer.ranks.size
    latents = torch.randn(count, generator.latent_size, device=device)
    draws = torch.Generator(device)
    given = trainer.parts.fakes.conditions(count, draws)
    own = {parameter.untyped_storage().data_ptr() for parameter in generator.parameters()}
    own |= {parameter.untyped_storage().data_ptr() for parameter in trainer.discriminator.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    def measure(images: Tensor, condition: Tensor) -> int:
        logits = trainer.discriminator(images, condition).logits  # the graph must be alive while counted
        total = sum(kept.values()) + 2 * max(kept.values())
        kept.clear()
        del logits
        return total

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        for_generator = measure(generator(latents, given), given)
        images = torch.zeros(
            2 * trainer.schedule.batch_size // trainer.ranks.size,
            generator.channels,
            generator.resolution,
            generator.resolution,
            device=device,
        )
        given = trainer.parts.fakes.conditions(len(images), draws)
        for_discriminator = measure(images, given)
    return max(for_generator, for_discriminator)
