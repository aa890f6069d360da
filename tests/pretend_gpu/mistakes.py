"""What a GPU would refuse, or wait for, is seen by the one that is pretended."""

from collections.abc import Callable
from typing import Any

import torch

from gpu.notes import Notes
from gpu.pretence import waits
from gpu.settings import Place


def check(place: Place, notes: Notes) -> None:
    """Make every mistake once."""
    there, here = torch.ones(3, device=place.device), torch.ones(3)
    with notes.case("right") as facts:
        found = (there * 2 + torch.tensor(1.0)).cumsum(0)
        facts["ok"] = found.device.type == "cuda" and found.cpu().tolist() == [3, 6, 9]
    _refused(notes, "two devices", lambda: there + here)
    _refused(
        notes,
        "labels of the host",
        lambda: torch.nn.functional.embedding(torch.tensor([1, 2]), there[:, None]),
    )
    _waits(notes, "a number is read", lambda: there.sum().item(), "aten::_local_scalar_dense")
    _waits(
        notes,
        "a copy that is not pinned",
        lambda: here.to(place.device, non_blocking=True),
        "of memory that is not pinned",
    )
    _waits(
        notes,
        "a copy that blocks",
        lambda: here.pin_memory().to(place.device),
        "of memory that is not pinned",
    )
    _waits(notes, "a copy back", lambda: there.cpu(), "to the host")
    with notes.case("a copy that waits for nothing") as facts:
        waits.clear()
        here.pin_memory().to(place.device, non_blocking=True)
        facts["ok"] = not waits


def _refused(notes: Notes, name: str, action: Callable[[], Any]) -> None:
    with notes.case(name) as facts:
        try:
            action()
            facts["ok"] = False
        except RuntimeError as error:
            facts["said"] = str(error)[:80]


def _waits(notes: Notes, name: str, action: Callable[[], Any], kind: str) -> None:
    with notes.case(name) as facts:
        waits.clear()
        action()
        facts["ok"] = waits[kind] == 1
