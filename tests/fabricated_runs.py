"""Run directories that nobody trained: true networks, made-up statistics and metrics."""

import math
from pathlib import Path
from typing import Any

import torch

from projgan.config import RunConfig
from projgan.evaluation.rows import MetricRow
from projgan.report.runs import Run
from projgan.storage.network_description import NetworkDescription, Provenance
from projgan.storage.network_file import save_network
from projgan.storage.run_directory import RunDirectory
from projgan.storage.run_networks import build_networks, network_arguments
from small_runs import small_config

DIGITS = tuple("0123456789")
VERSIONS = {"projgan": "0.1.0", "torch": "2.13.0"}
STEPS, IMAGES_PER_STEP = 1000, 32

MEASUREMENT: dict[str, Any] = {
    "protocol": "standard",
    "data": "digits",
    "data_fingerprint": "a" * 64,
    "resolution": 8,
    "real_split": "all",
    "real_images": 1797,
    "generated_images": 1797,
    "generated_labels": "as-real",
    "features": "classifier:digits",
    "features_sha256": "b" * 64,
    "resize": "none",
    "seed": 0,
    "truncation": None,
    "parameters": {},
}


def metric_row(metric: str, value: float, step: int = STEPS, **changes: Any) -> dict[str, Any]:
    """One line of metrics; `changes` are of the row, or of its measurement where it has such a key."""
    measurement = {key: changes.pop(key, known) for key, known in MEASUREMENT.items()}
    return {
        "metric": metric,
        "value": value,
        "standard_error": None,
        "measurement": measurement,
        "subject": {
            "kind": "generator",
            "name": "run",
            "sha256": "c" * 64,
            "step": step,
            "images_seen": step * IMAGES_PER_STEP,
            "averaged": True,
            "batch_norm": "running statistics",
        },
        "seconds": 1.0,
        "versions": VERSIONS,
    } | changes


def fabricate(
    path: Path,
    rows: list[dict[str, Any]] | None = None,
    *,
    class_names: tuple[str, ...] = DIGITS,
    fingerprint: str = "d" * 64,
    step: int = STEPS,
    stats: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Path:
    """Make a run directory; `changes` are keys of the configuration with `__` for the point."""
    defaults = {"training.steps": step, "optimizer.decay_end": 10**6}
    config = small_config(defaults | {key.replace("__", "."): value for key, value in changes.items()})
    directory = RunDirectory(path)
    directory.path.mkdir(parents=True)
    directory.save_config(config)
    networks = build_networks(config, len(class_names))
    arguments = network_arguments(config, len(class_names))
    kinds = ("generator", "discriminator")
    for kind, network, of_network in zip(kinds, networks, arguments, strict=True):
        description = NetworkDescription(
            kind=kind,
            network=of_network,
            class_names=class_names,
            provenance=provenance_at(step, fingerprint),
        )
        save_network(network, description, getattr(directory, kind))
    for row in made_up_stats(config, step) if stats is None else stats:
        directory.append_stats(row)
    if rows:
        directory.append_metrics(rows)
    return path


def made_up_stats(config: RunConfig, steps: int, every: int = 50) -> list[dict[str, Any]]:
    condition = len(config.discriminator.condition)
    draw = torch.Generator().manual_seed(config.training.seed + 10 * condition)
    return [
        {
            "step": step,
            "images_seen": step * IMAGES_PER_STEP,
            "loss_generator": condition / 30
            + math.log1p(step / 300)
            + 0.1 * torch.randn((), generator=draw).item(),
            "loss_discriminator": 2 - math.log1p(step / 600) + 0.1 * torch.randn((), generator=draw).item(),
            "learning_rate": 2e-4,
            "images_per_second": 200.0,
        }
        for step in range(every, steps + 1, every)
    ]


UNCONDITIONAL = {"discriminator__condition": "unconditional", "generator__condition": None}


def fabricate_comparison(folder: Path, class_names: tuple[str, ...] = DIGITS, seeds: int = 3) -> list[Path]:
    """Five methods with some seeds each, measured on the way and at the end, intervals apart and not."""
    methods: list[tuple[str, dict[str, Any], float]] = [
        ("projection", {}, 10.0),
        ("ac-gan", {"discriminator__condition": "ac-gan"}, 14.0),
        ("input-concat", {"discriminator__condition": "input-concat"}, 22.0),
        ("hidden-concat", {"discriminator__condition": "hidden-concat"}, 14.5),
        ("unconditional", UNCONDITIONAL, 30.0),
    ]
    paths = []
    for name, changes, level in methods:
        for seed in range(seeds):
            draw = torch.Generator().manual_seed(100 * seed + int(level * 10))
            rows = []
            for step in range(200, STEPS + 1, 200):
                distance = level + 40 * math.exp(-step / 250) + 0.15 * torch.randn((), generator=draw).item()
                noise = torch.rand(len(class_names), generator=draw).tolist()
                classes = {
                    name: distance * (1.5 + noise[i] / 2 + i % 7 / 5) for i, name in enumerate(class_names)
                }
                rows += [
                    metric_row("fd", distance, step),
                    metric_row("kd", distance / 500, step, standard_error=0.0004),
                    metric_row("precision", 1 / (1 + distance / 30), step, parameters={"k": 3}),
                    metric_row("recall", 0.5 + noise[0] / 5, step, parameters={"k": 3}),
                    metric_row("intra_fd", sum(classes.values()) / len(classes), step, per_class=classes),
                ]
            rows.append(metric_row("accuracy_top1", 0.99 - level / 60 + noise[1] / 20, real_images=0))
            paths.append(
                fabricate(
                    folder / f"{name}-{seed}", rows, class_names=class_names, training__seed=seed, **changes
                )
            )
    return paths


def run_in_memory(
    name: str,
    rows: list[dict[str, Any]] | None = None,
    *,
    class_names: tuple[str, ...] = DIGITS,
    step: int = STEPS,
    stats: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Run:
    """A run as `read_runs` returns it, without any file."""
    config = small_config({key.replace("__", "."): value for key, value in changes.items()})
    return Run(
        name=name,
        path=Path(name),
        config=config,
        provenance=provenance_at(step),
        class_names=class_names,
        present_classes=tuple(range(len(class_names))),
        generator_parameters=7,
        discriminator_parameters=5,
        discriminator_shapes=None,
        stats=tuple(stats or ()),
        rows=tuple(MetricRow.model_validate(row) for row in rows or ()),
    )


def provenance_at(step: int, fingerprint: str = "d" * 64) -> Provenance:
    return Provenance(
        data="digits",
        data_fingerprint=fingerprint,
        step=step,
        images_seen=step * IMAGES_PER_STEP,
        averaged=True,
        settings={},
        versions=VERSIONS,
    )
