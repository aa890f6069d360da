"""Building and loading what lets a build of torch without CUDA pretend: before torch, which asks once."""

import ctypes
import importlib.util
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("guard.cpp")


def build_guard(folder: Path) -> Path | str:
    """Compile the guard in a folder, in some seconds; return its path, or why there is none."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        return "there is no C++ compiler here"
    torch = importlib.util.find_spec("torch")
    assert torch is not None
    assert torch.origin is not None
    here, library = Path(torch.origin).parent, folder / "guard.so"
    words = [compiler, "-shared", "-fPIC", "-std=c++20", f"-I{here / 'include'}", "-o", str(library)]
    words += [str(SOURCE), f"-L{here / 'lib'}", f"-Wl,-rpath,{here / 'lib'}", "-lc10", "-ltorch_cpu"]
    made = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    return library if made.returncode == 0 else f"{compiler} cannot build the guard: {made.stderr[-300:]}"


def load_guard(library: Path) -> None:
    """Load it; torch must not have been imported yet."""
    ctypes.CDLL(str(library))
