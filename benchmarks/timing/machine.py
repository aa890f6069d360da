"""What a result was measured on and with."""

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import torch

import projgan

ROOT = Path(__file__).parents[2]


def describe(device: torch.device) -> dict[str, Any]:
    """Return hardware, versions and commit, as plain values."""
    return {
        "hardware": hardware(device),
        "threads": torch.get_num_threads() if device.type == "cpu" else None,
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "projgan": projgan.__version__,
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changed_since": bool(_git("status", "--porcelain", "--", "src")),
    }


def hardware(device: torch.device) -> str:
    """Name the GPU, or the processor with the number of its cores that this process may use."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores"


def precisions(device: torch.device) -> dict[str, torch.dtype]:
    """The precisions worth measuring on a device, by their names in configurations."""
    return {"fp32": torch.float32} | ({"bf16": torch.bfloat16} if device.type == "cuda" else {})


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return " ".join(names[0].split()) if names else platform.machine()


def _git(*words: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    found = subprocess.run([git, *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    return found.stdout.strip() if found.returncode == 0 else None
