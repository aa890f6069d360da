"""Meet a GPU for the first time: is everything right on it, and how fast is it? One command, eight minutes.

    python benchmarks/first_gpu.py                         # on the GPU; from a checkout, nothing installed
    python benchmarks/first_gpu.py --quick --device cpu    # everything tiny: does this script run?
    python benchmarks/first_gpu.py --only training --train-seconds 300 --data CIFAR10 --out OUT
    python benchmarks/first_gpu.py ... --resume-from OUT   # with the pieces of a checkpoint from there

Each check is a process of its own with a limit, so that none can take the others with it. Each case is a line
of JSON, printed at once and kept in OUT/first-gpu.jsonl; a table of all is last. OUT holds eight files
at most, each of less than 16 MiB.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT / "src")]

CHECKS = {
    "facts": 30,
    "kernels": 60,
    "correctness": 110,
    "graphs": 90,
    "ranks": 40,
    "commands": 110,
    "timings": 100,
    "parts": 60,
    "sizes": 100,
    "compiled": 200,
}
"""Modules of `gpu` by name, and seconds that each may take."""
MODULES = {"pillow": "PIL", "pyyaml": "yaml"}
"""Packages that are imported by another name."""


def missing_packages() -> list[str]:
    """Return the dependencies of the package that are not there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [dependency.split(">=")[0].strip() for dependency in project["dependencies"]]
    return [name for name in names if importlib.util.find_spec(MODULES.get(name, name)) is None]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--quick", action="store_true", help="tiny networks")
    parser.add_argument("--only", nargs="+", metavar="CHECK", choices=[*CHECKS, "training"], help="not all")
    parser.add_argument("--seconds", type=float, default=480, help="for all checks but the training")
    parser.add_argument("--out", type=Path, default=Path("first-gpu"), help="folder of what is left")
    parser.add_argument("--train-seconds", type=float, default=0, help="train for so long; needs --data")
    parser.add_argument("--data", type=Path, help="images to train on, as for `projgan train`")
    parser.add_argument("--preset", default="cifar10")
    parser.add_argument("--set", nargs="*", default=[], metavar="SECTION.KEY=VALUE", help="of the training")
    parser.add_argument("--resume-from", type=Path, help="folder with pieces of a checkpoint")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.train_seconds and given.data is None:
        parser.error("--train-seconds needs --data")
    return given


def run_child(given: argparse.Namespace) -> int:
    """Make one check in this process."""
    import yaml

    from gpu.notes import Notes
    from gpu.settings import Place
    from projgan.process.ranks import choose_device

    notes, device = Notes(given.child, sys.stdout), choose_device(given.device)
    with tempfile.TemporaryDirectory() as folder, notes.case("all of it") as facts:
        if given.child == "training":
            from gpu.training import Request, train_for

            pairs = (word.partition("=") for word in given.set)
            changes = tuple((key, yaml.safe_load(value)) for key, _, value in pairs)
            request = Request(
                given.data, given.out, given.train_seconds, device, given.preset, changes, given.resume_from
            )
            train_for(request, Path(folder), notes)
        else:
            check = importlib.import_module(f"gpu.{given.child}").check
            check(Place(device, given.quick, Path(folder)), notes)
        facts["device"] = str(device)
    return 0


def run_check(name: str, limit: float, words: list[str], out: Path) -> list[dict[str, object]]:
    """Make one check in another process, and pass its lines on; returns them."""
    command = [sys.executable, str(Path(__file__).resolve()), "--child", name, *words]
    start = time.monotonic()
    lines: list[dict[str, object]] = []

    def keep(line: str) -> None:
        print(line, flush=True)
        with (out / "first-gpu.jsonl").open("a") as file:
            print(line, file=file, flush=True)
        lines.append(json.loads(line))

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        over = threading.Timer(limit, process.kill)
        over.start()
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith('{"check"'):
                keep(line.rstrip("\n"))
            else:  # a library's
                print(line, end="", file=sys.stderr, flush=True)
        code = process.wait()
        over.cancel()
    seconds = round(time.monotonic() - start, 2)
    if code:
        why = f"no end within {limit:.0f} s" if seconds >= limit else f"ended with code {code}"
        keep(json.dumps({"check": name, "case": "process", "ok": False, "seconds": seconds, "error": why}))
    return lines


def main() -> int:
    """Make the checks one after another; never stops at one that fails."""
    given = arguments()
    missing = missing_packages()
    if missing:
        print(f"first_gpu: missing: {', '.join(missing)}; pip install {' '.join(missing)}", file=sys.stderr)
        return 2
    if given.child:
        return run_child(given)
    from gpu.notes import table

    given.out.mkdir(parents=True, exist_ok=True)
    chosen = given.only or [*CHECKS, *(["training"] if given.train_seconds else [])]
    end, lines = time.monotonic() + given.seconds, []
    words = sys.argv[1:]
    for name in chosen:
        left = end - time.monotonic()
        limit = given.train_seconds + 120 if name == "training" else min(CHECKS[name], left)
        if limit <= 0:
            lines.append({"check": name, "case": "process", "ok": False, "seconds": 0.0})
            continue
        lines += run_check(name, limit, words, given.out)
    print(table(lines))
    return 0 if all(line["ok"] for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
