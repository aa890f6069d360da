"""Which precision is faster on this processor: bfloat16 needs instructions of its own."""

import time

import torch

from projgan.training.trainer import Trainer

BUDGET = 1.0
"""Seconds that comparing takes at most, but for a single round of each."""


def bfloat16_rate(trainer: Trainer, images: int) -> float | None:
    """How many times as fast as float32 a CPU trains in bfloat16.

    None on a GPU, of which a few images say little.

    Args:
        trainer: of the run; it stays as it is, but for gradients.
        images: to show to the discriminator, forward and backward, by each precision in turns.
    """
    if trainer.ranks.device.type != "cpu":
        return None
    discriminator = trainer.discriminator
    forward = type(discriminator).forward  # without the precision of the run around it
    shape = (images, discriminator.channels, discriminator.resolution, discriminator.resolution)
    shown = torch.zeros(shape)
    condition = trainer.parts.fakes.conditions(images, torch.Generator().manual_seed(0))
    kept = {name: buffer.clone() for name, buffer in discriminator.named_buffers()}

    def seconds(bfloat16: bool) -> float:
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = forward(discriminator, shown, condition).logits
        logits.float().sum().backward()
        return time.perf_counter() - start

    times: list[tuple[float, float]] = []
    end = time.perf_counter() + BUDGET
    while len(times) < 2 or (len(times) < 6 and time.perf_counter() < end):
        times.append((seconds(False), seconds(True)))
    discriminator.zero_grad()
    for name, buffer in discriminator.named_buffers():
        buffer.copy_(kept[name])
    float32, bfloat16 = (min(column) for column in zip(*times[1:], strict=True))  # the first makes ready
    return float32 / bfloat16


def say_precision(rate: float) -> str:
    """Say which precision is faster here."""
    if rate >= 1.1:
        return f"bf16 is about {rate:.1f} times as fast as float32 here"
    if rate <= 0.9:
        return f"float32 is about {1 / rate:.1f} times as fast as bf16 here"
    return "float32 and bf16 are as fast as each other here"
