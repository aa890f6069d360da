"""Adam for one network: how it is built, and how its rate falls."""

import torch
from torch import Tensor, nn

from projgan.config import RunConfig
from projgan.config.sections import OptimizerConfig


def build_optimizer(network: nn.Module, config: RunConfig) -> torch.optim.Adam:
    """Build Adam for one network on its device; its learning rate is set anew at every step."""
    settings = config.optimizer
    parameters = list(network.parameters())
    return torch.optim.Adam(
        parameters,
        lr=rate_on(parameters[0].device, settings.learning_rate),
        betas=settings.betas,
        eps=settings.epsilon,
        fused=True,
    )


def rate_on(device: torch.device, rate: float) -> float | Tensor:
    """Return a learning rate as Adam takes it: on a GPU a tensor, which a recorded step reads anew."""
    return torch.tensor(rate, device=device) if device.type == "cuda" else rate


def learning_rate_factor(step: int, start: int | None, end: int | None) -> float:
    """The linear decay: 1 up to step `start`, then falling to 0 at step `end`; 1 throughout if None."""
    if start is None or end is None:
        return 1.0
    return 1.0 - min(max((step - start) / (end - start), 0.0), 1.0)


def remark_on_decay(settings: OptimizerConfig, steps: int) -> str:
    """Say that a run ends before its learning rate has fallen, and what to add; "" where it does not."""
    start, end = settings.decay_start, settings.decay_end
    if start is None or end is None or steps >= end:
        return ""
    rest = learning_rate_factor(steps, start, end)
    return (
        f"the learning rate falls to zero by step {end:,}, and this run ends at {steps:,} with {rest:.0%} of "
        f"it; to let it fall to zero here, add --optimizer.decay-start {start * steps // end} "
        f"--optimizer.decay-end {steps}"
    )


def learning_rates(settings: OptimizerConfig, step: int) -> tuple[float, float]:
    """Return the learning rates of the generator and of the discriminator at a step."""
    factor = learning_rate_factor(step, settings.decay_start, settings.decay_end)
    of_discriminator = settings.discriminator_learning_rate or settings.learning_rate
    return settings.learning_rate * factor, of_discriminator * factor
