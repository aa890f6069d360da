"""The measurements: each returns its repetitions, taken in turns where two things are compared."""

import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from projgan.config import RunConfig, check_config, load_config
from projgan.errors import UserError
from projgan.evaluation.frechet import frechet_distance_from_features
from projgan.generation.sampling import sample
from projgan.networks.classifier import Classifier
from projgan.networks.resnet import Generator
from projgan.process.ranks import Ranks
from projgan.training.acceleration import place
from projgan.training.building import build_trainer
from projgan.training.memory import memory_need
from projgan.training.trainer import Trainer

NUM_CLASSES = 10
IMAGES = 2_000
"""Of the made-up data; positions in it are random, as in real data."""


@dataclass(frozen=True)
class Repetitions:
    """One figure, measured several times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def text(self, scale: float, unit: str) -> str:
        """Return median and spread in a unit of `1 / scale`."""
        low, middle, high = (
            f"{value * scale:.3g}" for value in (min(self.values), self.median, max(self.values))
        )
        return f"{middle} {unit} ({low} to {high})"


@dataclass(frozen=True)
class Case:
    """A preset, and what is changed of it: dotted keys."""

    preset: str
    changes: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The preset with its changes."""
        changes = ", ".join(f"{key.split('.')[1]} {value}" for key, value in self.changes.items())
        return f"{self.preset} ({changes})" if changes else self.preset

    def config(self, acceleration: str) -> RunConfig:
        """Return the settings of a run by one path."""
        sections = load_config(self.preset).model_dump(mode="json")
        for key, value in (self.changes | {"training.acceleration": acceleration}).items():
            section, name = key.split(".")
            sections[section][name] = value
        return check_config(sections, self.preset)

    @property
    def precision(self) -> str:
        """Of the networks' arithmetic."""
        return self.config("auto").training.precision

    @property
    def images_per_step(self) -> int:
        """Real images in one iteration."""
        training = self.config("auto").training
        return training.batch_size * training.discriminator_updates


def trainer_of(case: Case, acceleration: str, device: torch.device) -> Trainer:
    """Build a run on made-up images."""
    config = case.config(acceleration)
    shape = (IMAGES, config.data.channels, config.data.resolution, config.data.resolution)
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    return build_trainer(config, images, torch.arange(IMAGES) % NUM_CLASSES, NUM_CLASSES, Ranks(0, 1, device))


def timed(action: Callable[[], object], device: torch.device) -> float:
    """Wall-clock seconds of an action, until the device has done it."""
    _wait(device)
    start = time.perf_counter()
    action()
    _wait(device)
    return time.perf_counter() - start


def in_turns(
    actions: Mapping[str, Callable[[], object]], device: torch.device, count: int
) -> dict[str, Repetitions]:
    """Time each action `count` times, taking turns, after a first time that is not counted."""
    for action in actions.values():
        action()
    rounds = [{name: timed(action, device) for name, action in actions.items()} for _ in range(count)]
    return {name: Repetitions(tuple(times[name] for times in rounds)) for name in actions}


def matrix_rate(dtype: torch.dtype, device: torch.device, count: int, size: int = 2048) -> Repetitions:
    """Operations a second of a large matrix product: the rate that this machine can reach."""
    size = 4 * size if device.type == "cuda" else size
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    times = in_turns({"": lambda: a @ b}, device, max(count, 5))[""]
    return Repetitions(tuple(2 * size**3 / seconds for seconds in times.values))


def operations_of(case: Case, device: torch.device) -> int:
    """Operations of one iteration as written, a product and a sum being two; the plain path is counted.

    Only matrix products and convolutions count, as torch counts them.
    """
    trainer = trainer_of(case, "none", device)
    with FlopCounterMode(display=False) as counter:
        trainer.advance()
    return int(counter.get_total_flops())


def training_seconds(case: Case, device: torch.device, count: int) -> dict[str, Repetitions]:
    """Seconds of an iteration by the fast path and by the plain one, in turns."""
    trainers = {name: trainer_of(case, name, device) for name in ("auto", "none")}
    return in_turns({name: trainer.advance for name, trainer in trainers.items()}, device, count)


