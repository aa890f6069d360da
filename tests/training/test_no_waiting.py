"""No GPU waits for the host in an iteration, seen without one: on the meta device nothing can be read.

Tensors there have shapes and no numbers, so whatever reads one (`.item()`, a branch on a value, a copy to the
host) raises. Copies to the device are counted as they are dispatched.
"""

from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from projgan.process.ranks import Ranks
from projgan.training import building
from projgan.training.building import build_trainer
from small_runs import small_config

META = torch.device("meta")


class CopiesToDevice(TorchDispatchMode):
    """Counts operations that take a tensor of the host and give one of the device."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        taken, given = (
            {leaf.device.type for leaf in tree_leaves(some) if isinstance(leaf, torch.Tensor)}
            for some in ((args, kwargs), result)
        )
        if "cpu" in taken and "meta" in given:
            self.counts[str(func)] += 1
        return result


@pytest.fixture
def meta(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the meta device what only it lacks: random numbers, autocast, fused operations."""

    class OnMeta(torch.Generator):
        device = META

        def __new__(cls, device: object = None) -> "OnMeta":
            return super().__new__(cls)

    def statistics(images: torch.Tensor, *given: object) -> tuple[torch.Tensor, torch.Tensor]:
        return images.mean(dim=(0, 2, 3)), images.var(dim=(0, 2, 3), correction=0)

    def adam(*given: Any, **named: Any) -> torch.optim.Adam:
        return unfused(*given, **(named | {"fused": False, "foreach": False, "capturable": False}))

    unfused = torch.optim.Adam
    monkeypatch.setattr(torch, "Generator", OnMeta)
    monkeypatch.setattr(torch, "autocast", lambda *given, **named: nullcontext())
    monkeypatch.setattr(torch, "batch_norm_update_stats", statistics)
    monkeypatch.setattr(torch.optim, "Adam", adam)
    # At the start, before any iteration, the host reads what a pretrained network says of the images.
    start = building.start_from_elsewhere
    monkeypatch.setattr(building, "start_from_elsewhere", lambda *given: start(*given[:4]))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"discriminator.condition": "ac-gan"},
        {"discriminator.condition": "hidden-concat"},
        {
            "discriminator.architecture": "projected",
            "discriminator.input_size": 32,
            "discriminator.width": 16,
        },
        {
            "data.horizontal_flip": True,
            "training.ema_decay": 0.99,
            "discriminator.augmentation": ["translation", "cutout"],
            "loss.lecam_weight": 0.3,
        },
    ],
    ids=str,
)
def test_an_iteration_sends_indices_and_reads_nothing(
    changes: dict[str, Any], meta: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two copies an update of the discriminator: which images, which of their labels."""
    config = small_config({"training.batch_size": 4, "training.discriminator_updates": 3} | changes)
    images = torch.zeros(16, 1, 8, 8, dtype=torch.uint8)
    trainer = build_trainer(config, images, torch.arange(16) % 4, 4, Ranks(0, 1, META))
    trainer.advance()
    from_numbers: list[object] = []  # which copies them too, unseen by dispatch
    made = torch.tensor
    monkeypatch.setattr(torch, "tensor", lambda *of, **how: (from_numbers.append(how), made(*of, **how))[1])
    with CopiesToDevice() as copies:
        trainer.advance()
    assert copies.counts == {"aten._to_copy.default": 2 * 3}
    assert not from_numbers
    assert trainer.pending[-1].device == META


def test_a_number_read_on_the_way_would_be_seen(meta: None) -> None:
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.zeros(1, device=META).item()
