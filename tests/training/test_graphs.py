"""Steps that are recorded and replayed train as steps that are run, seen on a tape where there is no GPU."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from gpu.tape import Tape
from projgan.errors import UserError
from projgan.networks import fused
from projgan.networks.classifier import Classifier
from projgan.training import graphs, optimization
from projgan.training import trainer as trainer_module
from projgan.training.building import build_trainer
from projgan.training.graphs import (
    STEPS,
    WARM_UP,
    CapturedStep,
    captured,
    eager,
    remark_on_steps,
    suitable_steps,
)
from projgan.training.trainer import Trainer
from small_runs import ONE_RANK, differences, small_config

EVERYTHING: dict[str, Any] = {
    "training.ema_decay": 0.9,
    "loss.lecam_weight": 0.3,
    "discriminator.augmentation": ["colour", "translation", "cutout"],
    "data.horizontal_flip": True,
    "training.precision": "bf16",
    "optimizer.discriminator_learning_rate": 1e-3,
}
VECTORS: dict[str, Any] = {"data.condition": "vector", "discriminator.quadratic_term": True}
PROJECTED: dict[str, Any] = {
    "discriminator.architecture": "projected",
    "discriminator.input_size": 32,
    "discriminator.width": 16,
}
GUIDE: dict[str, Any] = {
    "finetuning.classifier_weight": 0.5,
    "finetuning.classifier": "classifier.safetensors",
    "finetuning.classifier_sha256": "x",
    "finetuning.run": "run",
    "finetuning.step": 1,
    "finetuning.checkpoint_sha256": "x",
}
SETTINGS: list[dict[str, Any]] = [
    {},
    EVERYTHING,
    {"training.acceleration": "none"},
    {"discriminator.condition": "d2d-ce"},
    {"generator.condition": "adain"},
    PROJECTED,
    VECTORS,
    GUIDE,
]


@pytest.fixture
def rates_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A learning rate is a tensor here too, as it is on a GPU."""
    monkeypatch.setattr(optimization, "rate_on", lambda device, rate: torch.tensor(rate))


def trainer_of(changes: dict[str, Any], steps_are: str) -> Trainer:
    """A small run whose steps are called as is said: `eager`, or `tape`."""
    config = small_config(changes)
    images = torch.randint(0, 256, (40, 1, 8, 8), generator=torch.Generator().manual_seed(1))
    labels = torch.arange(40) % 4
    vectors = torch.randn(40, 3, generator=torch.Generator().manual_seed(2))
    conditions = vectors if config.data.condition == "vector" else labels
    guide = None
    if config.finetuning.classifier_weight:
        torch.manual_seed(3)
        guide = Classifier(8, 1, 4, width=8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_module, "suitable_steps", lambda *facts: steps_are)
        patch.setattr(trainer_module, "updates_at_once", lambda device, how, updates, pixels: updates)
        return build_trainer(
            config, images.to(torch.uint8), conditions, 3 if conditions is vectors else 4, ONE_RANK, guide
        )


@pytest.fixture(autouse=True)
def tape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STEPS, "tape", lambda steps: captured(steps, Tape()))


def after(trainer: Trainer, steps: int) -> dict[str, Any]:
    for _ in range(steps):
        trainer.advance()
    return trainer.state_dict()


@pytest.mark.usefixtures("rates_in_memory")
@pytest.mark.parametrize("changes", SETTINGS, ids=lambda changes: ", ".join(changes)[:60] or "plain")
def test_recorded_steps_train_as_steps_do(changes: dict[str, Any]) -> None:
    recorded = trainer_of(changes, "tape")
    theirs, ours = after(trainer_of(changes, "eager"), 8), after(recorded, 8)
    assert recorded.update_generator.replay is not None  # type: ignore[attr-defined]
    assert recorded.make_fakes.replay is not None  # type: ignore[attr-defined]
    assert recorded.update_discriminator.replay is not None  # type: ignore[attr-defined]
    assert differences(ours, theirs) == []
    assert ours["pending"].isfinite().all()


def test_a_rate_that_is_baked_in_would_be_seen() -> None:
    # The rate falls from step 4 on. On a CPU it is a number, which a recording holds for good.
    assert differences(after(trainer_of({}, "tape"), 8), after(trainer_of({}, "eager"), 8)) != []


@pytest.mark.usefixtures("rates_in_memory")
@pytest.mark.parametrize("stop", [1, 2, 6])
def test_a_run_that_resumes_is_the_unbroken_run(stop: int) -> None:
    """In the warm-up of both, of one, and after both are recorded."""
    whole, stopped = after(trainer_of(EVERYTHING, "tape"), 10), trainer_of(EVERYTHING, "tape")
    state = after(stopped, stop)
    resumed = trainer_of(EVERYTHING, "tape")
    resumed.load_state_dict(state)
    assert differences(after(resumed, 10 - stop), whole) == []


@pytest.mark.usefixtures("rates_in_memory")
def test_a_state_that_is_loaded_drops_the_recordings() -> None:
    source = trainer_of({}, "eager")
    state = {name: _copied(part) for name, part in after(source, 3).items()}
    wanted = after(source, 4)
    trainer, stale = (trainer_of({}, "tape") for _ in range(2))
    for one in (trainer, stale):
        after(one, 6)
    steps = stale.update_generator, stale.make_fakes, stale.update_discriminator
    for one in (trainer, stale):
        one.load_state_dict(state)
    # They work in memory that is no longer used.
    stale.update_generator, stale.make_fakes, stale.update_discriminator = steps
    assert differences(after(trainer, 4), wanted) == []
    assert differences(after(stale, 4), wanted) != []


