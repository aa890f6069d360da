"""The only file that knows ranks: a thin layer over torch.distributed for runs under torchrun.

Everything else asks a `Ranks` object, which for a single process does nothing and costs nothing.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.distributed.nn.functional  # imported later, its default arguments keep the group alive
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from projgan.errors import UserError

PATIENCE = timedelta(hours=6)
"""Of ranks that wait for the first one, which may decode a large data set."""
PATIENCE_OF_GPUS = timedelta(minutes=10)
"""In the middle of a step, where a rank that is lost must not be waited for."""


class _Average(torch.autograd.Function):
    """The mean over ranks, whose gradient is the mean of the gradients of all ranks."""

    @staticmethod
    def forward(ctx: object, tensor: Tensor) -> Tensor:
        averaged = tensor.clone()
        dist.all_reduce(averaged)
        return averaged / dist.get_world_size()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        averaged = gradient.clone()
        dist.all_reduce(averaged)
        return averaged / dist.get_world_size()


def average(tensor: Tensor) -> Tensor:
    """Average a tensor over all ranks, with gradient."""
    averaged: Tensor = _Average.apply(tensor)
    return averaged


@dataclass(frozen=True)
class Ranks:
    """This process among all processes of the run, and its device."""

    rank: int
    size: int
    device: torch.device
    patient: dist.ProcessGroup | None = None
    """The same processes, waiting for each other on the CPU for hours; None where all of them do."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files and speaks to the person."""
        return self.rank == 0

    def share(self, total: int) -> slice:
        """The part of a global batch of `total` items that is this rank's: equal, contiguous, in order."""
        return slice(self.rank * total // self.size, (self.rank + 1) * total // self.size)

    def barrier(self) -> None:
        """Wait until every rank is here."""
        self.largest(0)

    @contextmanager
    def first_goes_ahead(self) -> Iterator[None]:
        """Let the others wait for what the first rank does in here; where it fails, they end quietly."""
        if self.is_first:
            failed = 1
            try:
                yield
                failed = 0
            finally:
                self.largest(failed)
        else:
            yield
            if self.largest(0):
                raise SystemExit(2)

    def largest(self, number: int) -> int:
        """The largest of the numbers that all ranks give; every rank must ask."""
        if self.size == 1:
            return number
        answer = torch.tensor(number)
        dist.all_reduce(answer, op=dist.ReduceOp.MAX, group=self.patient)
        return int(answer.item())

    def text_of_first(self, text: str) -> str:
        """The text that the first rank gives, on every rank; what the others give does not matter."""
        if self.size == 1:
            return text
        given = text.encode()
        letters = torch.zeros(self.largest(len(given) if self.is_first else 0), dtype=torch.uint8)
        if self.is_first and given:
            letters.copy_(torch.frombuffer(bytearray(given), dtype=torch.uint8))
        dist.broadcast(letters, src=0, group=self.patient)
        return bytes(letters.tolist()).decode()

    def average_values(self, values: Tensor) -> Tensor:
        """Average a detached tensor over all ranks."""
        return average(values.detach()) if self.size > 1 else values

    def gather_rows(self, rows: Tensor) -> Tensor:
        """The rows [n, ...] that all ranks give, in the order of the ranks, on every rank."""
        if self.size == 1:
            return rows
        counts = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        dist.all_gather(counts, torch.tensor([len(rows)]))
        longest = int(max(counts))
        padded = torch.cat([rows, rows.new_zeros(longest - len(rows), *rows.shape[1:])])
        gathered = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(gathered, padded)
        return torch.cat([part[: int(count)] for part, count in zip(gathered, counts, strict=True)])

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over all ranks, in one message."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def same_everywhere(self, module: nn.Module) -> None:
        """Give every rank the parameters and buffers of the first."""
        if self.size > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, src=0)


def choose_device(wanted: str, local_rank: int = 0) -> torch.device:
    """Turn `auto`, `cpu` or `cuda` into a device.

    Raises:
        UserError: no such device, or a GPU was asked for and there is none.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise UserError(f"the device is {wanted!r}; it must be auto, cpu or cuda")
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise UserError("the device is cuda, but torch sees no GPU here; choose cpu")
    if wanted == "cpu" or not available:
        return torch.device("cpu")
    if local_rank >= torch.cuda.device_count():
        raise UserError(
            f"{local_rank + 1} processes on this machine but {torch.cuda.device_count()} GPUs; "
            "start torchrun with one process per GPU"
        )
    return torch.device("cuda", local_rank)


def hardware(device: torch.device) -> str:
    """Return what a person calls a device: the card's name, or how many threads of the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'' if threads == 1 else 's'}"


def _connect(device: torch.device) -> dist.ProcessGroup | None:
    """Meet the other ranks where torchrun says; returns the group of the patient, see `Ranks`.

    On one machine, torchrun restarts all ranks with the store of the ones that died, in which their addresses
    still stand; a prefix for each restart keeps the living from calling the dead.
    """
    try:
        store, rank, size = next(rendezvous("env://", timeout=PATIENCE))
    except ValueError as error:
        raise UserError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but not all of torchrun's variables are there "
            f"({error}); start several processes with torchrun, or unset WORLD_SIZE"
        ) from None
    if os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]:
        restart = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = dist.PrefixStore(f"restart-{restart}", store)  # type: ignore[attr-defined]
    if device.type == "cpu":
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=PATIENCE)
        return None
    torch.cuda.set_device(device)
    dist.init_process_group(
        "cpu:gloo,cuda:nccl",
        store=store,
        rank=rank,
        world_size=size,
        timeout=PATIENCE_OF_GPUS,
        device_id=device,
    )
    return dist.new_group(backend="gloo", timeout=PATIENCE)


@contextmanager
def join_ranks(device: str = "auto") -> Iterator[Ranks]:
    """Take part in the run that torchrun started, or be a run of one process.

    gloo carries CPU tensors and NCCL those of GPUs.

    Raises:
        UserError: torchrun's variables are missing, or another process of the run was lost.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Ranks(rank=0, size=1, device=choose_device(device))
        return
    chosen = choose_device(device, int(os.environ.get("LOCAL_RANK", "0")))
    patient = _connect(chosen)
    lost = True
    try:
        yield Ranks(rank=dist.get_rank(), size=size, device=chosen, patient=patient)
        lost = False
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        raise UserError(
            "another process of this run ended or cannot be reached; the same command resumes"
        ) from error
    finally:
        # NCCL would wait for what is under way with a rank that is gone; the end of the process does not.
        if not (lost and chosen.type == "cuda"):
            dist.destroy_process_group()
