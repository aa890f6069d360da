"""Super-resolution: a generator that enlarges an image four times, and what tells its images from real ones.

The condition is the low-resolution image itself (Miyato & Koyama 2018, section 5.2). The networks are those
of the author's unmerged branch `sr` of pfnet-research/sngan_projection. The generator is convolutional and
takes images of any size; the discriminator has one size, a row of `SUPER_RESOLUTION`.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.batch_norm import UnconditionalBatchNorm2d
from projgan.networks.condition_method import DiscriminatorOutput
from projgan.networks.convolutions import upsample
from projgan.networks.layers import (
    RESIDUAL_GAIN,
    Conv3x3,
    UpsampleConv2d,
    global_sum_pool,
    initialize,
    without_autocast,
)
from projgan.networks.normalizing_together import normalized_together
from projgan.networks.resnet import DiscriminatorBlock, DiscriminatorFirstBlock
from projgan.networks.shapes import SUPER_RESOLUTION, row_of
from projgan.networks.spectral_norm import SpectralNorm, SpectralNormConv2d, SpectralNormLinear

FACTOR = 4
"""How many times higher and wider the output is: two blocks double it."""


_KEPT = (4, 4, 4, 4)
"""Blocks of the generator at the size of its input; then a doubling one and one that keeps, twice."""
_DOUBLED = (2, 1)
_BEFORE_MEETING = ((1, True), (1, False), (2, True), (2, False))
"""Blocks of the discriminator in front of the low-resolution map: width, and whether it halves."""


class EnlargingBlock(nn.Module):
    """Batch norm, ReLU, noise behind the features, 3x3; again without noise; plus the shortcut.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        noise_channels: of the noise; only a block that doubles height and width has any.
    """

    def __init__(self, in_channels: int, out_channels: int, noise_channels: int = 0) -> None:
        super().__init__()
        self.doubles = noise_channels > 0
        self.norm1, self.norm2 = UnconditionalBatchNorm2d(in_channels), UnconditionalBatchNorm2d(out_channels)
        self.conv1: nn.Conv2d = (
            UpsampleConv2d(in_channels + noise_channels, out_channels)
            if self.doubles
            else Conv3x3(in_channels, out_channels)
        )
        self.conv2 = Conv3x3(out_channels, out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if self.doubles or in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1)
            initialize(self.shortcut)
        initialize(self.conv1, RESIDUAL_GAIN)
        initialize(self.conv2, RESIDUAL_GAIN)

    def forward(self, images: Tensor, noise: Tensor | None = None) -> Tensor:
        """[N, in, H, W] -> [N, out, H, W]; with noise [N, noise_channels, H, W] -> [N, out, 2H, 2W]."""
        hidden = self.norm1.rectified(images)
        shortcut = self.shortcut(images)
        if self.doubles:
            assert noise is not None
            # Its own memory format would make the whole convolution slow.
            noise = noise.to(hidden.dtype).contiguous(memory_format=torch.channels_last)
            hidden, shortcut = torch.cat([hidden, noise], dim=1), upsample(shortcut)
        return self.conv2(self.norm2.rectified(self.conv1(hidden))) + shortcut


class SuperResolutionGenerator(nn.Module):
    """A low-resolution image in [-1, 1] and noise to an image in [-1, 1] four times as high and wide.

    The latents of an image are all the noise there is in it, one vector of standard normal numbers: a map
    of `noise_channels` at the size of the input, then one at twice its size.

    Args:
        architecture: a name in `SUPER_RESOLUTION`.
        channels: 1 for grey images, 3 for RGB.
        noise_channels: of each of the two maps, in place of the table's.
        width: base width in place of the table's.

    Source: pfnet-research/sngan_projection, branch sr, ResNetGeneratorSR.
    """

    condition = "low-resolution"

    def __init__(
        self,
        architecture: str,
        *,
        channels: int = 3,
        noise_channels: int | None = None,
        width: int | None = None,
    ) -> None:
        super().__init__()
        shape = row_of(SUPER_RESOLUTION, architecture, "architecture")
        base = width or shape.width
        self.resolution, self.channels = shape.resolution, channels
        self.noise_channels = noise_channels or shape.noise_channels
        widths = [channels, *(base * multiple for multiple in _KEPT)]
        self.kept = nn.Sequential(*(EnlargingBlock(*pair) for pair in itertools.pairwise(widths)))
        widths = [widths[-1], *(base * multiple for multiple in _DOUBLED)]
        self.doubling = nn.ModuleList(
            EnlargingBlock(before, after, self.noise_channels) for before, after in itertools.pairwise(widths)
        )
        self.keeping = nn.ModuleList(EnlargingBlock(after, after) for after in widths[1:])
        self.norm = UnconditionalBatchNorm2d(widths[-1])
        self.conv = Conv3x3(widths[-1], channels)
        initialize(self.conv)

    @property
    def latent_size(self) -> int:
        """Length of the latents of an image of the size that the discriminator is trained on."""
        side = self.resolution // FACTOR
        return self.latent_size_of(side, side)

    def latent_size_of(self, height: int, width: int) -> int:
        """Length of the latents of an image from a low-resolution one of this size."""
        return self.noise_channels * height * width * 5

    def forward(self, latents: Tensor, condition: Tensor) -> Tensor:
        """Latents [N, latent_size_of(H, W)], images [N, channels, H, W] -> images [N, channels, 4H, 4W].

        Raises:
            ValueError: latents of images of another size.
        """
        height, width = condition.shape[2:]
        if latents.shape[1] != self.latent_size_of(height, width):
            raise ValueError(f"{latents.shape[1]} latents do not belong to {height} x {width} pixels")
        sizes = [self.noise_channels * height * width, self.noise_channels * height * width * 4]
        hidden = self.kept(condition)
        for scale, (doubling, keeping, noise) in enumerate(
            zip(self.doubling, self.keeping, latents.split(sizes, dim=1), strict=True)
        ):
            maps = noise.unflatten(1, (self.noise_channels, height << scale, width << scale))
            hidden = keeping(doubling(hidden, maps))
        return torch.tanh(self.conv(self.norm.rectified(hidden)))


class ImageProjection(nn.Module):
    """<y, V * phi(x)> / sqrt(size of y): a 3x3 convolution to the channels of y, met pixel by pixel.

    The division keeps the map to the logit 1-Lipschitz for images y of length sqrt(size).
    """

    def __init__(self, num_features: int, channels: int) -> None:
        super().__init__()
        self.conv = SpectralNormConv2d(num_features, channels, 3)
        initialize(self.conv)

    @classmethod
    def added_channels(cls, channels: int) -> int:
        """None: the features go on as they are."""
        return 0

    def forward(self, hidden: Tensor, condition: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features [N, F, H, W] and y [N, channels, H, W] -> the features, and the conditional term [N]."""
        met = (self.conv(hidden) * condition).flatten(1)
        return hidden, met.sum(dim=1) / met.shape[1] ** 0.5


