"""The loop of every training, on one that takes no time: stopped anywhere, it ends as if it had not been."""

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from projgan import training_loop
from projgan.errors import UserError
from projgan.listening import Listener, Progress
from projgan.storage.checkpoints import CheckpointFile, CheckpointFolder, checkpoint_steps
from projgan.training_loop import TrainingLoop, every_seconds, one_process

STEPS = 9


class Counting:
    """Adds each step's number to a sum; a step may be told to go wrong."""

    steps = STEPS
    images_per_step = 3

    def __init__(self, bad_loss: int | None = None, bad_weight: int | None = None) -> None:
        self.step, self.sum, self.last = 0, torch.zeros(1), torch.zeros(1)
        self.bad_loss, self.bad_weight = bad_loss, bad_weight

    @property
    def images_seen(self) -> int:
        return 3 * self.step

    def advance(self) -> Tensor:
        self.step += 1
        self.sum = self.sum + (torch.inf if self.step == self.bad_weight else self.step)
        self.last = torch.tensor([torch.nan if self.step == self.bad_loss else 1.0 / self.step])
        return self.last

    def describe(self, losses: Tensor) -> str:
        return f"loss {losses.item():.2f}"

    def check_losses(self) -> None:
        if not self.last.isfinite():
            raise UserError(f"step {self.step}: a loss is not finite")

    def is_finite(self) -> bool:
        return bool(self.sum.isfinite())

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "sum": self.sum}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.sum = int(state["step"]), state["sum"]


