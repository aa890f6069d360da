"""Images as bytes, as floats and as pictures.

Grey level v in 0..255 is the interval [v/128 - 1, (v+1)/128 - 1) of [-1, 1). Real images are spread over
theirs by uniform noise, as in the paper's code; `to_uint8` is the exact inverse, noise or not. (The paper's
code writes images with 127.5 x + 127.5 instead, which is darker by up to one level.)
"""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from projgan.pictures.pillow import to_pil

LEVELS = 128.0
LARGEST_NOISE = 1 - 2**-16
"""In float32 a level of 128 and more, plus anything closer to 1, would round up to the next level."""


def to_float(images: Tensor, noise: Tensor | None = None) -> Tensor:
    """uint8 [...] -> float32 in [-1, 1); `noise` in [0, 1) is in grey levels and of the images' shape."""
    levels = images.float()
    if noise is not None:
        levels = levels + noise.clamp(max=LARGEST_NOISE)
    return levels / LEVELS - 1


def to_uint8(images: Tensor) -> Tensor:
    """Float in [-1, 1] -> uint8: the grey level whose interval holds the value."""
    return ((images.float() + 1) * LEVELS).floor().clamp(0, 255).to(torch.uint8)


def downscale(images: Tensor, factor: int) -> Tensor:
    """Make images smaller as Pillow's BILINEAR does, within one grey level: uint8 [N, C, H, W] -> uint8.

    Each pixel is the mean under a triangle twice `factor` pixels wide. The size is H // factor
    and W // factor.
    """
    size = (images.shape[2] // factor, images.shape[3] // factor)
    small = F.interpolate(images.float(), size, mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8)


def enlarge(images: Tensor, factor: int, filter_: Image.Resampling) -> Tensor:
    """Make images larger with a filter of Pillow: uint8 [N, C, H, W] -> uint8 [N, C, factor H, factor W]."""
    height, width = images.shape[2] * factor, images.shape[3] * factor
    larger = [np.asarray(to_pil(image).resize((width, height), filter_)) for image in images]
    return torch.from_numpy(np.stack(larger)).reshape(len(images), height, width, -1).permute(0, 3, 1, 2)
