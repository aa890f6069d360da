import pytest
import torch

from projgan.config import RunConfig
from projgan.process.ranks import Ranks
from projgan.training.building import build_trainer
from projgan.training.optimization import learning_rate_factor


@pytest.mark.parametrize(
    ("step", "start", "end", "factor"),
    [
        # The paper's ImageNet runs: constant to 400K, zero at 450K.
        (0, 400_000, 450_000, 1.0),
        (399_999, 400_000, 450_000, 1.0),
        (400_000, 400_000, 450_000, 1.0),
        (425_000, 400_000, 450_000, 0.5),
        (440_000, 400_000, 450_000, 0.2),
        (450_000, 400_000, 450_000, 0.0),
        (460_000, 400_000, 450_000, 0.0),
        # CIFAR: from the start.
        (0, 0, 50_000, 1.0),
        (12_500, 0, 50_000, 0.75),
        (49_999, 0, 50_000, 2e-5),
        # None: no decay.
        (10**9, None, None, 1.0),
    ],
)
def test_decay_by_hand(step: int, start: int | None, end: int | None, factor: float) -> None:
    assert learning_rate_factor(step, start, end) == pytest.approx(factor, abs=1e-12)


def test_both_optimisers_are_set_at_every_step() -> None:
    config = RunConfig.model_validate(
        {
            "data": {"resolution": 8, "channels": 1},
            "generator": {"architecture": "resnet-8", "width": 2},
            "discriminator": {"architecture": "resnet-8", "width": 2},
            "loss": {"adversarial": "standard"},  # its gradient is never zero
            "optimizer": {"learning_rate": 4e-3, "decay_start": 1, "decay_end": 5},
            "training": {"steps": 5, "batch_size": 2, "discriminator_updates": 1},
        }
    )
    images = torch.randint(0, 256, (4, 1, 8, 8), dtype=torch.uint8)
    trainer = build_trainer(config, images, torch.arange(4) % 2, 2, Ranks(0, 1, torch.device("cpu")))
    for optimizer in trainer.optimizers:
        assert (optimizer.defaults["betas"], optimizer.defaults["eps"]) == ((0.0, 0.9), 1e-8)
    for expected in (4e-3, 4e-3, 3e-3, 2e-3, 1e-3, 0.0, 0.0):
        before = [
            network.state_dict()["linear.weight" if i == 0 else "blocks.0.conv1.weight"].clone()
            for i, network in enumerate((trainer.generator, trainer.discriminator))
        ]
        trainer.advance()
        rates = [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups]
        assert rates == pytest.approx([expected] * 2, abs=1e-15)
        assert trainer.learning_rate == pytest.approx(expected, abs=1e-15)
        after = [trainer.generator.linear.weight, trainer.discriminator.blocks[0].conv1.weight]
        moved = [not torch.equal(one, other) for one, other in zip(before, after, strict=True)]
        assert moved == [expected > 0] * 2
