"""Residual generators and discriminator trunks of every resolution, built from the table of `shapes`.

The blocks are those of pfnet-research/sngan_projection (gen_models/resblocks.py, dis_models/resblocks.py).
ReLU is in place only where nothing else sees what it rectifies; never on a block's input, which the shortcut
must see as it is.
"""

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.casting_together import cast_together
from projgan.networks.condition_method import ConditionShape, DiscriminatorOutput
from projgan.networks.conditions import CONDITIONS
from projgan.networks.finishing import Finishing
from projgan.networks.generator_norms import GENERATOR_NORMS
from projgan.networks.layers import (
    RESIDUAL_GAIN,
    Conv1x1,
    Conv3x3,
    Convolving,
    UpsampleConv2d,
    check_condition,
    global_sum_pool,
    initialize,
    without_autocast,
)
from projgan.networks.normalization import Norm2d
from projgan.networks.normalizing_together import normalized_together
from projgan.networks.shapes import DISCRIMINATORS, GENERATORS, row_of
from projgan.networks.spectral_norm import (
    SpectralNorm,
    SpectralNormConv2d,
    SpectralNormConv2dDownsample,
)


class GeneratorBlock(Finishing):
    """(Conditional) norm, ReLU, upsample, 3x3; again without upsampling; plus a 1x1 shortcut."""

    def __init__(self, in_channels: int, out_channels: int, norm: Callable[[int], Norm2d]) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(in_channels), norm(out_channels)
        self.conv1 = UpsampleConv2d(in_channels, out_channels)
        self.conv2 = Conv3x3(out_channels, out_channels)
        self.shortcut = Conv1x1(in_channels, out_channels)
        initialize(self.conv1, RESIDUAL_GAIN)
        initialize(self.conv2, RESIDUAL_GAIN)
        initialize(self.shortcut)

    def forward(self, images: Tensor, condition: Tensor | None) -> Tensor:
        """[N, in, H, W] -> [N, out, 2H, 2W]."""
        hidden = self.norm1.rectified(images, condition)
        hidden = self.norm2.rectified_after(self.conv1, hidden, condition)
        # A 1x1 convolution commutes with repeating pixels; before it there are four times fewer.
        return self.add(self.conv2, hidden, self.shortcut, images, doubled=True)


class Generator(nn.Module):
    """Latents and a condition to images in [-1, 1].

    Args:
        architecture: a name in `GENERATORS`.
        channels: 1 for grey images, 3 for RGB.
        num_classes: classes or columns of the condition; None makes every norm unconditional.
        condition: its kind: `class`, `multi-hot` or `vector`.
        norm: how the blocks meet it, a name in `GENERATOR_NORMS`.
        latent_size: length of a latent vector, drawn from N(0, I).
        width: base width in place of the table's.

    Raises:
        ValueError: a name that is in no table, which lists those that are.

    Its gradient has no gradient while it trains, unless `networks.plain.compute_as_written` is called on it.

    Source: pfnet-research/sngan_projection, source/gen_models.
    """

    def __init__(
        self,
        architecture: str,
        *,
        channels: int = 3,
        num_classes: int | None = None,
        condition: str = "class",
        norm: str = "conditional-batch-norm",
        latent_size: int = 128,
        width: int | None = None,
    ) -> None:
        super().__init__()
        shape = row_of(GENERATORS, architecture, "architecture")
        widths = [multiplier * (width or shape.width) for multiplier in shape.multipliers]
        self.resolution, self.channels = shape.resolution, channels
        self.num_classes, self.latent_size, self.bottom = num_classes, latent_size, shape.bottom
        self.condition = None if num_classes is None else condition
        norms = row_of(GENERATOR_NORMS, norm, "norm")
        conditional = row_of(norms.of_blocks, condition, "condition")

        def norm_of(num_features: int) -> Norm2d:
            if num_classes is None:
                return norms.unconditional(num_features)
            return conditional(num_features, num_classes)

        self.linear = nn.Linear(latent_size, widths[0] * self.bottom**2)
        self.blocks = nn.ModuleList(
            GeneratorBlock(before, after, norm_of) for before, after in itertools.pairwise(widths)
        )
        self.norm = norms.unconditional(widths[-1])
        self.conv = Conv3x3(widths[-1], channels)
        initialize(self.linear)
        initialize(self.conv)
        self.convolutions = [layer for layer in self.modules() if isinstance(layer, Convolving)]

    def forward(self, latents: Tensor, condition: Tensor | None = None) -> Tensor:
        """Latents [N, latent_size]; labels [N], float [N, num_classes] or None -> [N, channels, R, R].

        Raises:
            ValueError: a condition of another shape, or none where the network meets one.
        """
        if self.num_classes is not None:
            check_condition(condition, latents.shape[0], self.num_classes)
        hidden = self.linear(latents).unflatten(1, (-1, self.bottom, self.bottom))
        with cast_together(self.convolutions):
            for block in self.blocks:
                hidden = block(hidden, condition)
            return torch.tanh(self.conv(self.norm.rectified(hidden)))


