"""What else writes down how a run goes, beside its own files: TensorBoard, Weights & Biases."""

import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from projgan.config import RunConfig, load_config
from projgan.config.own_names import OF_ANY_PROGRAM
from projgan.errors import UserError, reason_of
from projgan.files import write_atomically
from projgan.storage.run_directory import RunDirectory
from projgan.storage.travelling import without_paths


class Journal(Protocol):
    """Where numbers and pictures of a run go as it trains."""

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers of a step, by name."""

    def picture(self, step: int, path: Path) -> None:
        """Write the sample grid of a step."""

    def close(self) -> None:
        """Write what is still held."""


class TensorBoard:
    """Event files in a folder; a run that resumes drops what was written after its step."""

    def __init__(self, folder: Path, step: int, said: Callable[[str], None]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder), purge_step=step + 1)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """See `Journal`."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def picture(self, step: int, path: Path) -> None:
        """See `Journal`."""
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        self.writer.add_image("samples", pixels, step, dataformats="HWC")

    def close(self) -> None:
        """See `Journal`."""
        self.writer.close()


OFFLINE = ("offline", "dryrun")
"""Of wandb's modes."""
PATIENCE = 20.0
"""Seconds for a server to answer at the start; wandb's own 90 are not waited for."""


class WeightsAndBiases:
    """A run of Weights & Biases: sent where the person has logged in, else written beside the run alone.

    It never asks anything. A run that resumes is the same one there. What is offline is written anew from
    the run's own files then, for a kill may have cut it short; a server keeps what it has of a step. Where
    no server answers, the run goes on offline.
    """

    def __init__(self, folder: Path, step: int, said: Callable[[str], None]) -> None:
        import wandb

        self.wandb = wandb
        folder.mkdir(exist_ok=True)
        name, is_new = _name_in(folder / "projgan-id.txt")
        directory = RunDirectory(folder.parent)
        config = load_config(str(directory.config), OF_ANY_PROGRAM)
        try:
            chosen = wandb.setup().settings
            sends = chosen.mode in ("online", "run")
            mode = "offline" if sends and not _has_logged_in(chosen) else chosen.mode
            try:
                self.run = self._begin(directory, name, mode, config)
            except wandb.errors.AuthenticationError:
                raise
            except wandb.errors.CommError as error:
                mode = "offline"
                wandb.teardown()  # its service still holds the run
                self.run = self._begin(directory, name, mode, config)
                said(
                    f"Weights & Biases cannot be reached ({reason_of(error)}); the run goes on offline; "
                    f"to send it later: wandb sync {self.run.settings.sync_dir}"
                )
        except wandb.errors.Error as error:
            raise UserError(
                f"Weights & Biases cannot begin ({reason_of(error)}); WANDB_MODE=offline needs no server"
            ) from error
        if step and (is_new or mode in OFFLINE):
            self._tell_again(directory, step, bool(config.evaluation.every))

    def _begin(self, directory: RunDirectory, name: str, mode: Any, config: RunConfig) -> Any:
        chosen = self.wandb.setup().settings
        for old in (directory.path / "wandb").glob(f"offline-run-*-{name}") if mode in OFFLINE else ():
            shutil.rmtree(old)
        return self.wandb.init(
            dir=str(directory.path),
            project=chosen.project or "projgan",
            name=directory.path.resolve().name,
            id=name,
            resume="allow",
            mode=mode,
            config=without_paths(config.model_dump(mode="json")),
            settings=self.wandb.Settings(
                silent=True,
                console="off",
                disable_code=True,
                disable_git=True,
                disable_job_creation=True,
                init_timeout=min(chosen.init_timeout, PATIENCE),
                x_disable_meta=True,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )

    def _tell_again(self, directory: RunDirectory, last: int, measured: bool) -> None:
        """Write what the run's own files have up to a step."""
        known: dict[int, dict[str, float]] = {}
        for row in directory.read_stats():
            numbers = {name: value for name, value in row.items() if name not in ("step", "images_seen")}
            known.setdefault(row["step"], {}).update(numbers)
        for row in directory.read_metrics() if measured else ():
            known.setdefault(row["subject"]["step"] or 0, {}).setdefault(row["metric"], row["value"])
        pictures = {
            int(path.stem.removeprefix("step-")): path for path in directory.samples.glob("step-*.png")
        }
        for step in sorted(known.keys() | pictures.keys()):
            if step <= last:
                self.numbers(step, known.get(step, {}))
                if step in pictures:
                    self.picture(step, pictures[step])

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """See `Journal`."""
        self.run.log(dict(values), step=step)

    def picture(self, step: int, path: Path) -> None:
        """See `Journal`."""
        self.run.log({"samples": self.wandb.Image(str(path))}, step=step)

    def close(self) -> None:
        """See `Journal`."""
        self.run.finish()


def _name_in(file: Path) -> tuple[str, bool]:
    """Return what this run is called by Weights & Biases, made up once, and whether that was now."""
    if file.is_file():
        return file.read_text().strip(), False
    name = secrets.token_hex(4)
    write_atomically(file, lambda opened: opened.write(name.encode()))
    return name, True


def _has_logged_in(settings: Any) -> bool:
    """Whether wandb finds a key by itself, in the environment or where `wandb login` puts it."""
    try:
        from wandb.sdk.lib.wbauth import authenticate_session
    except ImportError:  # of another version than is known
        return bool(settings.api_key)
    found = authenticate_session(host=settings.base_url, source="projgan", prompt=False, update_session=False)
    return found is not None


JOURNALS: dict[str, tuple[Callable[[Path, int, Callable[[str], None]], Journal], str]] = {
    "tensorboard": (TensorBoard, "tensorboard"),
    "wandb": (WeightsAndBiases, "wandb"),
}
"""What `training.logging` can name: what makes it of a folder, a step and who is told, and the package."""


def refuse_missing_journals(names: Sequence[str]) -> None:
    """See before anything is made that what is asked for is installed.

    Raises:
        UserError: it is not.
    """
    for name in names:
        if find_spec(JOURNALS[name][1]) is None:
            raise UserError(f"training.logging {name} is not installed; pip install 'projgan[{name}]'")


def open_journals(names: Sequence[str], run: Path, step: int, said: Callable[[str], None]) -> list[Journal]:
    """Open what a run writes to, each in a folder of its name in the run directory.

    Args:
        names: in `JOURNALS`.
        run: the run directory.
        step: at which the run goes on.
        said: told what does not go as asked.
    """
    return [JOURNALS[name][0](run / name, step, said) for name in names]