def data_share(architecture: str, resolution: int, device: torch.device, count: int) -> Repetitions:
    """The share of an iteration that goes into getting batches of images, which nothing overlaps on a CPU."""
    changes = {
        "data.resolution": resolution,
        "generator.architecture": architecture,
        "discriminator.architecture": architecture,
        "training.batch_size": 16,
        "training.generator_batch_size": 16,
    }
    trainer = trainer_of(Case("cifar10-small", changes), "auto", device)
    waited: list[float] = []
    batch = trainer.stream.batch

    def timed_batch(position: int) -> tuple[torch.Tensor, torch.Tensor]:
        start = time.perf_counter()
        images = batch(position)
        _wait(device)
        waited.append(time.perf_counter() - start)
        return images

    trainer.stream.batch = timed_batch  # type: ignore[method-assign]
    trainer.advance()
    shares = []
    for _ in range(count):
        waited.clear()
        seconds = timed(trainer.advance, device)
        shares.append(sum(waited) / seconds)
    return Repetitions(tuple(shares))


def sampling_rates(preset: str, device: torch.device, count: int) -> dict[str, Repetitions]:
    """Images a second from a generator of full width, as `projgan sample` makes them."""
    config = load_config(preset)
    images = 10_000 if device.type == "cuda" else 64
    labels = torch.arange(images) % NUM_CLASSES
    actions = {}
    for acceleration in ("auto", "none"):
        generator = Generator(config.generator.architecture, num_classes=NUM_CLASSES).eval()
        place(generator, device, acceleration)
        actions[acceleration] = _sampler(generator, labels)
    times = in_turns(actions, device, count)
    return {
        name: Repetitions(tuple(images / seconds for seconds in found.values))
        for name, found in times.items()
    }


def _sampler(generator: Generator, labels: torch.Tensor) -> Callable[[], object]:
    return lambda: list(sample(generator, range(len(labels)), labels))


def evaluation_seconds(device: torch.device, count: int) -> Repetitions:
    """Seconds for the features of 1,000 images of 32 pixels and their distance to 1,000 others.

    The feature network is a classifier of width 64, so of 64 features.
    """
    classifier = place(Classifier(resolution=32, channels=3, num_classes=10, width=64), device).eval()
    real = torch.randn(1_000, classifier.num_features, dtype=torch.float64)
    images = torch.rand(1_000, 3, 32, 32, device=device) * 2 - 1

    @torch.inference_mode()
    def measure() -> float:
        features = torch.cat([classifier.features(part) for part in images.split(50)])
        return frechet_distance_from_features(real, features.double().cpu())

    return in_turns({"": measure}, device, count)[""]


def memory_ratio(case: Case, device: torch.device) -> dict[str, float]:
    """Bytes that two iterations need at most, of them those that the dry run foresees, and their ratio."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        trainer = trainer_of(case, "auto", device)
        foreseen = memory_need(trainer).at(trainer.schedule.batch_size)
        trainer.advance()
        trainer.advance()
        peak = torch.cuda.max_memory_allocated(device) - before
    else:
        words = [sys.executable, __file__, case.preset, *(f"{k}={v}" for k, v in case.changes.items())]
        found = subprocess.run(words, capture_output=True, text=True, check=True)  # noqa: S603
        peak, foreseen = map(int, found.stdout.split())
    return {"peak": peak, "foreseen": foreseen, "ratio": peak / foreseen}


def _print_memory(words: list[str]) -> None:
    """In a process of its own: peak growth of its memory over two iterations, and what was foreseen."""
    pairs = (word.split("=") for word in words[1:])
    case = Case(words[0], {key: int(value) if value.isdigit() else value for key, value in pairs})
    trainer_of(Case("demo", {}), "auto", torch.device("cpu")).advance()  # the libraries' own is not the run's
    before = _peak_memory()
    trainer = trainer_of(case, "auto", torch.device("cpu"))
    trainer.advance()
    trainer.advance()
    print(_peak_memory() - before, memory_need(trainer).at(trainer.schedule.batch_size))


def _peak_memory() -> int:
    """Most bytes this process has held; getrusage would count the process that started it too."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise UserError("this system does not say how much memory a process has held; measure on Linux")
    return int(found[1]) * 1024


def start_up(count: int) -> dict[str, Repetitions]:
    """Seconds of `projgan --help` in a fresh process: on the clock, and of the processor."""

    def once() -> tuple[float, float]:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        words = [sys.executable, "-m", "projgan", "--help"]
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True)  # noqa: S603
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        return time.perf_counter() - start, busy

    once()
    wall, busy = zip(*(once() for _ in range(max(count, 5))), strict=True)
    return {"wall": Repetitions(wall), "cpu": Repetitions(busy)}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    _print_memory(sys.argv[1:])
