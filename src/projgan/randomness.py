"""Randomness as a function of position: every draw of a run follows from its seed, a name and a count.

Nothing needs to be saved to resume, and no draw depends on what was drawn before it or by whom.
"""

import hashlib

import torch


def generator_at(
    seed: int, stream: str, position: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a torch generator for the draw at `position` of the named stream of a run with this seed."""
    digest = hashlib.blake2b(f"{seed}/{stream}/{position}".encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "little") >> 1)
