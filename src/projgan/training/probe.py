"""What a run would cost, found by a few steps on made-up images: nothing is written."""

import dataclasses
import time
from dataclasses import dataclass

import numpy as np
import torch

from projgan.config import RunConfig
from projgan.data import PackedImages, Source, open_source
from projgan.data.conditions import CONDITION_KINDS
from projgan.data.configured import condition_request
from projgan.data.gathering import stays_on_gpu
from projgan.durations import duration
from projgan.errors import UserError
from projgan.listening import Count, Listener
from projgan.process.ranks import Ranks, hardware
from projgan.training.building import build_trainer, refuse_unequal_shares
from projgan.training.comparing import bfloat16_rate, say_precision
from projgan.training.graphs import WARM_UP
from projgan.training.guidance import open_guide
from projgan.training.memory import SMALL_BATCH, available_memory, memory_need
from projgan.training.refusals import data_location, refuse_one_class, stored_resolution
from projgan.training.trainer import Trainer

TIMED_STEPS = 5


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
    available_bytes: int | None
    """Of a GPU; None on a CPU."""
    fitting_batch_size: int | None
    """The largest `training.batch_size` that fits into a GPU, where that of the run does not; 0 for none."""
    probed_batch_size: int
    """Images per discriminator update of the probed steps, from which time is scaled."""
    bfloat16_rate: float | None
    """How many times as fast as float32 bfloat16 is here; None on a GPU."""

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
                f"{self.images_per_second:.3g} images/s, {duration(self.hours * 3600)} in all{scaled}",
                *(
                    []
                    if self.bfloat16_rate is None
                    else [f"precision       {say_precision(self.bfloat16_rate)}"]
                ),
                f"memory          {self.memory_bytes / 2**30:.2f} GiB for networks and activations"
                f"{self._what_there_is()}",
            ]
        )

    def _what_there_is(self) -> str:
        if self.available_bytes is None:
            return ""
        there = f" of {self.available_bytes / 2**30:.2f} on the GPU"
        if self.fitting_batch_size is None:
            return there
        fitting = f"a batch of {self.fitting_batch_size}" if self.fitting_batch_size else "no batch"
        return f"{there}: it does not fit, {fitting} would"


def probe(
    config: RunConfig, ranks: Ranks, listener: Listener | None = None, data: PackedImages | None = None
) -> Estimate:
    """Build the run's networks, foresee their memory, and time a few steps on random images.

    The batch is a small one, but for the time on a GPU where the run fits.

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
    guide = open_guide(config, given, ranks.device)

    def build(batch: int) -> Trainer:
        shape = (batch, config.data.channels, config.data.resolution, config.data.resolution)
        images = torch.randint(0, 256, shape, dtype=torch.uint8)
        conditions = torch.from_numpy(given.values[np.arange(batch) % len(given.values)])
        return build_trainer(_with_batch(config, batch, ranks), images, conditions, num_classes, ranks, guide)

    size = config.training.batch_size
    batch = max(min(size, SMALL_BATCH) // ranks.size, 1) * ranks.size
    trainer = build(batch)
    need, available = memory_need(trainer), available_memory(ranks.device)
    stored = len(source.labels) * config.data.channels * stored_resolution(config) ** 2
    if available is not None and stays_on_gpu(stored, ranks.device):
        need = dataclasses.replace(need, constant=need.constant + stored)
    fits = available is None or not ranks.largest(int(not need.fits(size, available)))
    if available is not None and fits:
        batch, trainer = size, build(size)  # a GPU's time does not go with the batch
    listener.said(f"probing {config.generator.architecture} on {ranks.device} with batches of {batch}")
    seconds = _seconds_per_step(trainer, listener.counting("probing steps")) * size / batch
    parameters = [
        sum(parameter.numel() for parameter in network.parameters())
        for network in (trainer.generator, trainer.discriminator)
    ]
    return Estimate(
        data=source.name,
        num_images=len(source.labels),
        num_classes=num_classes,
        condition=config.data.condition,
        generator_parameters=parameters[0],
        discriminator_parameters=parameters[1],
        device=hardware(ranks.device),
        seconds_per_step=seconds,
        images_per_second=size * config.training.discriminator_updates / seconds,
        hours=seconds * config.training.steps / 3600,
        memory_bytes=need.at(size),
        available_bytes=available,
        fitting_batch_size=None if fits or available is None else need.fitting(available),
        probed_batch_size=batch,
        bfloat16_rate=bfloat16_rate(trainer, max(2 * batch // ranks.size, 1)),
    )


def _open(config: RunConfig) -> Source:
    source = open_source(data_location(config), config.data.split, condition_request(config.data))
    if source.problems:
        raise UserError(source.problems[0])
    return source


def _with_batch(config: RunConfig, batch: int, ranks: Ranks) -> RunConfig:
    """The same settings with another batch, and as much smaller a batch of the generator."""
    size = config.training.batch_size
    generated = (config.training.generator_batch_size or 2 * size) * batch // size
    sizes = {"batch_size": batch, "generator_batch_size": max(generated // ranks.size, 1) * ranks.size}
    return config.model_copy(update={"training": config.training.model_copy(update=sizes)})


def _seconds_per_step(trainer: Trainer, progress: Count, budget: float = 10.0) -> float:
    """Median of up to five steps after the first ones, or as many as fit into the budget in seconds."""
    times: list[float] = []
    first = 1 if trainer.steps_are == "eager" else WARM_UP + 1
    most = first + TIMED_STEPS
    while len(times) <= first or (len(times) < most and sum(times) < budget):
        start = time.perf_counter()
        trainer.advance()
        trainer.read_losses()  # waits for the device
        times.append(time.perf_counter() - start)
        progress(len(times), most)
    progress(most, most)
    return sorted(times[first:])[len(times[first:]) // 2]
