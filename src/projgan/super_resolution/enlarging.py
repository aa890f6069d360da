"""Small images and seeds to large ones, and the picture that compares ways of enlarging them.

Draw number d of any image has seed `seed + d`, so one image and one seed are one output. Images are enlarged
one at a time: convolutions round differently for different batch sizes, and an output must not depend on its
neighbours.
"""

from collections.abc import Iterator, Sequence

import torch
from PIL import Image
from torch import Tensor

from projgan.arithmetic import in_float32
from projgan.generation.sampling import latents_of
from projgan.networks.super_resolution import FACTOR, SuperResolutionGenerator
from projgan.pictures.grids import grid
from projgan.pictures.pixels import enlarge, to_float, to_uint8

BASELINES = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
"""Filters of Pillow that outputs are compared with."""
MIDDLE = 0.5
"""Of a grey level: the network has seen noise there."""


def super_resolve(
    generator: SuperResolutionGenerator, images: Tensor, seeds: Sequence[int]
) -> Iterator[Tensor]:
    """Enlarge images of one size four times, one draw after another.

    Args:
        generator: in evaluation mode, on any device.
        images: uint8 [N, channels, H, W].
        seeds: of the noise, each in [0, 2**63).

    Yields:
        uint8 [N, channels, 4H, 4W] on the CPU, one for each seed.
    """
    device = next(generator.parameters()).device
    known = images.to(device)
    small = to_float(known, torch.full_like(known, 1, dtype=torch.float32) * MIDDLE)
    size = generator.latent_size_of(*images.shape[2:])
    for seed in seeds:
        latents = latents_of([seed], size).to(device)
        with torch.inference_mode(), in_float32():
            large = [to_uint8(generator(latents, image)).cpu() for image in small.split(1)]
        yield torch.cat(large)


def comparison(
    small: Tensor, outputs: Sequence[Tensor], seeds: Sequence[int], truth: Tensor | None = None
) -> Image.Image:
    """Lay images out in columns, and ways of enlarging them in rows.

    Args:
        small: uint8 [N, C, H, W], the first row with its pixels repeated.
        outputs: for each seed, uint8 [N, C, 4H, 4W].
        seeds: of the outputs.
        truth: uint8 [N, C, 4H, 4W], the last row where it is known.
    """
    rows = {"input": enlarge(small, FACTOR, Image.Resampling.NEAREST)}
    rows |= {name: enlarge(small, FACTOR, filter_) for name, filter_ in BASELINES.items()}
    rows |= {f"seed {seed}": output for seed, output in zip(seeds, outputs, strict=True)}
    rows |= {} if truth is None else {"truth": truth}
    return grid(torch.cat(list(rows.values())), len(small), list(rows))
