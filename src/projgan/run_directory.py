"""The names of every file of a run, and its statistics."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from projgan.config import RESUMABLE_KEYS, RunConfig, check_config, differing_keys, dump_config
from projgan.config import read_preset as read_settings
from projgan.errors import UserError
from projgan.files import write_atomically


class RunDirectory:
    """A folder that is the whole truth of one run; the same command on it again resumes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.checkpoints = path / "checkpoints"
        self.generator = path / "generator.safetensors"
        self.discriminator = path / "discriminator.safetensors"
        self.stats = path / "stats.jsonl"
        self.samples = path / "samples"

    def samples_at(self, step: int) -> Path:
        """The sample grid of a step."""
        return self.samples / f"step-{step:08d}.png"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from training here; the lock ends with the process, however it ends."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("w")
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written ({error.strerror}); choose another --run-dir"
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(
                    f"{self.path}: another process is training here; wait for it or choose another --run-dir"
                ) from None
            yield

    def prepare(self, config: RunConfig) -> None:
        """Save the configuration in a new folder, or check that the folder's own is the same run.

        Raises:
            UserError: the folder holds a run of another configuration, or something else.
        """
        if self.config.exists():
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
        elif any(entry.name != ".lock" for entry in self.path.iterdir()):
            raise UserError(f"{self.path} is not empty and holds no run; choose another --run-dir")
        for folder in (self.checkpoints, self.samples):
            folder.mkdir(exist_ok=True)
            for leftover in folder.glob(".*.tmp"):
                leftover.unlink()
        write_atomically(self.config, lambda file: file.write(dump_config(config).encode()))

    def append_stats(self, row: dict[str, Any]) -> None:
        """Add one line of statistics."""
        try:
            with self.stats.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise UserError(f"{self.stats}: cannot be written ({error.strerror})") from error

    def read_stats(self) -> list[dict[str, Any]]:
        """Return the rows written so far; a line cut short by a kill is left out."""
        if not self.stats.exists():
            return []
        rows = []
        for line in self.stats.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return rows

    def forget_stats_after(self, step: int) -> None:
        """Drop rows later than a step, which a resumed run is about to write again."""
        rows = self.read_stats()
        kept = [row for row in rows if row["step"] <= step]
        text = "".join(json.dumps(row) + "\n" for row in kept)
        if rows or self.stats.exists():
            write_atomically(self.stats, lambda file: file.write(text.encode()))
