"""Eager steps: a GPU against a CPU, one precision against another, fast against plain, and every way once."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from gpu.notes import Notes
from gpu.settings import CPU, EVERYTHING, GUIDED, SUPER_RESOLUTION, Changes, Place, steps_called
from projgan.errors import UserError
from projgan.networks.conditions import CONDITIONS
from projgan.storage.pretrained import imagenet_file
from projgan.training.trainer import Trainer

CLOSE = 1e-9
"""Length of the difference of two gradients over the length of one, in float64."""
ALIKE = {"fp32": 0.02, "tf32": 0.2, "bf16": 0.5}
"""The same where numbers are rounded to fewer digits: a ReLU near zero goes one way or the other, which alone
is some thousandths between two float32 paths of a CPU."""

Inputs = tuple[Tensor, ...]


def check(place: Place, notes: Notes) -> None:
    """Compare gradients, then train two steps of every kind."""
    small = {"training.batch_size": 8, "training.generator_batch_size": 8}
    inputs = _inputs(place, small)
    exactly = torch.float64
    wanted = _gradients(place, small, inputs, CPU, exactly)
    found = _gradients(place, small, inputs, place.device, exactly)
    with notes.case("against cpu, in float64") as facts:
        _compare(facts, found, wanted, CLOSE)
    plain = {**small, "training.acceleration": "none"}
    with notes.case("against plain, in float64") as facts:
        _compare(facts, found, _gradients(place, plain, inputs, place.device, exactly), CLOSE)
    for precision, alike in ALIKE.items():
        with notes.case(f"{precision} against float64") as facts:
            changes = {**small, "training.precision": precision}
            _compare(facts, _gradients(place, changes, inputs, place.device), wanted, alike)
    with notes.case("fast against plain, in fp32") as facts:
        fast, written = (_gradients(place, changes, inputs, place.device) for changes in (small, plain))
        _compare(facts, fast, written, ALIKE["fp32"])
    for name, changes in ways():
        for precision in ("fp32", "bf16"):
            with notes.case(f"{name}, {precision}") as facts:
                _two_steps(facts, place, {**small, **changes, "training.precision": precision})


def ways() -> Iterator[tuple[str, Changes]]:
    """Every way to meet a condition, and every ingredient, by name."""
    for condition in CONDITIONS:
        if condition != "unconditional":
            yield condition, {"discriminator.condition": condition}
    yield "unconditional", {"discriminator.condition": "unconditional", "generator.condition": None}
    yield "adain", {"generator.condition": "adain"}
    yield "vector", {"data.condition": "vector", "discriminator.quadratic_term": True}
    yield "multi-hot", {"data.condition": "multi-hot"}
    yield "everything", EVERYTHING
    yield "guided", GUIDED
    yield "super-resolution", SUPER_RESOLUTION
    yield "plain", {"training.acceleration": "none"}
    with suppress(UserError):  # its weights are an extra
        imagenet_file()
        looking = {"discriminator.architecture": "projected", "discriminator.input_size": 64}
        yield "projected", looking | {"discriminator.image_head": True}


def _inputs(place: Place, changes: Changes) -> dict[str, Inputs]:
    """What the first update of each network is given in a run on a CPU."""
    with steps_called("eager", CPU):
        trainer = place.trainer(changes, CPU)
    seen: dict[str, Inputs] = {}

    def noting(name: str, update: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def noted(*inputs: Tensor) -> Tensor:
            seen.setdefault(name, inputs)
            return update(*inputs)

        return noted

    trainer.update_generator = noting("generator", trainer.update_generator)
    trainer.update_discriminator = noting("discriminator", trainer.update_discriminator)
    trainer.advance()
    return seen


def _gradients(
    place: Place,
    changes: Changes,
    inputs: dict[str, Inputs],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """Gradients of one update of each network, each from the first weights, on the CPU."""
    found: dict[str, Tensor] = {}
    for name, given in inputs.items():
        trainer: Trainer = place.trainer(changes, device)
        trainer.generator.to(dtype)
        trainer.discriminator.to(dtype)
        update, network = getattr(trainer, f"update_{name}"), getattr(trainer, name)
        update(*(_cast(tensor.to(device), dtype) for tensor in given))
        for key, parameter in network.named_parameters():
            found[f"{name} {key}"] = parameter.grad.cpu().double()
    return found


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _compare(facts: dict[str, Any], ours: dict[str, Tensor], theirs: dict[str, Tensor], limit: float) -> None:
    longest = {name.split()[0]: 0.0 for name in theirs}
    for name, gradient in theirs.items():
        network = name.split()[0]
        longest[network] = max(longest[network], gradient.norm().item())
    errors = {
        # Of a gradient that is next to nothing, such as a bias before batch norm's, only rounding is left.
        name: ((ours[name] - gradient).norm() / max(gradient.norm().item(), 1e-3 * longest[name.split()[0]]))
        for name, gradient in theirs.items()
    }
    worst = max(errors, key=lambda name: float(errors[name]))
    error = float(errors[worst])
    facts |= {"ok": error < limit, "error_at_most": f"{error:.2g}", "of": worst, "limit": limit}


def _two_steps(facts: dict[str, Any], place: Place, changes: Changes) -> None:
    with steps_called("eager", CPU if place.device.type == "cpu" else place.device):
        trainer = place.trainer({**changes, "training.discriminator_updates": 2})
    trainer.advance()
    trainer.advance()
    losses = torch.stack(trainer.pending).cpu()
    if not (losses.isfinite().all() and trainer.is_finite()):
        facts |= {"ok": False, "losses": losses.tolist()}
