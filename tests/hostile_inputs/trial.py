"""One hostile input: made, given to a command, and judged by what the command says and leaves."""

import contextlib
import hashlib
import io
import os
import random
import re
import shutil
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from hostile_inputs import arrays, networks, pictures, settings
from hostile_inputs.good import Good
from projgan.cli import run_command

KINDS = {**pictures.KINDS, **arrays.KINDS, **networks.KINDS, **settings.KINDS}
LONGEST = 350
"""Letters of a message, with what stands before it."""
SECONDS = 60.0
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass
class Verdict:
    """What came of one input."""

    number: int
    kind: str
    words: list[str]
    code: int | None = None
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    said: str = ""

    def __str__(self) -> str:
        words = " ".join(word if len(word) < 100 else f"{word[:60]}…({len(word)})" for word in self.words)
        return (
            f"#{self.number} {self.kind}: {words!r} -> {self.code}, {self.seconds:.1f} s\n  "
            + "\n  ".join(self.faults)
        )


def try_one(number: int, seed: int, good: Good, place: Path) -> Verdict:
    """Make input `number` of a seed in `place`, run its command in this process and judge it."""
    kind = sorted(KINDS)[number % len(KINDS)]
    source = random.Random(f"{seed} {number}")
    folder = place / f"{number}"
    here = folder / "here"
    here.mkdir(parents=True)
    verdict = Verdict(number, kind, KINDS[kind](good, source, folder))
    before = _contents(folder)
    start, was = time.monotonic(), Path.cwd()
    os.chdir(here)
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("default")
            verdict.code = run_command(verdict.words)
    except BaseException:
        verdict.faults.append(traceback.format_exc())
    finally:
        os.chdir(was)
    verdict.seconds, verdict.said = time.monotonic() - start, err.getvalue()
    verdict.faults += _faults(verdict, out.getvalue(), err.getvalue())
    after = _contents(folder)
    changed = [
        name for name, content in before.items() if after.get(name) != content and _is_to_stay(name, verdict)
    ]
    if changed:
        verdict.faults.append(f"files were changed or are gone: {changed[:5]}")
    if any(Path(name).name == "hacked" for name in after) or Path("hacked").exists():
        verdict.faults.append("a payload ran")
    shutil.rmtree(folder, ignore_errors=True)
    return verdict


def _is_to_stay(name: str, verdict: Verdict) -> bool:
    """What is given is not changed, but by the run that goes on; what is somebody else's never is."""
    given = [Path(word).name for word in verdict.words if "/" in word]
    resumes = verdict.words[0] in ("train", "evaluate") and name.split("/")[0] in given
    return not resumes and not name.startswith("cache") and ".verified" not in name and "/.lock" not in name


def _faults(verdict: Verdict, out: str, err: str) -> list[str]:
    faults = []
    if verdict.code not in (0, 2, None):
        faults.append(f"exit code {verdict.code}")
    if verdict.seconds > SECONDS:
        faults.append(f"took {verdict.seconds:.0f} s")
    if "Traceback" in err or "Warning: " in err:
        faults.append(f"stderr: {err[-2000:]}")
    lines = err.splitlines()
    if verdict.code == 2:
        if not lines or not lines[-1].startswith("projgan: "):
            faults.append(f"no message: {err[-500:]!r}")
        if len([line for line in lines if line.startswith("projgan: ")]) > 1:
            faults.append(f"several messages: {err!r}")
    faults += [f"{len(line)} letters: {line[:800]}" for line in lines if len(line) > LONGEST]
    for name, text in (("stdout", out), ("stderr", err.replace("\r", ""))):
        found = CONTROL.search(text)
        if found:
            faults.append(f"{name} has {found[0]!r}: {text[max(0, found.start() - 80) : found.end() + 40]!r}")
    return faults


def _contents(folder: Path) -> dict[str, str]:
    found = {}
    for root, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            path = os.path.join(root, name)
            if os.path.isfile(path) and not os.path.islink(path):
                content = Path(os.fsdecode(path)).read_bytes()
                found[os.path.relpath(os.fsdecode(path), folder)] = hashlib.sha256(content).hexdigest()
    return found
