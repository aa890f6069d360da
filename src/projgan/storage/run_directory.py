"""The names of every file of a run, and its statistics."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from projgan.config import RESUMABLE_KEYS, RunConfig, check_config, differing_keys, dump_config, load_config
from projgan.config import read_preset as read_settings
from projgan.config.own_names import OF_ANY_PROGRAM
from projgan.errors import UserError
from projgan.files import lock_for_this_process, refuse_unnameable, why_not_writable, write_atomically

LEFTOVERS = ".*.tmp"
"""What `write_atomically` calls a file while it is being written; only a kill leaves one."""
MOST_DIGITS = 20
"""Of an integer in a row: seeds have 19; what has hundreds does not even fit into a float."""


def refuse_no_run(path: Path, reason: str = "") -> None:
    """Refuse what is no run directory.

    Raises:
        UserError: there is no configuration in it; `reason` says why that matters.
    """
    if not RunDirectory(path).config.is_file():
        raise UserError(f"{path}: no run directory (it has no config.yaml){reason}")


def run_directory_of(preset: str) -> Path:
    """Where a run of a preset or of a file of settings goes if nothing is said: a run's own settings, on."""
    settings = Path(preset)
    if settings.name == "config.yaml" and any(RunDirectory(settings.parent).checkpoints.glob("step-*.pt")):
        return settings.parent
    return Path("runs") / settings.stem


