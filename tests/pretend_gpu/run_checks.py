"""Make checks on a pretended GPU, those of benchmarks/gpu and of this folder: `run_checks.py GUARD CHECK`."""

import importlib
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "benchmarks")]

from gpu.guard import load_guard  # noqa: E402

load_guard(Path(sys.argv[1]))

import torch  # noqa: E402

from gpu.notes import Notes  # noqa: E402
from gpu.pretence import gpu  # noqa: E402
from gpu.settings import Place  # noqa: E402

torch.set_num_threads(1)
for name in sys.argv[2:]:
    notes = Notes(name, sys.stdout)
    with tempfile.TemporaryDirectory() as folder, gpu() as device, notes.case("all of it"):
        try:
            module = importlib.import_module(f"gpu.{name}")
        except ImportError:
            module = importlib.import_module(name)
        module.check(Place(device, True, Path(folder)), notes)
sys.stdout.flush()
os._exit(0)  # torch's thread for a device that is not there may abort a process that ends
