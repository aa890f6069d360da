"""Recorded steps against run ones, to the bit: whole runs, runs that resume, runs done twice."""

import io
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gpu.notes import Notes
from gpu.settings import EVERYTHING, Changes, Place, steps_called
from projgan.training.trainer import Trainer

STEPS, STOP, ALL_STEPS = 8, 5, 10


def check(place: Place, notes: Notes) -> None:
    """Train some steps each way and compare everything a checkpoint holds."""
    cases: dict[str, Changes] = {
        "fp32": {},
        "bf16": {"training.precision": "bf16"},
        "everything": {**EVERYTHING, "training.precision": "bf16"},
    }
    for name, changes in cases.items():
        with notes.case(f"{name}: graph is eager") as facts:
            ours, theirs = _trained(place, changes, "graph", STEPS), _trained(place, changes, "eager", STEPS)
            _compare(facts, ours, theirs)
        with notes.case(f"{name}: eager twice") as facts:
            _compare(facts, _trained(place, changes, "eager", STEPS), theirs)
    changes = cases["everything"]
    for how in ("graph", "eager"):
        with notes.case(f"{how}: resumed at {STOP} is unbroken at {ALL_STEPS}") as facts:
            whole = _trained(place, changes, how, ALL_STEPS)
            stored = io.BytesIO()
            torch.save(_trained(place, changes, how, STOP), stored)
            stored.seek(0)
            state = torch.load(stored, map_location="cpu", weights_only=True)
            _compare(facts, _trained(place, changes, how, ALL_STEPS - STOP, state), whole)


def _trained(
    place: Place, changes: Changes, how: str, steps: int, state: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Everything a run depends on after some steps, from the start or from a state."""
    with steps_called(how, place.device):
        trainer: Trainer = place.trainer(changes)
        if state is not None:
            trainer.load_state_dict(state)
        for _ in range(steps):
            trainer.advance()
    return trainer.state_dict()


def _tensors(value: Any, place: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield place, value.cpu()
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _tensors(part, f"{place}/{key}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _tensors(part, f"{place}/{index}")


def _compare(facts: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """How many tensors differ in a bit, and where most."""
    pairs = dict(_tensors(theirs))
    found = dict(_tensors(ours))
    apart = {
        name: (found[name].double() - tensor.double()).abs().max().item()
        for name, tensor in pairs.items()
        if name not in found or not torch.equal(found[name], tensor)
    }
    facts |= {"ok": not apart and found.keys() == pairs.keys(), "tensors": len(pairs), "differ": len(apart)}
    if apart:
        worst = max(apart, key=lambda name: apart[name])
        facts |= {"first": next(iter(apart)), "worst": worst, "by": f"{apart[worst]:.3g}"}
