"""Randomness as a function of position: every draw of a run follows from its seed, a name and a count.

Nothing needs to be saved to resume, and no draw depends on what was drawn before it or by whom.
"""

import hashlib

import torch


def generator_at(
    seed: int, stream: str, position: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a torch generator for the draw at `position` of the named stream of a run with this seed."""
    return torch.Generator(device).manual_seed(_number(seed, stream, position))


def seed_process(seed: int, stream: str, position: int) -> None:
    """Set torch's own generators, from which a network of a user's own may draw, as for dropout."""
    torch.manual_seed(_number(seed, stream, position))


def _number(seed: int, stream: str, position: int) -> int:
    digest = hashlib.blake2b(f"{seed}/{stream}/{position}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