class RunDirectory:
    """A folder that is the whole truth of one run; the same command on it again resumes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.checkpoints = path / "checkpoints"
        self.generator = path / "generator.safetensors"
        self.discriminator = path / "discriminator.safetensors"
        self.stats = path / "stats.jsonl"
        self.metrics = path / "metrics.jsonl"
        self.samples = path / "samples"

    def samples_at(self, step: int) -> Path:
        """The sample grid of a step."""
        return self.samples / f"step-{step:08d}.png"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from training here; the lock ends with the process, however it ends.

        Raises:
            UserError: another process is training here, or the folder is not one for a run.
        """
        self._refuse_unwritable()
        with self._writing():
            self._refuse_other_things()
            is_new = not self.path.exists()
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("a")
        with lock, self._nothing_left(is_new):
            self._lock(lock)
            yield

    def _lock(self, file: IO[Any]) -> None:
        try:
            lock_for_this_process(file)
        except BlockingIOError:
            raise UserError(
                f"{self.path}: another process is training here; wait for it or choose another --run-dir"
            ) from None
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be locked ({error.strerror}); choose a --run-dir on a local disk"
            ) from error

    @contextmanager
    def _nothing_left(self, is_new: bool) -> Iterator[None]:
        """Remove a folder that was made for a run which was then refused."""
        try:
            yield
        except UserError:
            if is_new and [entry.name for entry in self.path.iterdir()] == [".lock"]:
                with suppress(OSError):  # Windows keeps what is open
                    (self.path / ".lock").unlink()
                    self.path.rmdir()
            raise

    def refuse(self, config: RunConfig) -> None:
        """Check that the folder is new or holds this very run; nothing in it is changed.

        Raises:
            UserError: as `prepare`.
        """
        with self._writing():
            self._refuse_other_things()
            if not self.config.exists():
                return
            if any(self.checkpoints.glob("step-*.pt")):  # the module that reads them takes torch, a second
                self._refuse_another_run(config)
            else:
                self._refuse_without_checkpoints()

    def rehearse(self, config: RunConfig) -> None:
        """Refuse what `locked` and `prepare` would; nothing is made, changed or left.

        Raises:
            UserError: as they do.
        """
        self.refuse(config)
        self._refuse_unwritable()
        with self._writing():
            if (self.path / ".lock").exists():
                with (self.path / ".lock").open("a") as lock:
                    self._lock(lock)

    def prepare(self, config: RunConfig) -> None:
        """Check that the folder is new or holds this very run, and remove what a kill left half written.

        A run that never reached a checkpoint has nothing to lose: its folder may start another one. One whose
        checkpoints were removed has its generator and its numbers.

        Raises:
            UserError: the folder holds a run of another configuration, one without a checkpoint to go on
                from, or something else.
        """
        self.refuse(config)
        with self._writing():
            for folder in (self.path, self.checkpoints, self.samples):
                for leftover in folder.glob(LEFTOVERS):
                    leftover.unlink()

    def save_config(self, config: RunConfig) -> None:
        """Make the folder a run of this configuration, or note what has changed in it on resuming."""
        with self._writing():
            write_atomically(self.config, lambda file: file.write(dump_config(config).encode()))
            self.checkpoints.mkdir(exist_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written ({error.strerror}); choose another --run-dir"
            ) from error

    def _refuse_unwritable(self) -> None:
        refuse_unnameable(self.path)
        reason = why_not_writable(self.path)
        if reason:
            raise UserError(f"{self.path}: cannot be written ({reason}); choose another --run-dir")

    def _refuse_other_things(self) -> None:
        if not self.path.is_dir() or self.config.exists():
            return
        ours = {self.path / ".lock", *self.path.glob(f".{self.config.name}{LEFTOVERS}")}
        if any(entry not in ours for entry in self.path.iterdir()):
            raise UserError(f"{self.path} is not empty and holds no run; choose another --run-dir")

    def _refuse_another_run(self, config: RunConfig) -> None:
        stored = check_config(*read_settings(str(self.config)))
        changed = differing_keys(stored, config)
        fixed = {key: values for key, values in changed.items() if key not in RESUMABLE_KEYS}
        if fixed:
            key, (before, now) = next(iter(fixed.items()))
            more = f" (and {len(fixed) - 1} more: {', '.join(list(fixed)[1:])})" if len(fixed) > 1 else ""
            raise UserError(
                f"{self.path} holds a run with {key} {before}, not {now}{more}; "
                "use its settings or choose another --run-dir"
            )

    def _refuse_without_checkpoints(self) -> None:
        """Keep what a run has left from one that would begin in its place."""
        has_generator = self.generator.exists()
        if not has_generator and not self._has_numbers_past_a_checkpoint():
            return
        left = [path.name for path in (self.generator, self.metrics) if path.exists()]
        weights = f" (--start-from {self.path} takes these weights)" if has_generator else ""
        raise UserError(
            f"{self.path} holds {' and '.join(left)} of a run, and no checkpoint to go on from; choose "
            f"another --run-dir{weights}, or remove {'them' if len(left) > 1 else 'it'} to train anew"
        )

    def _has_numbers_past_a_checkpoint(self) -> bool:
        """Whether numbers are of a step that a run killed before its first checkpoint never reached."""
        rows = self.read_metrics()
        if not rows:
            return False
        training = load_config(str(self.config), OF_ANY_PROGRAM).training
        # At the very step of a checkpoint, numbers are measured before it is written.
        return any(_step_of(row) > min(training.checkpoint_every, training.steps) for row in rows)

    def append_stats(self, row: dict[str, Any]) -> None:
        """Add one line of statistics."""
        _append_rows(self.stats, [row])

    def read_stats(self) -> list[dict[str, Any]]:
        """Return the rows written so far; what is no row, such as a line cut short by a kill, is left out."""
        return [row for row in _read_rows(self.stats) if isinstance(row.get("step"), int)]

    def append_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Add one line for each measured number."""
        _append_rows(self.metrics, rows)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the measured numbers, unchecked, in the order they were written; as in `read_stats`."""
        return [row for row in _read_rows(self.metrics) if isinstance(row.get("metric"), str)]

    def forget_stats_after(self, step: int) -> None:
        """Drop rows later than a step, which a resumed run is about to write again."""
        rows = self.read_stats()
        kept = [row for row in rows if row["step"] <= step]
        text = "".join(json.dumps(row) + "\n" for row in kept)
        if rows or self.stats.exists():
            write_atomically(self.stats, lambda file: file.write(text.encode()))

    def count_damaged_metrics(self) -> int:
        """How many lines of the measured numbers are none, such as one cut short by a kill."""
        if not self.metrics.is_file():
            return 0
        lines = self.metrics.read_text(encoding="utf-8", errors="replace").split("\n")
        return sum(bool(line.strip()) for line in lines) - len(self.read_metrics())

    def metrics_at(self, step: int) -> list[dict[str, Any]]:
        """Return the numbers of a step's state, as `read_metrics`."""
        return [row for row in self.read_metrics() if _step_of(row) == step]

    def forget_metrics_after(self, step: int) -> None:
        """Drop numbers of a later state than a step's, which a resumed run is about to measure again."""
        rows = self.read_metrics()
        kept = [row for row in rows if _step_of(row) <= step]
        if len(kept) < len(rows):
            text = "".join(json.dumps(row) + "\n" for row in kept)
            write_atomically(self.metrics, lambda file: file.write(text.encode()))


def _step_of(row: dict[str, Any]) -> int:
    subject = row.get("subject")
    step = subject.get("step") if isinstance(subject, dict) else None
    return step if isinstance(step, int) else 0


def _append_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    try:
        with path.open("ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            # A line that a kill cut short must not swallow the next one.
            if size:
                file.seek(-1, os.SEEK_END)
                lines = lines if file.read(1) == b"\n" else b"\n" + lines
            try:
                while lines:
                    lines = lines[file.write(lines) :]
            except OSError:  # a full disk: all of the rows are there, or none
                file.truncate(size)
                raise
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); make room, then go on") from error


def _count(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _read_rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            row = json.loads(line, parse_int=_count)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows
