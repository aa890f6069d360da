"""Count the kernels and bytes of an iteration on a GPU, where there is none.

python benchmarks/launches.py cifar10
python benchmarks/launches.py cifar10 --training.precision bf16
python benchmarks/launches.py cifar10 --training.precision bf16 --kernels  # where Triton works
"""

import os
import sys
import tempfile
from pathlib import Path

from gpu.guard import build_guard, load_guard


def main(words: list[str]) -> int:
    """Run the command line: a preset, then settings of it."""
    kernels = "--kernels" in words
    words = [word for word in words if word != "--kernels"]
    if len(words) % 2 == 0 or "--help" in words:
        print(__doc__)
        return 0 if "--help" in words else 2
    with tempfile.TemporaryDirectory() as folder:
        guard = build_guard(Path(folder))
        if isinstance(guard, str):
            print(f"launches: {guard}", file=sys.stderr)
            return 2
        load_guard(guard)
    from gpu.launches import count_iteration, table  # torch, after the guard
    from projgan.errors import UserError

    names = [word.removeprefix("--").replace("-", "_") for word in words[1::2]]
    values = [int(word) if word.isdecimal() else word for word in words[2::2]]
    try:
        print(table(count_iteration(words[0], dict(zip(names, values, strict=True)), kernels=kernels)))
    except (UserError, KeyError, ValueError) as error:
        print(f"launches: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # torch's thread for a device that is not there may abort a process that ends
