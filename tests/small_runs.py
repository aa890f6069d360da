"""The smallest runs there are, in this process and in others, and ways to compare what they leave."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file

from projgan.config import RunConfig, check_config
from projgan.listening import Listener
from projgan.networks.classifier import Classifier
from projgan.process.ranks import Ranks
from projgan.request import Request
from projgan.storage.checkpoints import checkpoint_path, checkpoint_steps
from projgan.storage.network_description import NetworkDescription, Provenance
from projgan.storage.network_file import save_network
from projgan.training.run import train
from projgan.training_loop import TrainingResult

Asked = TypeVar("Asked", bound=Request)
ONE_RANK = Ranks(rank=0, size=1, device=torch.device("cpu"))

Run = Callable[..., tuple[int, str, str]]
"""A command line in this process: its exit code, and what it wrote to both streams."""

THREADS = int(os.environ.setdefault("OMP_NUM_THREADS", "1"))
"""Small tensors gain nothing from more, and processes must sum in the same order to give the same bits."""

SMALL: dict[str, Any] = {
    "data.source": "digits",
    "data.resolution": 8,
    "data.channels": 1,
    "generator.architecture": "resnet-8",
    "generator.width": 8,
    "discriminator.architecture": "resnet-8",
    "discriminator.width": 8,
    "discriminator.embedding_size": 128,
    "training.steps": 20,
    "training.batch_size": 8,
    "training.generator_batch_size": 8,
    "training.discriminator_updates": 2,
    "training.ema_decay": 0.9,
    "training.device": "cpu",
    "training.cpu_threads": THREADS,  # in place of a preset's
    "training.log_every": 3,
    "training.checkpoint_every": 5,
    "optimizer.learning_rate": 5e-4,
    "optimizer.decay_start": 4,
    "optimizer.decay_end": 24,
    "sampling.every": None,
}

os.environ.pop("XDG_CACHE_HOME", None)  # tests have a HOME of their own
ENVIRONMENT = dict(os.environ)
if sys.dont_write_bytecode:
    # Compiling torch's Python takes many times as long as importing it: let the processes share that once.
    compiled = Path(tempfile.gettempdir()) / f"projgan-tests-bytecode-{os.getuid()}"
    ENVIRONMENT |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(compiled)}


def small_settings(changes: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """The sections of a run of 20 steps on digits, with some dotted keys changed."""
    sections: dict[str, dict[str, Any]] = {}
    for key, value in (SMALL | (changes or {})).items():
        section, name = key.split(".")
        sections.setdefault(section, {})[name] = value
    return sections


def small_config(changes: dict[str, Any] | None = None) -> RunConfig:
    return check_config(small_settings(changes), "test")


def train_small(run_dir: Path, changes: dict[str, Any] | None = None, **listener: Any) -> TrainingResult:
    """Train in this process, on one CPU thread's arithmetic."""
    return train(small_config(changes), run_dir, ONE_RANK, Listener(**listener))


def changed(request: Asked, **values: object) -> Asked:
    """Return a request with other values, checked again."""
    return type(request)(**(request.model_dump() | values))


def save_blank_classifier(
    path: Path, class_names: tuple[str, ...], resolution: int = 8, channels: int = 1
) -> Path:
    """Write a classifier of grey images, or of colours, that has learned nothing; returns `path`."""
    network = Classifier(resolution, channels, len(class_names), width=8).eval()
    arguments = {"resolution": resolution, "channels": channels, "num_classes": len(class_names), "width": 8}
    provenance = Provenance(
        data="digits", data_fingerprint="x", step=0, images_seen=0, averaged=False, settings={}, versions={}
    )
    description = NetworkDescription(
        kind="classifier", network=arguments, class_names=class_names, provenance=provenance
    )
    save_network(network, description, path)
    return path


def command_line(run_dir: Path, changes: dict[str, Any] | None = None) -> list[str]:
    """Words of `projgan train` for the same run as `small_config`'s."""
    settings = SMALL | (changes or {})
    return [
        *("train", "demo", "--run-dir", str(run_dir)),
        *(word for key, value in settings.items() for word in (f"--{key}", str(value))),
    ]


def brief(run_dir: str = "run", **changes: Any) -> list[str]:
    """Words that train for two steps."""
    settings = {"training.steps": 2} | {key.replace("__", "."): value for key, value in changes.items()}
    return command_line(Path(run_dir), settings)


def start(words: list[str], **environment: str) -> "subprocess.Popen[str]":
    """Start Python in another process, with text pipes to it and from it."""
    return subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | environment,
    )


def projgan(*words: str, **environment: str) -> tuple[int, str, str]:
    """Run one command line in another process; returns its exit code, stdout and stderr."""
    process = start(["-m", "projgan", *words], **environment)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


READ = re.compile(r".+: [\d,]+ images, [\d,]+ class")
"""What a command says it read, before it may refuse what comes next."""


def assert_one_line_error(code: int, out: str, err: str) -> str:
    """Check that a command failed as it should: exit code 2, nothing on stdout, one line on stderr."""
    assert code == 2, (code, out, err)
    assert out == ""
    lines = [line for line in err.splitlines() if not READ.match(line)]
    assert len(lines) == 1, err
    assert lines[0].startswith("projgan: ")
    assert "Traceback" not in err
    return lines[0]


def files_of(folder: Path) -> dict[str, str]:
    """The sha256 of every file below a folder; empty if there is none. The lock file says nothing."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def last_checkpoint(run_dir: Path) -> dict[str, Any]:
    folder = run_dir / "checkpoints"
    path = checkpoint_path(folder, checkpoint_steps(folder)[-1])
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def read_rows(run_dir: Path) -> list[dict[str, Any]]:
    """The rows of statistics, strictly: a line that is not JSON is an error. Speed is left out."""
    rows = [json.loads(line) for line in (run_dir / "stats.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "images_per_second"} for row in rows]


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Places where two nested values differ by as much as one bit, type, shape or key."""
    if type(one) is not type(other):
        return [f"{place}: {type(one).__name__} and {type(other).__name__}"]
    if isinstance(one, torch.Tensor):
        same = one.dtype == other.dtype and one.shape == other.shape and bool(_bits(one).equal(_bits(other)))
        return [] if same else [place]
    if isinstance(one, dict):
        if list(one) != list(other):
            return [f"{place}: keys {list(one)} and {list(other)}"]
        return [found for key in one for found in differences(one[key], other[key], f"{place}/{key}")]
    if isinstance(one, list | tuple):
        if len(one) != len(other):
            return [f"{place}: {len(one)} and {len(other)} entries"]
        return [
            found
            for index, (ours, theirs) in enumerate(zip(one, other, strict=True))
            for found in differences(ours, theirs, f"{place}/{index}")
        ]
    return [] if one == other else [f"{place}: {one} and {other}"]


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().flatten().view(torch.uint8)


def assert_same_run(one: Path, other: Path) -> None:
    """Check that two runs have the same last checkpoint, networks and statistics, bit for bit."""
    found = differences(last_checkpoint(one), last_checkpoint(other))
    for name in ("generator.safetensors", "discriminator.safetensors"):
        found += differences(load_file(one / name), load_file(other / name), name)
    found += differences(read_rows(one), read_rows(other), "stats.jsonl")
    assert not found, found
    steps = [row["step"] for row in read_rows(one)]
    assert steps == sorted(set(steps)), steps


def assert_no_leftovers(run_dir: Path) -> None:
    """Check that no temporary file is left anywhere in a run."""
    leftovers = [path for path in run_dir.rglob("*") if path.name.endswith(".tmp")]
    assert not leftovers, leftovers