def _copied(part: Any) -> Any:
    if isinstance(part, Tensor):
        return part.clone()
    return {key: _copied(value) for key, value in part.items()} if isinstance(part, dict) else part


def test_graphs_are_for_one_gpu() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    assert suitable_steps(gpu, 1, "auto") == "graph"
    for facts in ((cpu, 1, "auto"), (gpu, 2, "auto"), (gpu, 1, "none")):
        assert suitable_steps(*facts) == "eager"
    assert STEPS["eager"] is eager
    assert STEPS["graph"] is captured


def counting_step() -> tuple[list[str], Tensor, Callable[[Tensor], Tensor]]:
    """What Python did, the weight, and a step that adds its input to it."""
    log, weight = [], torch.zeros(2)

    def step(given: Tensor) -> Tensor:
        log.append("step")
        return weight.add_(given).sum()

    return log, weight, step


def adam() -> torch.optim.Adam:
    return torch.optim.Adam([torch.nn.Parameter(torch.zeros(2))])


def test_warming_up_is_training_and_nothing_counts_twice() -> None:
    log, weight, step = counting_step()
    (running,) = captured([(step, adam())], Tape())
    losses = [running(torch.full((2,), float(number))) for number in range(1, 8)]
    assert weight.tolist() == [28, 28]
    assert [loss.item() for loss in losses] == [2, 6, 12, 20, 30, 42, 56]  # none is written over
    assert log == ["step"] * (WARM_UP + 1)


def test_adam_is_capturable_at_the_recording_and_has_no_gradient() -> None:
    optimizer, seen = adam(), []
    (parameter,) = optimizer.param_groups[0]["params"]

    def step() -> Tensor:
        seen.append((optimizer.param_groups[0]["capturable"], parameter.grad is None))
        parameter.grad = torch.ones(2)
        return torch.ones(())

    (running,) = captured([(step, optimizer)], Tape())
    for _ in range(WARM_UP + 2):
        running()
    assert seen == [(False, True), (False, False), (False, False), (True, True)]
    assert not optimizer.param_groups[0]["capturable"]


def test_what_cannot_be_recorded_is_one_line_that_says_how_to_go_on() -> None:
    (running,) = captured([(lambda given: given * given.sum().item(), adam())], Tape())
    for _ in range(WARM_UP):
        running(torch.ones(1))
    with pytest.raises(UserError, match=r"\(operation not permitted.*--training\.acceleration none"):
        running(torch.ones(1))


def test_the_cause_is_named_and_not_what_follows_from_it() -> None:
    class Ending(Tape):
        def record(self, step: Callable[[], Tensor]) -> Any:
            try:
                step()
            finally:
                raise RuntimeError("the recording was invalidated")

    def failing(cause: Exception) -> CapturedStep:
        def step() -> Tensor:
            raise cause

        running = CapturedStep(step, adam(), Ending())
        running.warm_ups = WARM_UP
        return running

    with pytest.raises(UserError, match="reads on the host"):
        failing(RuntimeError("reads on the host"))()
    with pytest.raises(torch.OutOfMemoryError):
        failing(torch.OutOfMemoryError("2 GiB"))()


def test_a_gpu_is_asked_to_wait_on_both_sides_and_both_graphs_share_their_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The calls of torch.cuda in order; the calls themselves are for a GPU to prove."""
    log: list[Any] = []

    class Stream:
        def __init__(self, name: str = "side") -> None:
            self.name = name

        def wait_stream(self, other: "Stream") -> None:
            log.append(f"{self.name} waits for {other.name}")

    class On:
        def __init__(self, *given: Any, **named: Any) -> None:
            self.given = given, named

        def __enter__(self) -> None:
            log.append(self.given)

        def __exit__(self, *raised: object) -> None:
            log.append("end")

    class Graph:
        def replay(self) -> None:
            log.append("replay")

    main = Stream("main")
    for name, what in {
        "Stream": Stream,
        "current_stream": lambda: main,
        "graph_pool_handle": lambda: "pool",
        "stream": On,
        "graph": On,
        "CUDAGraph": Graph,
    }.items():
        monkeypatch.setattr(torch.cuda, name, what)
    recorder = graphs.CudaRecorder()
    step = partial(lambda: (log.append("step"), torch.ones(()))[1])
    recorder.warm_up(step)
    side = ((recorder.stream,), {})
    assert log == ["side waits for main", side, "step", "end", "main waits for side"]
    log.clear()
    replay, _ = recorder.record(step)
    replay()
    ((graph, *where), named), *rest = log
    assert isinstance(graph, Graph)
    assert where == ["pool", recorder.stream]
    assert named == {"capture_error_mode": "thread_local"}
    assert rest == ["step", "end", "replay"]


def test_what_a_gpu_cannot_do_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    monkeypatch.setattr(fused, "refusal", lambda kind: "no compiler" if kind == "cuda" else None)
    assert "Triton does not work here (no compiler)" in (remark_on_steps(gpu, 1, "auto") or "")
    for facts in ((gpu, 1, "none"), (cpu, 1, "auto")):
        assert remark_on_steps(*facts) is None
    monkeypatch.setattr(fused, "refusal", lambda kind: None)
    assert "one process alone" in (remark_on_steps(gpu, 2, "auto") or "")
    for facts in ((gpu, 1, "auto"), (gpu, 2, "none"), (cpu, 2, "auto")):
        assert remark_on_steps(*facts) is None
