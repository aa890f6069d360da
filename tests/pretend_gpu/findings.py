"""What stays on a GPU, and what does not make it wait: cases of a check, beside the same on a CPU."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from gpu.launches import Launches
from gpu.notes import Notes
from gpu.pretence import waits
from gpu.settings import CPU, Place
from projgan.classification.settings import ClassifierSettings
from projgan.classification.trainer import ClassifierTrainer
from projgan.data import load_images
from projgan.evaluation.evaluator import Evaluator
from projgan.evaluation.extractors import ClassifierNetwork
from projgan.evaluation.metrics import METRICS, Compared, Metric
from projgan.evaluation.protocol import choose_protocol
from projgan.evaluation.stored_images import StoredImages
from projgan.generation.morph_writing import write_morph
from projgan.generation.request import MorphRequest, SampleRequest
from projgan.generation.sample_writing import write_images
from projgan.networks.classifier import Classifier
from projgan.networks.layers import select
from projgan.plug_and_play import chains
from projgan.plug_and_play.settings import InverterSettings
from projgan.plug_and_play.trainer import InverterTrainer
from projgan.process.ranks import Ranks
from small_runs import save_blank_classifier, train_small


def check(place: Place, notes: Notes) -> None:
    """Each case in turn."""
    train_small(place.folder / "run", {"training.steps": 2})
    with notes.case("sample") as facts:
        _sample(facts, place)
    with notes.case("morph") as facts:
        _morph(facts, place)
    with notes.case("evaluate") as facts:
        _evaluate(facts, place)
    with notes.case("classifier") as facts:
        _classifier(facts, place)
    with notes.case("chains") as facts:
        _chains(facts, place)
    with notes.case("many labels") as facts:
        _many_labels(facts, place)
    with notes.case("inverter") as facts:
        _inverter(facts, place)


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def _sample(facts: dict[str, Any], place: Place) -> None:
    """The pictures are those of a CPU, and each lane came from the GPU."""
    for reject in (None, 0.5):
        here, there = (place.folder / f"{name}-{reject}.png" for name in ("cpu", "gpu"))
        run = place.folder / "run"
        write_images(run, SampleRequest(count=3, reject=reject, out=here))
        waits.clear()
        write_images(run, SampleRequest(count=3, reject=reject, out=there), place.device)
        facts[f"lanes, {reject}"] = waits["to the host"]
        facts["ok"] = facts.get("ok", True) and waits["to the host"] > 0
        facts["ok"] &= bool(np.abs(_pixels(here) - _pixels(there)).max() <= 1)


def _morph(facts: dict[str, Any], place: Place) -> None:
    here, there = (place.folder / f"morph-{name}.png" for name in ("cpu", "gpu"))
    run, request = place.folder / "run", MorphRequest(classes=("1", "7"), rows=2, columns=3, out=here)
    write_morph(run, request)
    waits.clear()
    write_morph(run, request.model_copy(update={"out": there}), place.device)
    facts["lanes"] = waits["to the host"]
    facts["ok"] = waits["to the host"] > 0 and bool(np.abs(_pixels(here) - _pixels(there)).max() <= 1)


def _evaluate(facts: dict[str, Any], place: Place) -> None:
    """Features stay where they were made, and the numbers are those of a CPU."""
    path = save_blank_classifier(place.folder / "classifier.safetensors", tuple("0123456789"))
    data, other = (load_images("digits", resolution=8, channels=1, cache=None) for _ in range(2))
    seen: list[str] = []

    def noting(metric: Metric) -> Metric:
        def measure(compared: Compared) -> Any:
            parts = (compared.real, compared.generated)
            seen.extend(tensor.device.type for part in parts for tensor in (part.features, part.logits))
            seen.append(compared.reference.rows.device.type)
            return metric.measure(compared)

        return Metric(measure, metric.conditional, metric.classifies, metric.asked_only, metric.of_each_class)

    before = dict(METRICS)
    METRICS.update({name: noting(metric) for name, metric in before.items()})
    rows: dict[str, dict[str, float]] = {}
    try:
        for name, device in (("cpu", CPU), ("gpu", place.device)):
            evaluator = Evaluator(
                data,
                ClassifierNetwork(path, device),
                choose_protocol("standard", 150, 150),
                ranks=Ranks(0, 1, device),
                cache=place.folder / f"cache-{name}",
            )
            seen.clear()
            for _ in range(2):  # the second time from the cache
                found = evaluator.measure(StoredImages(other))
            rows[name] = {row.metric: row.value for row in found}
            facts[f"devices, {name}"] = sorted(set(seen))
    finally:
        METRICS.update(before)
    far = [
        key for key, value in rows["cpu"].items() if abs(rows["gpu"][key] - value) > 1e-4 * abs(value) + 1e-6
    ]
    facts |= {"rows": len(rows["cpu"]), "far": far}
    facts["ok"] = not far and facts["devices, gpu"] == ["cuda"] and facts["devices, cpu"] == ["cpu"]


def _classifier(facts: dict[str, Any], place: Place) -> None:
    """After the first step, no step waits for anything."""
    images = torch.randint(0, 256, (64, 3, 16, 16), dtype=torch.uint8)
    settings = ClassifierSettings(resolution=16, channels=3, width=8, batch_size=16, flip=True, shift=1)
    trainer = ClassifierTrainer(settings, images, torch.arange(64) % 4, 4, place.device)
    trainer.advance()
    waits.clear()
    for _ in range(5):  # into the second epoch
        trainer.advance()
    facts |= {"ok": not waits, "waits": dict(waits), "fused": trainer.optimizer.defaults["fused"]}
    facts["ok"] &= facts["fused"] is True


def _chains(facts: dict[str, Any], place: Place) -> None:
    """One copy for the noise of sixteen steps, none where there is no noise."""
    drawn: list[int] = []
    generator_at = chains.generator_at

    def counting(*given: Any) -> Any:
        drawn.append(given[2])
        return generator_at(*given)

    chains.generator_at = counting
    try:
        noise = chains.seeded_noise([5, 6, 7], 4, place.device)
        waits.clear()
        values = torch.stack([noise(step) for step in range(20)])
        facts |= {"waits": dict(waits), "drawn": list(drawn), "device": values.device.type}
        here = chains.seeded_noise([6], 4)
        facts["ok"] = bool(
            torch.equal(values.cpu()[:, 1], torch.stack([here(step)[0] for step in range(20)]))
        )
    finally:
        chains.generator_at = generator_at
    facts["ok"] &= not facts["waits"] and facts["drawn"] == [0, 0, 0, 1, 1, 1] and facts["device"] == "cuda"


def _many_labels(facts: dict[str, Any], place: Place) -> None:
    """The gradient of a table is a product: no sums in no order, no sorting. Rows are those of a table."""
    labels = torch.arange(1100) % 7
    found = []
    for device in (CPU, place.device):
        table = torch.randn(7, 5, generator=torch.Generator().manual_seed(0)).to(device).requires_grad_()
        with Launches() as launches:
            with torch.autocast(device.type, torch.bfloat16):
                rows = select(table, labels.to(device))
            (gradient,) = torch.autograd.grad(rows.square().sum(), table)
        found.append((rows.detach().cpu(), gradient.cpu()))
    facts["counts"] = dict(launches.counts)
    facts["ok"] = not any("embedding" in name for name in launches.counts)
    facts["ok"] &= torch.equal(found[0][0], found[1][0]) and torch.allclose(
        found[0][1], found[1][1], rtol=1e-5
    )


def _inverter(facts: dict[str, Any], place: Place) -> None:
    images = torch.randint(0, 256, (32, 1, 8, 8), dtype=torch.uint8)
    encoder = Classifier(8, 1, 4, width=8)
    trainer = InverterTrainer(InverterSettings(width=8, steps=4, batch_size=8), images, encoder, place.device)
    trainer.advance()
    waits.clear()
    losses = trainer.advance().cpu()
    del waits["to the host"]  # just now
    kernels = [
        weight for weight in trainer.inverter.parameters() if weight.dim() == 4 and weight.shape[2] > 1
    ]
    last = [weight.is_contiguous(memory_format=torch.channels_last) for weight in kernels]
    fused = [optimizer.defaults["fused"] for optimizer in trainer.optimizers]
    facts |= {"waits": dict(waits), "channels_last": all(last), "fused": fused, "losses": losses.tolist()}
    facts["ok"] = not waits and all(last) and fused == [True, True] and bool(losses.isfinite().all())
