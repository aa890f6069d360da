"""What a training image may become without becoming another class: shifted a little, mirrored."""

import torch
from torch import Tensor


def shift_images(images: Tensor, offsets: Tensor, largest: int) -> Tensor:
    """Move images, and fill what comes into view with their reflection.

    Args:
        images: [N, C, H, W] of any type.
        offsets: int64 [N, 2], rows and columns, each in 0..2 x largest; `largest` leaves an image in place.
        largest: pixels an image may be moved, less than H and W.

    Returns:
        [N, C, H, W]: pixel (row, column) is that at (row, column) + offset - largest.
    """
    height, width = images.shape[2:]
    rows = _reflected(height, largest, images.device)[
        offsets[:, :1] + torch.arange(height, device=images.device)
    ]
    columns = _reflected(width, largest, images.device)[
        offsets[:, 1:] + torch.arange(width, device=images.device)
    ]
    samples = torch.arange(len(images), device=images.device)
    moved = images.permute(0, 2, 3, 1)[samples[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _reflected(length: int, margin: int, device: torch.device) -> Tensor:
    """Positions 0..length-1 with `margin` more at either end, mirrored at the edge: 2 1 [0 1 2 3] 2 1."""
    positions = torch.arange(-margin, length + margin, device=device).abs()
    return torch.where(positions < length, positions, 2 * (length - 1) - positions)


def flip_images(images: Tensor, flipped: Tensor) -> Tensor:
    """Mirror the images [N, C, H, W] whose entry in the bool [N] is true, left to right."""
    return torch.where(flipped[:, None, None, None], images.flip(3), images)
