"""A function of a run as one CUDA graph: recorded once, and from there on launched by one call.

One update is some hundred kernels, which a GPU finishes faster than Python launches them. A graph holds them
all with the memory they work in, so nothing may be baked into it that changes: what an update depends on is
either in that memory (weights, moments, statistics, the learning rate) or an input, copied in.
"""

import gc
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.networks import fused

Step = Callable[..., Tensor]
"""Tensors, always of the same shapes and types -> one, detached: an update's loss, or generated images."""
Running = tuple[Step, torch.optim.Optimizer | None]
"""A step, and the optimiser that it calls."""
WARM_UP = 3
"""Calls before the recording: libraries choose their algorithms, Adam makes its moments."""


class Recorder(Protocol):
    """What turns a step into a recording; the steps of one run share one."""

    def warm_up(self, step: Callable[[], Tensor]) -> Tensor:
        """Run a step as it is, where it will be recorded; returns what it returns."""

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        """Record a step without running it; returns what runs it, and where each run leaves its result."""


class CudaRecorder:
    """Records CUDA graphs, all on one stream and in one pool of memory: they never run at the same time."""

    def __init__(self) -> None:
        self.stream = torch.cuda.Stream()
        self.pool = torch.cuda.graph_pool_handle()

    def warm_up(self, step: Callable[[], Tensor]) -> Tensor:
        """See `Recorder`."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            result = step()
        torch.cuda.current_stream().wait_stream(self.stream)
        return result

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        """See `Recorder`."""
        graph = torch.cuda.CUDAGraph()
        # The thread that fetches images may pin memory meanwhile.
        with torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"):
            result = step()
        return graph.replay, result


class CapturedStep:
    """A step that trains as it is for its first calls, is then recorded, and from there on replayed.

    It must be made anew where memory that it works in is replaced, as by a checkpoint that is loaded.

    Args:
        step: works in memory that stays, but for its inputs.
        optimizer: the one it calls, whose learning rate must be a tensor; or None.
        recorder: shared with the other steps of the run.

    Raises:
        UserError: at the recording, the step does what no graph can hold.
    """

    def __init__(self, step: Step, optimizer: torch.optim.Optimizer | None, recorder: Recorder) -> None:
        self.step, self.optimizer, self.recorder = step, optimizer, recorder
        self.warm_ups = 0
        self.inputs: list[Tensor] = []
        self.replay: Callable[[], object] | None = None

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Do it once; returns what the step returns."""
        if self.warm_ups < WARM_UP:
            self.warm_ups += 1
            return self.recorder.warm_up(partial(self.step, *inputs))
        if self.replay is None:
            self.inputs = [given.clone() for given in inputs]
            self.replay, self.result = self._record()
        for held, given in zip(self.inputs, inputs, strict=True):
            held.copy_(given)
        self.replay()
        return self.result.clone()  # the next replay writes there

    def _record(self) -> tuple[Callable[[], object], Tensor]:
        gc.collect()  # recordings of a run that is over must not be freed in the midst of this one
        if self.optimizer is not None:
            self.optimizer.zero_grad()  # gradients are to be made in the memory of the graph
        self._set_capturable(True)
        try:
            return self.recorder.record(partial(self.step, *self.inputs))
        except RuntimeError as error:
            cause = _first_cause(error)
            if isinstance(cause, torch.OutOfMemoryError):
                raise cause from None
            reason = (str(cause).splitlines() or [type(cause).__name__])[0][:120]
            raise UserError(
                f"this GPU cannot record a step as a graph ({reason}); the same command with "
                "--training.acceleration none goes on without"
            ) from error
        finally:
            self._set_capturable(False)

    def _set_capturable(self, capturable: bool) -> None:
        for group in self.optimizer.param_groups if self.optimizer is not None else ():
            group["capturable"] = capturable


def _first_cause(error: BaseException) -> BaseException:
    """What went wrong while recording, and not that the recording then could not be ended."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def eager(steps: Sequence[Running]) -> list[Step]:
    """Every call of a step runs it."""
    return [step for step, _ in steps]


def captured(steps: Sequence[Running], recorder: Recorder | None = None) -> list[Step]:
    """Every step becomes a CUDA graph, or what the recorder makes of it, once it has run a few times."""
    recorder = recorder or CudaRecorder()
    return [CapturedStep(step, optimizer, recorder) for step, optimizer in steps]


STEPS: dict[str, Callable[[Sequence[Running]], list[Step]]] = {
    "eager": eager,
    "graph": captured,
}
"""How the steps of a run are called, by the answer of `suitable_steps`."""


def suitable_steps(device: torch.device, processes: int, acceleration: str) -> str:
    """Return the name in `STEPS` for a run: graphs on one GPU, unless nothing is to be accelerated.

    Several processes average their gradients within a step, which is not recorded.
    """
    return "graph" if device.type == "cuda" and processes == 1 and acceleration == "auto" else "eager"


def remark_on_steps(device: torch.device, processes: int, acceleration: str) -> str | None:
    """Return what a person should know of how the steps are called, or None."""
    if device.type == "cuda" and acceleration == "auto" and fused.refusal("cuda"):
        return (
            f"a step takes about twice as long as it might, for Triton does not work here "
            f"({fused.refusal('cuda')}); it needs a C compiler and Python's headers"
        )
    if device.type == "cuda" and processes > 1 and acceleration == "auto":
        return "several processes launch every operation by itself; one process alone would record its steps"
    return None