class ImageConcat(nn.Module):
    """y as further channels of the features, the paper's baseline; logits do not decompose."""

    def __init__(self, num_features: int, channels: int) -> None:
        super().__init__()

    @classmethod
    def added_channels(cls, channels: int) -> int:
        """Those of y."""
        return channels

    def forward(self, hidden: Tensor, condition: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features [N, F, H, W] and y [N, channels, H, W] -> [N, F + channels, H, W], and no term."""
        return torch.cat([hidden, condition.to(hidden.dtype)], dim=1), None


IMAGE_CONDITIONS: dict[str, type[ImageProjection] | type[ImageConcat]] = {
    "projection": ImageProjection,
    "hidden-concat": ImageConcat,
}
"""How the discriminator meets a low-resolution image where its features have that size, by name."""


class SuperResolutionDiscriminator(nn.Module):
    """Images and the low-resolution images they should be of, to logits.

    Args:
        architecture: a name in `SUPER_RESOLUTION`.
        condition: a name in `IMAGE_CONDITIONS`.
        channels: 1 for grey images, 3 for RGB.
        width: base width in place of the table's.

    Source: pfnet-research/sngan_projection, branch sr.
    """

    def __init__(
        self,
        architecture: str,
        condition: str = "projection",
        *,
        channels: int = 3,
        width: int | None = None,
    ) -> None:
        super().__init__()
        shape = row_of(SUPER_RESOLUTION, architecture, "architecture")
        base = width or shape.width
        self.resolution, self.channels = shape.resolution, channels
        method = row_of(IMAGE_CONDITIONS, condition, "condition")
        (first, _), *others = _BEFORE_MEETING
        self.before = nn.Sequential(DiscriminatorFirstBlock(channels, first * base))
        before = first * base
        for multiple, halves in others:
            self.before.append(DiscriminatorBlock(before, multiple * base, halve=halves))
            before = multiple * base
        self.meeting = method(before, channels)
        self.after = nn.Sequential()
        before += method.added_channels(channels)
        for number, multiple in enumerate(shape.after_meeting, start=1):
            halves = number < len(shape.after_meeting)
            self.after.append(DiscriminatorBlock(before, multiple * base, halve=halves))
            before = multiple * base
        self.marginal = SpectralNormLinear(before, 1)
        initialize(self.marginal)
        self.normalized = [layer for layer in self.modules() if isinstance(layer, SpectralNorm)]

    def forward(self, images: Tensor, condition: Tensor) -> DiscriminatorOutput:
        """Images [N, channels, R, R] and low-resolution ones [N, channels, R/4, R/4], both in [-1, 1]."""
        with normalized_together(self.normalized):
            hidden, conditional = self.meeting(self.before(images), condition)
            hidden = F.relu(self.after(hidden))
            pooled = global_sum_pool(hidden) / (hidden.shape[2] * hidden.shape[3]) ** 0.5
            with without_autocast(images.device):
                marginal = self.marginal(pooled).squeeze(1)
        if conditional is None:
            return DiscriminatorOutput(marginal, None, None)
        return DiscriminatorOutput(marginal + conditional, marginal, conditional)
