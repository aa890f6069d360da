"""Train the experiment of CIFAR-10 for some seconds, with checkpoints that can be carried away."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gpu.notes import Notes
from gpu.pieces import cut, join
from projgan.config import RunConfig, check_config, load_config
from projgan.generation.request import SampleRequest
from projgan.generation.sample_writing import write_images
from projgan.listening import Listener, Progress
from projgan.process.ranks import Ranks
from projgan.storage.checkpoints import checkpoint_path, checkpoint_steps
from projgan.storage.network_file import load_generator, save_network
from projgan.storage.run_directory import RunDirectory
from projgan.training.probe import probe
from projgan.training.run import train

EVERY = 20.0
"""Seconds between two checkpoints."""


@dataclass(frozen=True)
class Request:
    """What is to be trained, for how long, and where it goes."""

    data: Path
    out: Path
    """For pieces of the last checkpoint, samples and the generator: at most eight files of 16 MiB."""
    seconds: float
    device: torch.device
    preset: str = "cifar10"
    changes: tuple[tuple[str, Any], ...] = ()
    resume_from: Path | None = None

    def config(self, folder: Path) -> RunConfig:
        """Return the settings of the run, with its decoded images in a folder."""
        sections = load_config(self.preset).model_dump(mode="json")
        settings: dict[str, Any] = {
            "data.source": str(self.data),
            "training.precision": "bf16",
            "training.device": self.device.type,
            "training.keep_checkpoints": 1,
            "data.cache": str(folder / "cache"),
            "sampling.every": None,
        }
        for key, value in {**settings, **dict(self.changes)}.items():
            section, name = key.split(".")
            sections[section][name] = value
        return check_config(sections, self.preset)


def train_for(request: Request, folder: Path, notes: Notes) -> None:
    """Train until the time is over or the run is done; `folder` holds the run itself, which stays here.

    Raises:
        UserError: as training does, or pieces that are no checkpoint of this run.
    """
    start = time.monotonic()
    request.out.mkdir(parents=True, exist_ok=True)
    config, ranks = request.config(folder), Ranks(0, 1, request.device)
    directory = RunDirectory(folder / "run")
    if request.resume_from is not None:
        with notes.case("pieces") as facts:
            facts["checkpoint"] = join(request.resume_from, directory.checkpoints).name
            directory.save_config(config)
    with notes.case("speed") as facts:
        seconds = probe(config, ranks).seconds_per_step
        facts["ms"] = round(seconds * 1000, 2)
    every = max(1, round(EVERY / seconds))
    training = config.training.model_copy(update={"checkpoint_every": every})
    config = config.model_copy(update={"training": training})
    with notes.case("training") as facts:
        result = train(config, directory.path, ranks, _listener(request, directory, notes, start))
        _carry(request, directory)
        facts |= {"step": result.step, "of": config.training.steps}
    with notes.case("leaving") as facts:
        facts["files"] = _leave(request, directory)


def _listener(request: Request, directory: RunDirectory, notes: Notes, start: float) -> Listener:
    """Carry each checkpoint as it appears, and end the run when its time is over."""
    last = {"step": 0, "time": time.monotonic()}

    def stepped(progress: Progress) -> None:
        now = time.monotonic()
        if now - start > request.seconds:
            signal.raise_signal(signal.SIGTERM)
        steps = checkpoint_steps(directory.checkpoints) if progress.step % 20 == 0 else []
        if steps and steps[-1] > last["step"]:
            _carry(request, directory)
            losses = [round(value, 4) for value in progress.losses.tolist()]
            facts = {"step": progress.step, "losses": losses}
            notes.write("checkpoint", all(value == value for value in losses), now - last["time"], facts)
            last.update(step=steps[-1], time=now)

    return Listener(stepped=stepped, said=lambda message: notes.write("said", True, 0, {"message": message}))


def _carry(request: Request, directory: RunDirectory) -> None:
    steps = checkpoint_steps(directory.checkpoints)
    if steps:
        cut(checkpoint_path(directory.checkpoints, steps[-1]), request.out)


def _leave(request: Request, directory: RunDirectory) -> list[str]:
    """Leave a grid of samples, and the generator in half its bytes."""
    generator, description = load_generator(directory.generator)
    save_network(generator, description, request.out / "generator.safetensors", torch.float16)
    write_images(
        directory.path, SampleRequest(out=request.out / "samples.png", overwrite=True), request.device
    )
    return sorted(path.name for path in request.out.iterdir())
