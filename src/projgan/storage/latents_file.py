"""A file of latents, as `projgan invert` writes it and `projgan morph` reads it: safetensors, no pickle."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, ValidationError
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from projgan.errors import UserError, reason_of
from projgan.files import write_atomically
from projgan.overwriting import SIGN
from projgan.stored import Checked, first_mistake

METADATA_KEY = "projgan-latents"
LATENTS = "latents.safetensors"
"""Its name in a folder that `projgan invert` writes."""
MOST_BYTES = 2**28
MOST_ROWS = 10_000


class LatentsDescription(Checked):
    """What a file of latents says of itself."""

    generator_sha256: str
    """Of the weights of the generator that they are of."""
    class_names: Annotated[tuple[str, ...], Field(max_length=1_000_000)]
    """By column of the weights."""
    rows: Annotated[tuple[dict[str, Any], ...], Field(max_length=MOST_ROWS)]
    """What is known of each latent, in plain values."""
    made_by: dict[str, Any]
    """Settings that the rows have in common."""


@dataclass(frozen=True)
class Latents:
    """Latents with the conditions that go with them."""

    latents: Tensor
    """float32 [N, latent_size]."""
    weights: Tensor | None
    """Mixing weights over the classes, float32 [N, num_classes]; None where the generator meets none."""
    description: LatentsDescription = field(repr=False)


def save_latents(path: Path, found: Latents) -> None:
    """Write a file of latents; one that is there is replaced at once."""
    tensors = {"latents": found.latents.contiguous()}
    if found.weights is not None:
        tensors["weights"] = found.weights.contiguous()
    words = json.dumps(found.description.model_dump(mode="json"), ensure_ascii=False)
    content = save(tensors, metadata={METADATA_KEY: words, "comment": SIGN})
    write_atomically(path, lambda file: file.write(content))


def load_latents(path: Path) -> Latents:
    """Read a file of latents, or the one in a folder that `projgan invert` wrote.

    Raises:
        UserError: no such file, another one, or damaged.
    """
    if path.is_dir():
        path = path / LATENTS
    if not path.is_file():
        raise UserError(f"{path}: no such file; `projgan invert RUN IMAGE` makes one")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path}: larger than the {MOST_BYTES:,} bytes accepted")
        with safe_open(path, framework="pt") as file:
            words = (file.metadata() or {}).get(METADATA_KEY)
            if words is None:
                raise UserError(f"{path}: not a file of latents, as `projgan invert` makes them")
            description = LatentsDescription.model_validate_json(words)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except UserError:
        raise
    except ValidationError as error:
        raise UserError(f"{path}: {first_mistake(error)}; damaged") from None
    except Exception as error:  # of safetensors, of torch, of the disk
        raise UserError(f"{path}: not a file of latents, or damaged ({reason_of(error)})") from None
    latents, weights = tensors.get("latents"), tensors.get("weights")
    shape = (len(description.rows), len(description.class_names))
    if (
        latents is None
        or latents.ndim != 2
        or len(latents) != shape[0]
        or not len(latents)
        or (weights is None) != (shape[1] == 0)
        or (weights is not None and weights.shape != shape)
        or any(one.dtype != torch.float32 or not one.isfinite().all() for one in tensors.values())
    ):
        raise UserError(f"{path}: its latents do not fit what it says of them; damaged")
    return Latents(latents, weights, description)
