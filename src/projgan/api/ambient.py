"""What a notebook has set of torch: it changes nothing of what the package computes, and is found again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.backends import cuda, cudnn


@contextmanager
def undisturbed(*networks: nn.Module) -> Iterator[None]:
    """Work as a command does: in float32, with gradients, without autocast, the networks in evaluation mode.

    Afterwards everything is as before: also what the work has set, as the number of threads. All this is of
    the process, so calls in several threads may disturb each other where a notebook has set something.
    """
    modes = [(module, module.training) for network in networks for module in network.modules()]
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    precise = _switches()
    torch.set_default_dtype(torch.float32)
    for network in networks:
        network.eval()
    try:
        with ExitStack() as stack:
            cards = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
            stack.enter_context(torch.random.fork_rng(cards))
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            for kind in ("cpu", "cuda"):
                if torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            if torch.get_default_device().type != "cpu":  # a mode in the way of every call: only if needed
                stack.enter_context(torch.device("cpu"))
            yield
    finally:
        for module, training in modes:
            module.training = training
        torch.set_default_dtype(dtype)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if precise is not None and precise != _switches():
            cudnn.allow_tf32, cuda.matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark = precise


@contextmanager
def learning_as_before(*networks: nn.Module) -> Iterator[None]:
    """Let weights have gradients afterwards if they had before."""
    learning = [(weight, weight.requires_grad) for network in networks for weight in network.parameters()]
    try:
        yield
    finally:
        for weight, requires_grad in learning:
            weight.requires_grad_(requires_grad)


def _switches() -> tuple[bool, bool, bool, bool] | None:
    """Of cuDNN and cuBLAS; None where they were set by torch's newer names, which know no older ones."""
    try:
        return cudnn.allow_tf32, cuda.matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark
    except RuntimeError:
        return None
