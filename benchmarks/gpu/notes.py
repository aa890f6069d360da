"""What a check finds, as lines of JSON that are there at once, and a table of them all."""

import json
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO


class Notes:
    """Writes one line for each case of a check.

    Args:
        check: its name.
        streams: flushed after each line.
    """

    def __init__(self, check: str, *streams: TextIO) -> None:
        self.check, self.streams = check, streams

    @contextmanager
    def case(self, name: str) -> Iterator[dict[str, Any]]:
        """Time a case and take its facts, of which `ok` is one; what it raises is another."""
        facts: dict[str, Any] = {}
        start = time.perf_counter()
        try:
            yield facts
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            facts |= {"ok": False, "error": f"{type(error).__name__} at {place}: {_short(error)}"}
        self.write(name, facts.pop("ok", True), time.perf_counter() - start, facts)

    def write(self, case: str, ok: bool, seconds: float, facts: dict[str, Any]) -> None:
        """Write a line."""
        line = {"check": self.check, "case": case, "ok": ok, "seconds": round(seconds, 2), **facts}
        for stream in self.streams:
            print(json.dumps(line, default=str), file=stream, flush=True)


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def table(lines: Sequence[dict[str, Any]]) -> str:
    """One row a check: cases, those that failed by name, seconds; last a line for all."""
    rows = []
    for check in dict.fromkeys(line["check"] for line in lines):
        cases = [line for line in lines if line["check"] == check]
        failed = [line["case"] for line in cases if not line["ok"]]
        verdict = f"FAILED: {', '.join(failed)}" if failed else "ok"
        seconds = max(line["seconds"] for line in cases)  # that of all of it
        rows.append(f"{check:12} {len(cases):3} cases {seconds:7.1f} s  {verdict}")
    failed_in_all = sum(not line["ok"] for line in lines)
    return "\n".join([*rows, f"{len(lines)} cases, {failed_in_all} failed"])
