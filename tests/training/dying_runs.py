"""A process of its own that trains in forked children and kills each as its plan says.

torch is imported once and never used before a fork, so that a child costs no start of Python. Reads
`{"words": [...], "plans": [...]}` from stdin; writes one JSON line a plan with how the child ended. A plan
is null, to let it run; a number, to kill it after so many seconds; or `[place, count]`, to have it kill
itself when it comes to a place for the count-th time:

- `write`: a temporary file is half written,
- `rename`: it is whole and synced, but not renamed,
- `renamed`: it has just got its name,
- `remove`: an old checkpoint is about to be removed,
- `row`: a row of statistics is half written.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import torch

from projgan.cli import run_command
from projgan.storage.run_directory import RunDirectory
from projgan.training import run as _imported_before_the_forks  # noqa: F401


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Doom:
    """Dies at the count-th arrival at a place."""

    def __init__(self, place: str, count: int) -> None:
        self.place, self.left = place, count

    def comes(self, place: str) -> bool:
        self.left -= place == self.place
        return place == self.place and self.left == 0


def arrange(doom: Doom) -> None:
    fsync, replace, unlink = os.fsync, Path.replace, Path.unlink

    def dying_fsync(descriptor: int) -> None:
        is_file = os.fstat(descriptor).st_mode & 0o100000
        if is_file and doom.comes("write"):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            die()
        fsync(descriptor)

    def dying_replace(path: Path, target: Path) -> Path:
        if doom.comes("rename"):
            die()
        result = replace(path, target)
        if doom.comes("renamed"):
            die()
        return result

    def dying_unlink(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".pt" and doom.comes("remove"):
            die()
        unlink(path, missing_ok=missing_ok)

    def dying_append(directory: RunDirectory, row: dict[str, Any]) -> None:
        line = json.dumps(row)
        with directory.stats.open("a") as file:
            if doom.comes("row"):
                file.write(line[: len(line) // 2])
                file.flush()
                die()
            file.write(line + "\n")

    os.fsync, Path.replace, Path.unlink = dying_fsync, dying_replace, dying_unlink  # type: ignore[assignment]
    RunDirectory.append_stats = dying_append  # type: ignore[method-assign]


def child(words: list[str], plan: float | list[Any] | None) -> None:
    if isinstance(plan, list):
        arrange(Doom(*plan))
    elif plan is not None:
        doom = threading.Timer(plan, die)
        doom.daemon = True
        doom.start()
    os._exit(run_command(words))


def main() -> None:
    task = json.load(sys.stdin)
    # The first optimiser of a process imports much of torch; children would each do so again.
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
    for plan in task["plans"]:
        start = time.perf_counter()
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            child(task["words"], plan)
        status = os.waitpid(process, 0)[1]
        ended = {"code": os.waitstatus_to_exitcode(status), "seconds": time.perf_counter() - start}
        checkpoints = Path(task["run_dir"]) / "checkpoints"
        ended["checkpoints"] = sorted(path.name for path in checkpoints.glob("*.pt"))
        sys.stdout.write(json.dumps(ended) + "\n")


if __name__ == "__main__":
    main()
