"""What several processes say to each other, with one: over NCCL on a GPU, over gloo on a CPU."""

import os
import socket

import torch
import torch.distributed as dist

from gpu.notes import Notes
from gpu.settings import Place
from projgan.process import ranks as ranks_module
from projgan.process.ranks import average


def check(place: Place, notes: Notes) -> None:
    """Connect as a run under torchrun does, pass messages of every kind, and part."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with notes.case("connect") as facts:
        patient = ranks_module._connect(place.device)
        facts["backend"] = dist.get_backend()
    values = torch.arange(4.0, device=place.device, requires_grad=True)
    with notes.case("broadcast"):
        dist.broadcast(values.detach().clone(), src=0)
    with notes.case("average with gradient") as facts:
        found = average(values)
        found.sum().backward()
        facts["ok"] = (
            torch.equal(found, values) and values.grad is not None and bool((values.grad == 1).all())
        )
    with notes.case("gather") as facts:
        parts = [torch.empty_like(values)]
        dist.all_gather(parts, values.detach())
        facts["ok"] = torch.equal(parts[0], values)
    with notes.case("largest, among the patient") as facts:
        number = torch.tensor(7)
        dist.all_reduce(number, op=dist.ReduceOp.MAX, group=patient)
        facts["ok"] = int(number) == 7
    with notes.case("barrier"):
        dist.barrier()
    with notes.case("destroy"):
        dist.destroy_process_group()
