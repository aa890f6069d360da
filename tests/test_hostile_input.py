"""Damaged and hostile inputs, by a seed: each ends in a result or in one line, and nothing is lost.

`python tests/test_hostile_input.py 3000 [SEED [FIRST]]` tries as many, in processes of 8 GiB, with
60 s for each.
"""

import importlib
import json
import os
import pkgutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

import projgan
from hostile_inputs.good import Good
from hostile_inputs.trial import KINDS, SECONDS, try_one

SEED = 20261
COUNT = int(os.environ.get("PROJGAN_HOSTILE_INPUTS", "300"))
MEMORY = 8 * 2**30
AT_ONCE = 25
"""Inputs that one process tries."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    return Good(tmp_path_factory.mktemp("good")).make()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_input_ends_in_a_result_or_in_one_line(kind: str, good: Good, tmp_path: Path) -> None:
    first = sorted(KINDS).index(kind)
    found = [try_one(number, SEED, good, tmp_path) for number in range(first, COUNT, len(KINDS))]
    faulty = [verdict for verdict in found if verdict.faults]
    assert not faulty, "\n".join(map(str, faulty))


def _tell(numbers: range, seed: int, good: Good, place: Path, told: IO[str]) -> None:
    """Try inputs in this process and tell what came of each."""
    import resource  # not on Windows, where the test itself runs

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in numbers:
        signal.alarm(int(SECONDS) + 5)
        verdict = try_one(number, seed, good, place)
        print(json.dumps([verdict.code, verdict.seconds, str(verdict) if verdict.faults else ""]), file=told)
        told.flush()


def _apart(numbers: range, seed: int, good: Good, place: Path) -> Iterator[tuple[int | None, float, str]]:
    """Try inputs in children of this process; where one dies, that is told and the next one goes on."""
    while numbers:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                with os.fdopen(writer, "w") as told:
                    _tell(numbers[:AT_ONCE], seed, good, place, told)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            told = [json.loads(line) for line in pipe if line.endswith("\n")]
        yield from map(tuple, told)
        _, status = os.waitpid(child, 0)
        if status != 0:
            number = numbers[len(told)]
            yield None, 0.0, f"#{number} {sorted(KINDS)[number % len(KINDS)]}: the process died of {status}"
        numbers = numbers[len(told) + (status != 0) :]


def _import_all() -> None:
    """So that no child has to."""
    for module in pkgutil.walk_packages(projgan.__path__, "projgan."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("pyarrow.parquet")


def main(count: int, seed: int, first: int) -> int:
    _import_all()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "good").mkdir()
        if os.fork() == 0:
            try:
                Good(folder / "good").make()
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.wait()
        assert status == 0, "the good inputs could not be made"
        codes: Counter[int | None] = Counter()
        faulty, slowest = 0, 0.0
        numbers = range(first, first + count)
        for code, seconds, fault in _apart(numbers, seed, Good(folder / "good"), folder / "tried"):
            codes[code] += 1
            slowest = max(slowest, seconds)
            if fault:
                faulty += 1
                print(fault, flush=True)
    ends = ", ".join(f"{number} end with {code}" for code, number in codes.most_common())
    print(f"{count} inputs of seed {seed}: {faulty} at fault, slowest {slowest:.1f} s; {ends}")
    return 1 if faulty else 0


if __name__ == "__main__":
    given = [*map(int, sys.argv[1:]), *(3000, SEED, 0)[len(sys.argv) - 1 :]]
    sys.exit(main(*given))