class DiscriminatorFirstBlock(Finishing):
    """The block that meets the image: no ReLU before its first convolution, always halves."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = SpectralNormConv2d(in_channels, out_channels, 3)
        self.conv2 = SpectralNormConv2dDownsample(out_channels, out_channels)
        self.shortcut = SpectralNormConv2d(in_channels, out_channels, 1)
        initialize(self.conv1, RESIDUAL_GAIN)
        initialize(self.conv2, RESIDUAL_GAIN)
        initialize(self.shortcut)

    def forward(self, images: Tensor) -> Tensor:
        """[N, in, H, W] -> [N, out, H/2, W/2]."""
        hidden = self.rectify(self.conv1, images)
        return self.add(self.conv2, hidden, self.shortcut, self.halve(images))


class DiscriminatorBlock(Finishing):
    """ReLU, 3x3 that keeps the width, ReLU, 3x3, average pooling if halving; plus the shortcut."""

    def __init__(self, in_channels: int, out_channels: int, *, halve: bool) -> None:
        super().__init__()
        self.conv1 = SpectralNormConv2d(in_channels, in_channels, 3)
        self.conv2 = (
            SpectralNormConv2dDownsample(in_channels, out_channels)
            if halve
            else SpectralNormConv2d(in_channels, out_channels, 3)
        )
        initialize(self.conv1, RESIDUAL_GAIN)
        initialize(self.conv2, RESIDUAL_GAIN)
        self.halves = halve
        self.shortcut: nn.Module = nn.Identity()
        if halve or in_channels != out_channels:
            self.shortcut = SpectralNormConv2d(in_channels, out_channels, 1)
            initialize(self.shortcut)

    def forward(self, images: Tensor) -> Tensor:
        """[N, in, H, W] -> [N, out, H/2, W/2], or [N, out, H, W] where the block does not halve."""
        # A 1x1 convolution commutes with average pooling; after it there are four times fewer pixels.
        hidden, beside = self.branch(images, halves=self.halves)
        return self.add(self.conv2, self.rectify(self.conv1, hidden), self.shortcut, beside)


class Discriminator(nn.Module):
    """Images and a condition to a logit: one trunk, and a condition that says how the two meet.

    Args:
        architecture: a name in `DISCRIMINATORS`.
        condition: a name in `CONDITIONS`.
        channels: 1 for grey images, 3 for RGB.
        num_classes: classes or columns of the condition.
        width: base width in place of the table's.
        hidden_block: where `hidden-concat` joins, counted from 1, in place of the table's.
        embedding_size: entries of the embedded label in `hidden-concat` and `output-concat`, and of the
            embedded image in `d2d-ce`.
        quadratic_term: whether `projection` has one in the condition.

    Raises:
        ValueError: a name that is in no table; no such hidden block, or the last one, after which nothing
            would mix label and image.

    Source: pfnet-research/sngan_projection, source/dis_models.
    """

    def __init__(
        self,
        architecture: str,
        condition: str = "projection",
        *,
        channels: int = 3,
        num_classes: int,
        width: int | None = None,
        hidden_block: int | None = None,
        embedding_size: int = 128,
        quadratic_term: bool = False,
    ) -> None:
        super().__init__()
        shape = row_of(DISCRIMINATORS, architecture, "architecture")
        widths = [multiplier * (width or shape.width) for multiplier in shape.multipliers]
        self.resolution, self.channels = shape.resolution, channels
        if hidden_block is not None and not 1 <= hidden_block < len(widths):
            raise ValueError(
                f"discriminator.hidden_block is {hidden_block}; {architecture} has {len(widths)} blocks, "
                f"and the label must join after one of 1 to {len(widths) - 1}"
            )
        method = row_of(CONDITIONS, condition, "condition")
        meeting = ConditionShape(
            num_classes=num_classes,
            num_features=widths[-1],
            linear_bias=shape.linear_bias,
            hidden_block=hidden_block or shape.hidden_block,
            embedding_size=embedding_size,
            quadratic_term=quadratic_term,
        )
        joined = [
            before + method.added_channels(meeting, block) for block, before in enumerate([channels, *widths])
        ]
        self.blocks = nn.ModuleList([DiscriminatorFirstBlock(joined[0], widths[0])])
        for index, (before, after) in enumerate(zip(joined[1:], widths[1:], strict=False), start=1):
            self.blocks.append(DiscriminatorBlock(before, after, halve=index < shape.num_downsampling))
        self.condition = method(meeting)
        self.normalized = [layer for layer in self.modules() if isinstance(layer, SpectralNorm)]
        in_blocks = set(self.blocks.modules())
        self.normalized_in_blocks = [layer for layer in self.normalized if layer in in_blocks]
        self.convolutions = [layer for layer in self.blocks.modules() if isinstance(layer, Convolving)]

    def features(self, images: Tensor, condition: Tensor | None = None) -> Tensor:
        """phi(x): images [N, channels, R, R] in [-1, 1] -> [N, num_features], summed over the last map.

        The concatenating methods need the condition here; the others leave it alone.

        Raises:
            ValueError: a condition of another shape, or none where the method needs one.
        """
        check_condition(condition, images.shape[0], self.condition.shape.num_classes)
        hidden = self.condition.join(_in_type_of_maps(images), condition, block=0)
        with normalized_together(self.normalized_in_blocks), cast_together(self.convolutions):
            for number, block in enumerate(self.blocks, start=1):
                hidden = self.condition.join(block(hidden), condition, block=number)
        return global_sum_pool(F.relu(hidden))

    def forward(self, images: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Images [N, channels, R, R] in [-1, 1] and their labels [N] or weights [N, num_classes]."""
        with normalized_together(self.normalized):
            features = self.features(images, condition)
            with without_autocast(images.device):  # a product of a few numbers each
                output = self.condition(features, condition)
        if not isinstance(output, DiscriminatorOutput):
            method = type(self.condition).__name__
            raise TypeError(f"{method}.forward gives {type(output).__name__}, not DiscriminatorOutput")
        return output


def _in_type_of_maps(images: Tensor) -> Tensor:
    """As the first convolution and its shortcut both would take them under autocast."""
    kind = images.device.type
    autocasts = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return images.to(torch.get_autocast_dtype(kind)) if autocasts else images
