"""The runs that the checks are made on: small on a CPU, of the paper's size on a GPU."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gpu.tape import Tape
from projgan.config import RunConfig, check_config, load_config
from projgan.networks.classifier import Classifier
from projgan.process.ranks import Ranks
from projgan.training import graphs, optimization
from projgan.training import trainer as trainer_module
from projgan.training.building import build_trainer
from projgan.training.trainer import Trainer

Changes = Mapping[str, Any]
CPU = torch.device("cpu")
CLASSES, COLUMNS, IMAGES = 10, 3, 256

TINY: dict[str, Any] = {
    "generator.width": 8,
    "discriminator.width": 8,
    "training.batch_size": 8,
    "training.generator_batch_size": 8,
    "training.discriminator_updates": 2,
}
EVERYTHING: dict[str, Any] = {
    "training.ema_decay": 0.999,
    "loss.lecam_weight": 0.3,
    "discriminator.augmentation": ["colour", "translation", "cutout"],
    "data.horizontal_flip": True,
    "optimizer.discriminator_learning_rate": 4e-4,
}
GUIDED: dict[str, Any] = {
    "finetuning.classifier_weight": 0.5,
    "finetuning.classifier": "classifier.safetensors",
    "finetuning.classifier_sha256": "x",
    "finetuning.run": "run",
    "finetuning.step": 1,
    "finetuning.checkpoint_sha256": "x",
}
SUPER_RESOLUTION: dict[str, Any] = {
    "data.condition": "low-resolution",
    "data.resolution": 64,
    "generator.architecture": "super-resolution-16-64",
    "generator.condition": "input",
    "generator.latent_size": 4,
    "generator.width": 16,
    "discriminator.architecture": "super-resolution-16-64",
    "discriminator.width": 16,
}


@dataclass(frozen=True)
class Place:
    """Where a check runs, how large, and a folder for what it writes."""

    device: torch.device
    quick: bool
    folder: Path
    full_size: str = "cifar10"
    """Preset of the runs where there is room for them."""

    @property
    def preset(self) -> str:
        """Of the runs."""
        return "demo" if self.quick else self.full_size

    def config(self, changes: Changes) -> RunConfig:
        """Return the settings of a run, with dotted keys changed."""
        sections = load_config(self.preset).model_dump(mode="json")
        for key, value in {**(TINY if self.quick else {}), "training.cpu_threads": None, **changes}.items():
            section, name = key.split(".")
            sections[section][name] = value
        if sections["data"]["condition"] == "low-resolution":
            sections["data"]["channels"] = 3
        return check_config(sections, self.preset)

    def trainer(self, changes: Changes, device: torch.device | None = None) -> Trainer:
        """Build a run on made-up images, the same wherever it is built."""
        config, draws = self.config(changes), torch.Generator().manual_seed(1)
        shape = (IMAGES, config.data.channels, config.data.resolution, config.data.resolution)
        images = torch.randint(0, 256, shape, generator=draws).to(torch.uint8)
        conditions: Tensor = torch.arange(IMAGES) % CLASSES
        count, guide, ranks = CLASSES, None, Ranks(0, 1, device or self.device)
        if config.data.condition in ("vector", "multi-hot"):
            conditions, count = (torch.randn(IMAGES, COLUMNS, generator=draws) > 0).float(), COLUMNS
        if config.finetuning.classifier_weight is not None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(2)
                guide = Classifier(config.data.resolution, config.data.channels, CLASSES, width=16)
            guide = guide.to(ranks.device)
        return build_trainer(config, images, conditions, count, ranks, guide)


@contextmanager
def steps_called(how: str, device: torch.device) -> Iterator[None]:
    """Let trainers built in here call their steps as is said: `eager`, or `graph`, on a CPU a tape."""
    before = trainer_module.suitable_steps, optimization.rate_on, graphs.STEPS["graph"]
    trainer_module.suitable_steps = lambda *facts: how
    if device.type == "cpu":
        optimization.rate_on = lambda device, rate: torch.tensor(rate)
        graphs.STEPS["graph"] = partial(graphs.captured, recorder=Tape())
    try:
        yield
    finally:
        trainer_module.suitable_steps, optimization.rate_on, graphs.STEPS["graph"] = before


@contextmanager
def fakes_apart(apart: bool) -> Iterator[None]:
    """Let trainers built in here make generated images update by update, if `apart`."""
    before = trainer_module.updates_at_once
    if apart:
        trainer_module.updates_at_once = lambda *facts: 1
    try:
        yield
    finally:
        trainer_module.updates_at_once = before
