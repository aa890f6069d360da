"""How a checkpoint gives back what an optimiser of the Adam family has gathered."""

from typing import Any

import torch
from torch import Tensor


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of all parameters; a tensor keeps its place in memory."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def load_moments(optimizer: torch.optim.Adam, state: dict[str, Any]) -> None:
    """Take the moments of Adam or AdamW, and its last learning rate; its other settings stay as they are.

    torch does not check the shapes and the fused kernel writes wherever they lead, so they are checked here,
    and copied into memory laid out as the parameters are.

    Raises:
        ValueError: not the moments of these parameters.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    moments = state.get("state") if isinstance(state, dict) else state
    if not isinstance(moments, dict):
        raise ValueError(f"a {type(moments).__name__} where an optimiser's moments belong")
    if moments.keys() != set(range(len(parameters))):
        raise ValueError(f"an optimiser of {len(moments)} tensors, not {len(parameters)}")
    taken: dict[int, dict[str, Tensor]] = {}
    for index, parameter in enumerate(parameters):
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
    settings = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": taken, "param_groups": settings})
    set_learning_rate(optimizer, float(state["param_groups"][0]["lr"]))
