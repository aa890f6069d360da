"""Images of three classes of grey, a generator of them, an evaluator of features known by hand."""

from typing import Any

import numpy as np
import torch

from pixel_network import QuarterMeans
from projgan.data import PackedImages
from projgan.evaluation.evaluator import Evaluator
from projgan.evaluation.protocol import choose_protocol
from projgan.evaluation.rows import MetricRow, Subject
from projgan.networks.resnet import Generator
from small_runs import ONE_RANK

NAMES = ("dark", "grey", "light")


def classes(count: int, seed: int, names: tuple[str, ...] = NAMES) -> PackedImages:
    """Images whose mean level is that of their class, the first a third in reverse order of classes."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % len(names)
    levels = labels[:, None, None, None] * (200 / (len(names) - 1)) + 20
    images = (levels + generator.normal(0, 12, (count, 1, 8, 8))).clip(0, 255).astype(np.uint8)
    return PackedImages(images, labels, names, "levels", f"{seed:064d}", split="train")


def evaluator(data: PackedImages, **changes: Any) -> Evaluator:
    settings: dict[str, Any] = {"ranks": ONE_RANK, "protocol": choose_protocol("standard", None, len(data))}
    settings |= changes
    network = settings.pop("network", None) or QuarterMeans(NAMES)
    return Evaluator(data, network, settings.pop("protocol"), **settings)


def by_name(rows: list[MetricRow]) -> dict[str, MetricRow]:
    return {row.metric: row for row in rows}


def generator() -> Generator:
    torch.manual_seed(2)
    network = Generator("resnet-8", channels=1, num_classes=3, latent_size=4, width=4)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim == 2 and name.endswith(("gain", "bias")):
                parameter.normal_(std=2)
    return network.eval()


SUBJECT = Subject(kind="generator", name="g", sha256="d" * 64, step=7, images_seen=70, averaged=True)


def inception_like() -> QuarterMeans:
    network = QuarterMeans(None)
    network.is_inception, network.name = True, "inception"
    return network
