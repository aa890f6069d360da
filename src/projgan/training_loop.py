"""The one loop of every training: resume, step, report, work, checkpoint, interrupted?, done?

What differs between trainings is given: what is trained, where its checkpoints are, what it was made from.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.listening import Listener, Progress
from projgan.process.interruption import Interruption
from projgan.process.ranks import Ranks
from projgan.storage.checkpoints import Checkpoints
from projgan.storage.network_description import NetworkDescription
from projgan.storage.state_file import restore

CHECKPOINT_SECONDS = 30.0
"""Between two checkpoints of a training that takes minutes."""


class Trainable(Protocol):
    """What is trained: all that is random in it follows from a seed and from `step`."""

    step: int

    @property
    def steps(self) -> int:
        """Steps in all."""

    @property
    def images_seen(self) -> int:
        """Real images shown so far, by all processes."""

    @property
    def images_per_step(self) -> int:
        """Real images shown in one step."""

    def advance(self) -> Tensor:
        """Do one step; returns its losses [n], detached, on the device."""

    def describe(self, losses: Tensor) -> str:
        """Say in words where the training is."""

    def check_losses(self) -> None:
        """Raise a UserError that names the step if a loss since the last call is not finite."""

    def is_finite(self) -> bool:
        """Whether all weights are finite."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next step depends on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""


@dataclass(frozen=True)
class TrainingResult:
    """How a call that trains ended."""

    path: Path
    """The generator, the classifier, or the folder of the inverter."""
    step: int
    description: NetworkDescription | None
    """What the file says of itself; None where the training was interrupted."""
    interrupted_by: int | None = None
    """Number of the signal that ended it early, or None."""
    signal: int | None = None
    """Number of the signal that came, also where the training was over by then, or None."""

    @property
    def exit_code(self) -> int:
        """That of a process: 0, or 128 and the number of the signal."""
        return 128 + self.interrupted_by if self.interrupted_by else 0


def every_seconds() -> Callable[[int], bool]:
    """Return what says whether a checkpoint is due by the clock."""
    saved = time.monotonic()

    def is_due(step: int) -> bool:
        nonlocal saved
        now = time.monotonic()
        due = now - saved > CHECKPOINT_SECONDS
        saved = now if due else saved
        return due

    return is_due


def one_process(device: torch.device | str) -> Ranks:
    """Return the ranks of a training that is never shared."""
    return Ranks(rank=0, size=1, device=torch.device(device))


@contextmanager
def closing(listener: Listener) -> Iterator[None]:
    """Tell a listener that it is over, whatever happens."""
    try:
        yield
    finally:
        listener.ended()


@dataclass
class TrainingLoop:
    """A training with its checkpoints; `resume` first, then `run`."""

    trained: Trainable
    checkpoints: Checkpoints
    name: Path
    """What messages call the training."""
    origin: dict[str, Any]
    """What it is made from; kept in every checkpoint."""
    refuse: Callable[[dict[str, Any], Path], None]
    """Raises a UserError if a checkpoint's state is of another origin."""
    is_due: Callable[[int], bool]
    """Whether a checkpoint is due after a step; there is one at the end and on a signal anyway."""
    remedy: str
    """What may help against a loss that is not finite."""
    ranks: Ranks
    listener: Listener
    work: Callable[[bool], None] = lambda stopping: None
    """After each step: statistics, pictures, numbers; told whether the training is being stopped."""
    saved: Callable[[], object] = lambda: None
    """After each checkpoint, on the first rank."""
    last_checkpoint: Path | None = None
    signal: int | None = None
    """That came while it ran, also in its last step."""

    def resume(self) -> bool:
        """Go on from the newest checkpoint; returns whether there was one.

        Raises:
            UserError: it is damaged, or of another training.
        """
        self.ranks.barrier()
        newest = self.checkpoints.newest()
        if newest is None:
            return False
        state, path = newest
        self.start_from(state, path)
        self.last_checkpoint = path
        self.listener.said(f"resuming {self.name} at step {self.trained.step} of {self.trained.steps}")
        return True

    def start_from(self, state: dict[str, Any], path: Path) -> None:
        """Take a state that was read from a file.

        Raises:
            UserError: it is of another training.
        """

        def take(found: dict[str, Any]) -> None:
            self.refuse(found, path)
            self.trained.load_state_dict(found)

        restore(take, state, path, self.checkpoints.remedy)

    def run(self) -> int | None:
        """Train to the end, or until a signal, whose number is returned; SIGTERM and Ctrl-C wait for a step.

        Raises:
            UserError: a loss or a weight is not finite; names the last good checkpoint.
        """
        trained, listener = self.trained, self.listener
        signal = 0  # the same on every rank, whichever got it
        listener.started(trained.step, trained.steps, trained.images_per_step)
        with (
            closing(listener),
            Interruption(
                lambda: listener.said("stopping after this step; again to stop at once")
            ) as interruption,
        ):
            while trained.step < trained.steps and not signal:
                listener.stepped(self._progress(trained.advance()))
                signal = self.ranks.largest(interruption.signal or 0)
                with self._keeping_steps():
                    self.work(bool(signal) and trained.step < trained.steps)  # at the end nothing stops
                # Asked at every step: it keeps the time.
                due = self.is_due(trained.step)
                if signal or due or trained.step == trained.steps:
                    self._save()
            self.signal = self.ranks.largest(interruption.signal or 0) or None
        return None if trained.step == trained.steps else signal

    def check_losses(self) -> None:
        """Refuse to go on with losses that are not finite.

        Raises:
            UserError: as `run`.
        """
        try:
            self.trained.check_losses()
        except UserError as error:
            raise self._diverged(str(error)) from None

    @contextmanager
    def _keeping_steps(self) -> Iterator[None]:
        """What fails beside the training, as a picture or a measurement may, costs no step of it."""
        try:
            yield
        except Exception:
            if self.ranks.size == 1:  # the others may not have failed, and wait elsewhere
                with suppress(Exception):  # what failed first is what is told
                    self._save()
                    self.listener.said(f"step {self.trained.step} is kept in {self.last_checkpoint}")
            raise

    def _progress(self, losses: Tensor) -> Progress:
        trained = self.trained
        return Progress(
            trained.step, trained.steps, trained.images_seen, losses, lambda: trained.describe(losses)
        )

    def _save(self) -> None:
        self.check_losses()
        # A finite loss may come before the very update that broke the weights.
        if self.ranks.largest(int(not self.trained.is_finite())):
            raise self._diverged(f"step {self.trained.step}: a weight is not finite")
        if self.ranks.is_first:
            self.last_checkpoint = self.checkpoints.save(
                self.trained.step, self.trained.state_dict() | self.origin
            )
            self.saved()

    def _diverged(self, what: str) -> UserError:
        good = (
            f"the last good checkpoint is {self.last_checkpoint}"
            if self.last_checkpoint
            else "no checkpoint had been written"
        )
        return UserError(f"{what}; {good}; {self.remedy}")
