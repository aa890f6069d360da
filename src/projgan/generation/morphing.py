"""From class to class, from latent to latent, from truncation to truncation: what lies between.

A path passes through its stops in a number of steps, exactly at each stop. Between two classes the gain and
bias of every conditional batch norm are mixed linearly and all else stays (Miyato & Koyama 2018, category
morphing). Between two latents the path is a great circle: vectors of N(0, I) lie near a sphere of radius
sqrt(latent_size), and the middle of a straight line between two of them is sqrt(2) times too short, a place
the generator was never trained at (White 2016, arXiv 1609.04468).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from projgan.generation.sampling import latents_of, sample_latents, truncate
from projgan.listening import Count, told
from projgan.networks.resnet import Generator


@dataclass(frozen=True)
class Morph:
    """Latents and mixing weights of a picture of rows and steps, ready for the generator."""

    latents: Tensor
    """Float32 [rows, steps, latent_size]."""
    weights: Tensor | None
    """Float32 [rows, steps, num_classes]; None for an unconditional generator."""


def stop_steps(stops: int, steps: int) -> list[int]:
    """Return the step at which a path of `steps` steps is at each stop: evenly, as far as they divide.

    Raises:
        ValueError: fewer steps than stops.
    """
    if steps < stops:
        raise ValueError(f"{steps} steps are too few to pass through {stops} stops")
    return [stop * (steps - 1) // max(1, stops - 1) for stop in range(stops)]


def _between(stops: int, steps: int) -> tuple[list[int], list[int], Tensor]:
    """For each step: the stop before, the stop after, and how far it is from one to the other, in [0, 1]."""
    position = np.interp(range(steps), stop_steps(stops, steps), range(stops))  # whole at every stop
    before = np.floor(position).astype(int)
    after = np.minimum(before + 1, stops - 1)
    return before.tolist(), after.tolist(), torch.from_numpy(position - before)


def linear_path(stops: Tensor, steps: int) -> Tensor:
    """Straight lines through stops [S, ...], float64 -> [steps, ...], bit-equal to each stop at its step."""
    before, after, fraction = _between(len(stops), steps)
    fraction = fraction.view(-1, *[1] * (stops.ndim - 1))
    return (1 - fraction) * stops[before] + fraction * stops[after]


def spherical(start: Tensor, end: Tensor, fraction: Tensor) -> Tensor:
    """Go along the great circle: sin((1 - t) angle) / sin(angle) start + sin(t angle) / sin(angle) end.

    Vectors of one length keep it all the way; parallel ones are mixed in a straight line.

    Args:
        start: float64 [..., latent_size].
        end: likewise.
        fraction: t in [0, 1], float64, broadcast against [..., 1].
    """
    cosine = F.cosine_similarity(start, end, dim=-1, eps=1e-300).clamp(-1, 1).unsqueeze(-1)
    angle = cosine.acos()
    sine = angle.sin()
    parallel = sine < 1e-6
    sine = sine.masked_fill(parallel, 1.0)
    first = torch.where(parallel, 1 - fraction, ((1 - fraction) * angle).sin() / sine)
    second = torch.where(parallel, fraction, (fraction * angle).sin() / sine)
    return first * start + second * end


def class_path(labels: Sequence[int], num_classes: int, steps: int) -> Tensor:
    """Mixing weights from class to class, float32 [steps, num_classes]; one-hot at each stop."""
    return linear_path(_one_hot(labels, num_classes), steps).float()


def class_square(labels: Sequence[int], num_classes: int, rows: int, columns: int) -> Tensor:
    """Mixing weights of four classes at the corners, float32 [rows, columns, num_classes].

    Args:
        labels: upper left, upper right, lower left, lower right.
        num_classes: length of the weights.
        rows: at least 2.
        columns: at least 2.
    """
    corners = _one_hot(labels, num_classes)
    upper, lower = linear_path(corners[:2], columns), linear_path(corners[2:], columns)
    return linear_path(torch.stack([upper, lower]), rows).float()


def _one_hot(labels: Sequence[int], num_classes: int) -> Tensor:
    return F.one_hot(torch.tensor(labels), num_classes).double()


def latent_path(
    seeds: Sequence[int], latent_size: int, steps: int, truncations: Sequence[float] | None = None
) -> Tensor:
    """Latents from seed to seed, float32 [steps, latent_size], each bit-equal to its seed's at its stop.

    Args:
        seeds: of the stops; one alone stays.
        latent_size: length of a latent.
        steps: at least as many as stops.
        truncations: bounds that the truncation passes through at the same time, or None.
    """
    return path_through(latents_of(seeds, latent_size), steps, truncations)


def path_through(stops: Tensor, steps: int, truncations: Sequence[float] | None = None) -> Tensor:
    """Latents from stop to stop, float32 [S, latent_size] -> [steps, latent_size]; see `latent_path`."""
    before, after, fraction = _between(len(stops), steps)
    starts, ends = stops[before], stops[after]
    if truncations is not None:
        bounds = linear_path(torch.tensor(truncations, dtype=torch.float64), steps).tolist()
        starts = torch.stack([truncate(latent, bound) for latent, bound in zip(starts, bounds, strict=True)])
        ends = torch.stack([truncate(latent, bound) for latent, bound in zip(ends, bounds, strict=True)])
    return spherical(starts.double(), ends.double(), fraction.unsqueeze(1)).float()


def morph_images(generator: Generator, morph: Morph, progress: Count | None = None) -> Tensor:
    """Generate every image of a morph: uint8 [rows, steps, channels, R, R].

    Where a weight is 1 and the latent is that of a seed, it is bit for bit the image that
    `sampling.sample` gives for that class and seed.
    """
    rows, steps = morph.latents.shape[:2]
    weights = None if morph.weights is None else morph.weights.flatten(0, 1)
    lanes = sample_latents(generator, morph.latents.flatten(0, 1), weights)
    return torch.cat(list(told(lanes, rows * steps, progress, len))).unflatten(0, (rows, steps))
