"""Adam for one network: how it is built, how its rate falls, and how a checkpoint gives it back."""

from typing import Any

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


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of all parameters; a tensor keeps its place in memory."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


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


def load_moments(optimizer: torch.optim.Adam, state: dict[str, Any]) -> None:
    """Take an Adam's moments and last learning rate; its other settings stay those of the configuration.

    torch does not check the shapes and the fused kernel writes wherever they lead, so they are checked here,
    and copied into memory laid out as the parameters are.

    Raises:
        ValueError: not the moments of these parameters.
    """
    (group,) = optimizer.param_groups
    moments = state.get("state") if isinstance(state, dict) else state
    if not isinstance(moments, dict):
        raise ValueError(f"a {type(moments).__name__} where an optimiser's moments belong")
    if moments.keys() != set(range(len(group["params"]))):
        raise ValueError(f"an optimiser of {len(moments)} tensors, not {len(group['params'])}")
    taken: dict[int, dict[str, Tensor]] = {}
    for index, parameter in enumerate(group["params"]):
        if not isinstance(moments[index], dict):
            raise ValueError(f"a {type(moments[index]).__name__} where moments belong")
        taken[index] = {"step": torch.tensor(float(moments[index]["step"]))}
        for name in ("exp_avg", "exp_avg_sq"):
            moment = moments[index][name]
            if moment.shape != parameter.shape:
                raise ValueError(
                    f"an optimiser with {tuple(moment.shape)} in place of {tuple(parameter.shape)}"
                )
            taken[index][name] = torch.empty_like(parameter).copy_(moment)
    (settings,) = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": taken, "param_groups": [settings]})
    set_learning_rate(optimizer, float(state["param_groups"][0]["lr"]))
