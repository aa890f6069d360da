"""Randomness as a function of position: every draw of a run follows from its seed, a name and a count.

Nothing needs to be saved to resume, and no draw depends on what was drawn before it or by whom.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def generator_at(
    seed: int, stream: str, position: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a torch generator for the draw at `position` of the named stream of a run with this seed."""
    return torch.Generator(device).manual_seed(_number(seed, stream, position))


def seed_process(seed: int, stream: str, position: int, device: torch.device) -> None:
    """Set torch's own generators, from which a network of a user's own may draw, as for dropout."""
    number = _number(seed, stream, position)
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)  # of the current one, which is the run's


@contextmanager
def drawing_from(seed: int, stream: str) -> Iterator[None]:
    """Let what draws from torch's own generator of the CPU, as new layers do, follow from a seed and a name.

    That generator goes on afterwards as if nothing had been drawn, and those of GPUs are not touched, which
    `torch.manual_seed` would seed too.
    """
    common = torch.default_generator
    before = common.get_state()
    common.manual_seed(_number(seed, stream, 0))
    try:
        yield
    finally:
        common.set_state(before)


def _number(seed: int, stream: str, position: int) -> int:
    digest = hashlib.blake2b(f"{seed}/{stream}/{position}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