def loop_of(trained: Counting, folder: Path, listener: Listener | None = None, **others: Any) -> TrainingLoop:
    checkpoints = others.pop("checkpoints", None) or CheckpointFolder(folder, keep=100)
    given: dict[str, Any] = {"is_due": lambda step: step % 4 == 0, "origin": {"made_by": "me"}} | others
    return TrainingLoop(
        trained,
        checkpoints,
        name=folder,
        refuse=lambda state, path: None,
        remedy="a smaller rate may help",
        ranks=one_process("cpu"),
        listener=listener or Listener(),
        **given,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.mark.parametrize("at", range(1, STEPS + 1))
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_at_any_step_it_goes_on_from_there(folder: Path, at: int, number: signal.Signals) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == at:
            signal.raise_signal(number)

    said: list[str] = []
    stopping: list[bool] = []
    first = Counting()
    loop = loop_of(first, folder, Listener(stepped=stop, said=said.append), work=stopping.append)
    assert not loop.resume()
    assert loop.run() == (None if at == STEPS else number)
    assert first.step == at
    assert stopping[-1] == (at < STEPS)  # a run that ends here has its last numbers and pictures
    assert said == ["stopping after this step; again to stop at once"]
    second = Counting()
    loop = loop_of(second, folder, Listener(said=said.append))
    assert loop.resume()
    assert said[1:] == [f"resuming {folder} at step {at} of {STEPS}"]
    assert loop.run() is None
    assert second.sum.item() == sum(range(STEPS + 1))


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_killed_at_any_step_it_goes_on_from_the_last_checkpoint(folder: Path, at: int) -> None:
    class KilledError(Exception):
        pass

    def kill(progress: Progress) -> None:
        if progress.step == at:
            raise KilledError

    with pytest.raises(KilledError):
        loop_of(Counting(), folder, Listener(stepped=kill)).run()
    again = Counting()
    loop = loop_of(again, folder)
    assert loop.resume() == (at > 4)
    assert again.step == (at - 1) // 4 * 4
    assert loop.run() is None
    assert again.sum.item() == sum(range(STEPS + 1))


def test_a_step_is_reported_then_worked_on_then_saved(folder: Path) -> None:
    trained, order = Counting(), []
    loop = loop_of(
        trained,
        folder,
        Listener(
            started=lambda *three: order.append(f"started {three}"),
            stepped=lambda progress: order.append(f"step {progress.step}, {progress.describe()}"),
        ),
        work=lambda stopping: order.append(f"work {stopping}"),
        saved=lambda: order.append(f"saved {checkpoint_steps(folder)}"),
        is_due=lambda step: step == 1,
    )
    trained.step = STEPS - 2
    loop.run()
    assert order == [
        f"started ({STEPS - 2}, {STEPS}, 3)",
        f"step {STEPS - 1}, loss 0.12",
        "work False",
        f"step {STEPS}, loss 0.11",
        "work False",
        f"saved [{STEPS}]",
    ]


def test_a_checkpoint_keeps_what_it_was_made_from_and_another_is_refused(folder: Path) -> None:
    loop_of(Counting(), folder).run()

    def refuse(state: dict[str, Any], path: Path) -> None:
        raise UserError(f"{path.name}: made by {state['made_by']}")

    loop = loop_of(Counting(), folder)
    loop.refuse = refuse
    with pytest.raises(UserError, match=r"step-00000009\.pt: made by me"):
        loop.resume()


def test_what_is_not_finite_ends_it_and_the_last_good_checkpoint_is_named(folder: Path) -> None:
    loop = loop_of(Counting(bad_loss=7), folder, is_due=lambda step: step in (2, 7))
    with pytest.raises(UserError) as caught:
        loop.run()
    good = folder / "step-00000002.pt"
    assert str(caught.value) == (
        f"step 7: a loss is not finite; the last good checkpoint is {good}; a smaller rate may help"
    )
    loop = loop_of(Counting(bad_weight=1), folder)
    with pytest.raises(UserError, match="step 4: a weight is not finite; no checkpoint had been written"):
        loop.run()
    assert checkpoint_steps(folder) == [2]


def test_what_fails_beside_the_training_costs_no_step(folder: Path) -> None:
    said: list[str] = []

    def measure(stopping: bool) -> None:
        if first.step == 7:
            raise ValueError("a picture that cannot be drawn")

    first = Counting()
    with pytest.raises(ValueError, match="cannot be drawn"):
        loop_of(first, folder, Listener(said=said.append), work=measure).run()
    assert said == [f"step 7 is kept in {folder / 'step-00000007.pt'}"]
    again = Counting()
    loop = loop_of(again, folder)
    assert loop.resume()
    assert again.step == 7
    assert loop.run() is None
    assert again.sum.item() == sum(range(STEPS + 1))


def test_where_steps_cannot_be_kept_the_first_error_is_told(folder: Path) -> None:
    def measure(stopping: bool) -> None:
        raise UserError("the disk is full")

    loop = loop_of(Counting(bad_loss=1), folder, work=measure)
    with pytest.raises(UserError, match=r"^the disk is full$"):
        loop.run()
    assert checkpoint_steps(folder) == []

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    def speechless(message: str) -> None:
        raise RuntimeError("no one is there")

    loop = loop_of(Counting(), folder, Listener(said=speechless), work=measure)
    with pytest.raises(UserError, match=r"^the disk is full$"):
        loop.run()
    loop = loop_of(Counting(), folder, work=measure)
    loop.checkpoints.save = full
    with pytest.raises(UserError, match=r"^the disk is full$"):
        loop.run()


def test_by_the_clock_a_checkpoint_is_due_once_the_time_is_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((100.0, 120.0, 130.5, 131.0, 161.0))
    monkeypatch.setattr(training_loop.time, "monotonic", lambda: next(clock))
    is_due = every_seconds()
    found = [is_due(1) for _ in range(4)]
    assert found == [False, True, False, True]


def test_a_training_in_one_file_writes_over_it_and_discards_it(folder: Path) -> None:
    file = CheckpointFile(folder / "c.checkpoint", "form-1")
    loop_of(Counting(), folder, checkpoints=file, is_due=lambda step: True).run()
    newest = file.newest()
    assert newest is not None
    assert newest[0] == {"step": STEPS, "sum": torch.tensor([45.0]), "made_by": "me"}
    assert [entry.name for entry in folder.iterdir()] == ["c.checkpoint"]
    with pytest.raises(UserError, match="not a checkpoint of this version"):
        CheckpointFile(file.path, "form-2").newest()
    file.discard()
    assert file.newest() is None
