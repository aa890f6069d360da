"""What a run takes of memory, and what would fit where it took too much."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from projgan.data.gathering import ResidentImages
from projgan.errors import UserError
from projgan.training.trainer import Trainer

BYTES_PER_PARAMETER = 16
"""float32 weight, gradient and Adam's two moments."""
SHARE_FILLED = 0.9
"""Of a GPU's free memory: libraries take some, and freed blocks leave holes."""
SMALL_BATCH = 8
"""Images from which the need of many is foreseen."""


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes that one process of a run takes on its device."""

    constant: int
    """Weights, gradients, optimisers and average, and images that stay in a GPU's memory."""
    maps: int
    """Activations and their gradients in the hungrier of the two updates."""
    batch_size: int
    """Images of a discriminator update over all processes, in proportion to which the maps grow."""

    def at(self, batch_size: int) -> int:
        """Bytes in all where a discriminator update has so many images."""
        return self.constant + self.maps * batch_size // self.batch_size

    def fits(self, batch_size: int, available: int) -> bool:
        """Whether a batch fits into so many bytes of a GPU."""
        return self.at(batch_size) <= SHARE_FILLED * available

    def fitting(self, available: int) -> int:
        """Return the largest batch that fits into so many bytes, 0 for none; from 8 on, a multiple of 8."""
        fitting = max(0, int(SHARE_FILLED * available) - self.constant) * self.batch_size // self.maps
        return fitting if fitting < 8 else fitting // 8 * 8


def available_memory(device: torch.device) -> int | None:
    """Bytes of a GPU that are free or held by this process; None for a CPU, where the system lends more."""
    if device.type != "cuda":
        return None
    return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)


def memory_need(trainer: Trainer, batch_size: int | None = None) -> MemoryNeed:
    """Find what a run takes by a forward of each update.

    Args:
        trainer: of the run.
        batch_size: images of a discriminator update to find it with; the run's own if None.
    """
    schedule = trainer.schedule
    size = batch_size or schedule.batch_size
    generated = max(schedule.generator_batch_size * size // schedule.batch_size, 1)
    weights = [
        sum(parameter.numel() for parameter in network.parameters())
        for network in (trainer.generator, trainer.discriminator)
    ]
    constant = sum(weights) * BYTES_PER_PARAMETER + (4 * weights[0] if trainer.average else 0)
    if trainer.ranks.device.type == "cuda" and isinstance(trainer.stream.gathered, ResidentImages):
        constant += trainer.stream.gathered.images.nbytes
    shares = [max(count // trainer.ranks.size, 1) for count in (generated, 2 * size)]
    return MemoryNeed(constant, _largest_maps(trainer, *shares), size)


def _largest_maps(trainer: Trainer, generated: int, judged: int) -> int:
    """Bytes that the hungrier of the two updates needs for maps.

    They are what autograd keeps between forward and backward, and where the backward pass meets the widest
    map, the gradients on both sides of it.
    """
    device, generator, conditions = trainer.ranks.device, trainer.generator, trainer.parts.fakes.conditions
    draws = torch.Generator(device)
    own = {
        parameter.untyped_storage().data_ptr()
        for network in (generator, trainer.discriminator)
        for parameter in network.parameters()
    }
    kept: dict[int, int] = {}
    held: list[Tensor] = []

    def pack(tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held.append(tensor.detach())  # so that no other comes to lie there
            kept[storage.data_ptr()] = storage.nbytes()
        # Nothing is handed on: a result that its own graph holds would never be freed, and the gradients'
        # accumulators would stay on this stream, from which a graph of the run could not be recorded.

    def measure(images: Tensor, condition: Tensor) -> int:
        logits = trainer.discriminator(images, condition).logits  # the graph must be alive while counted
        total = sum(kept.values()) + 2 * max(kept.values())
        kept.clear()
        held.clear()
        del logits
        return total

    with saved_tensors_hooks(pack, lambda nothing: nothing):
        given = conditions(generated, draws)
        latents = torch.randn(generated, generator.latent_size, device=device)
        for_generator = measure(generator(latents, given), given)
        shape = (judged, generator.channels, generator.resolution, generator.resolution)
        for_discriminator = measure(torch.zeros(shape, device=device), conditions(judged, draws))
    return max(for_generator, for_discriminator)


def out_of_memory(trainer: Trainer) -> UserError:
    """Return what to say where a step of a run found no memory: the batch, and what would fit."""
    size, generated = trainer.schedule.batch_size, trainer.schedule.generator_batch_size
    where = "the GPU" if trainer.ranks.device.type == "cuda" else "this machine"
    fitting = _fitting_batch(trainer)
    if fitting is None:
        remedy = "choose a smaller batch_size or width"
    elif fitting >= size:
        remedy = "alone it would fit: end what else uses the memory, and the same command resumes"
    elif fitting:
        remedy = f"batch_size {fitting} with generator_batch_size {generated * fitting // size} would fit"
    else:
        remedy = "no batch would fit: choose smaller widths"
    return UserError(
        f"{where} has not enough memory for training.batch_size {size} (generator_batch_size {generated}); "
        f"{remedy}; --training.precision bf16 takes less"
    )


def _fitting_batch(trainer: Trainer) -> int | None:
    available = available_memory(trainer.ranks.device)
    if available is None:
        return None
    try:
        return memory_need(trainer, min(SMALL_BATCH, trainer.schedule.batch_size)).fitting(available)
    except torch.OutOfMemoryError:
        return None
