"""What the numbers of this package ask of their inputs, checked once at the door."""

import torch
from torch import Tensor

from projgan.data.tensors import as_torch
from projgan.errors import UserError


def checked_rows(rows: Tensor, name: str, at_least: int = 2) -> Tensor:
    """Return the rows without their gradient if they are finite floats [N, D] with N >= at_least, D >= 1.

    Raises:
        UserError: naming the rows by `name`, and what they are instead.
    """
    rows = as_torch(rows)
    if rows.dim() != 2 or rows.shape[1] == 0:
        raise UserError(f"{name} must be [N, D], one row per image; their shape is {list(rows.shape)}")
    if not rows.is_floating_point():
        raise UserError(f"{name} must be floating point; they are {rows.dtype}: convert them first")
    if len(rows) < at_least:
        raise UserError(f"{name} come from {len(rows)} image(s); at least {at_least} are needed: add images")
    if not rows.isfinite().all():
        first = int((~rows.isfinite()).any(dim=1).nonzero()[0])
        raise UserError(f"{name} of image {first} hold NaN or infinity; remove or repair what made them")
    return rows.detach()


def checked_pair(real: Tensor, generated: Tensor, at_least: int = 2) -> tuple[Tensor, Tensor]:
    """Return real and generated features, each as `checked_rows`, of one width and on one device."""
    real = checked_rows(real, "real features", at_least)
    generated = checked_rows(generated, "generated features", at_least)
    check_widths(real.shape[1], generated.shape[1])
    if real.device != generated.device:
        raise UserError(
            f"real features are on {real.device}, generated ones on {generated.device}; move them together"
        )
    return real, generated


def check_widths(real: int, generated: int) -> None:
    """Refuse features of two widths: they come from two networks."""
    if real != generated:
        raise UserError(
            f"real features have {real} entries, generated ones {generated}; take both from one network"
        )


def checked_labels(labels: Tensor, name: str, count: int, num_classes: int) -> Tensor:
    """Return labels as int64 if they are `count` integers in [0, num_classes).

    Raises:
        UserError: naming the labels by `name`, and what they are instead.
    """
    labels = as_torch(labels, lists=True)
    if labels.shape != (count,):
        raise UserError(f"{name} must be [{count}], one per image; their shape is {list(labels.shape)}")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise UserError(f"{name} must be integers; they are {labels.dtype}: convert them first")
    labels = labels.long()
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if len(outside):
        raise UserError(
            f"{name} hold {int(outside[0])}; with {num_classes} classes they end at {num_classes - 1}"
        )
    return labels
