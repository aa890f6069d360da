"""A discriminator that looks at images through a frozen network (Sauer et al. 2021, "Projected GANs").

The network's maps at four depths are mixed by random, fixed 1x1 convolutions across channels and, from the
deepest to the shallowest, across scales. At each depth a light head judges every place of a small map, and
meets the class there by our projection. With h the heads and u the places of their maps,

    f(x, y) = mean over h and u of  (V_h v_y)' phi_hu(x) + psi_h(phi_hu(x)),

which is linear in phi(x), the places' mean of all heads' features: the form of equation 3 of Miyato & Koyama
2018. The vector v_y of a class starts as what the frozen network says of the class's real images (Sauer et
al. 2022, "StyleGAN-XL"), and is trained along.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks.condition_method import ConditionShape, DiscriminatorOutput
from projgan.networks.efficientnet_lite import MAP_CHANNELS, EfficientNetLite0, resized
from projgan.networks.layers import (
    check_condition,
    initialize,
    select,
    short_to_float32,
    without_autocast,
)
from projgan.networks.normalizing_together import normalized_together
from projgan.networks.shapes import row_of
from projgan.networks.spectral_norm import SpectralNorm, SpectralNormConv2d, SpectralNormLinear

MIXED_CHANNELS = (64, 64, 128, 256)
"""Of the four mixed maps, the finest first."""
CLASS_FEATURES = MAP_CHANNELS[-1]
"""Entries of a class's vector: of the frozen network's deepest map."""


class RandomMixing(nn.Module):
    """Mixes four maps across channels and scales by random matrices that are never trained.

    The published code has a convolution that widens each map, adds what comes from below, doubles height and
    width, and has a second convolution. Nothing stands between the two, so their matrices are multiplied
    once, here. A mixed map stays as large as the frozen network's, which has nothing finer to tell.
    """

    def __init__(self) -> None:
        super().__init__()
        below = 0
        for depth in reversed(range(len(MAP_CHANNELS))):
            channels, mixed = MAP_CHANNELS[depth], MIXED_CHANNELS[depth]
            wide = below or 2 * mixed
            narrow = _random(mixed, wide)
            self.register_buffer(f"across{depth}", (narrow @ _random(wide, channels))[:, :, None, None])
            if below:
                self.register_buffer(f"below{depth}", narrow[:, :, None, None])
            below = mixed

    def forward(self, maps: tuple[Tensor, ...]) -> list[Tensor]:
        """Maps of `MAP_CHANNELS` at strides 4 to 32 -> of `MIXED_CHANNELS` at the same strides."""
        mixed: list[Tensor] = []
        for depth in reversed(range(len(maps))):
            hidden = F.conv2d(maps[depth], getattr(self, f"across{depth}"))
            if mixed:
                below = F.conv2d(mixed[0], getattr(self, f"below{depth}"))
                hidden = hidden + F.interpolate(below, size=hidden.shape[2:], mode="bilinear")
            mixed.insert(0, hidden)
        return mixed


def _random(rows: int, columns: int) -> Tensor:
    return torch.randn(rows, columns) / math.sqrt(columns)


class Halving(SpectralNorm, nn.Conv2d):
    """A 4x4 convolution of stride 2 whose kernel, as a matrix, has largest singular value 1."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        nn.Conv2d.__init__(self, in_channels, out_channels, 4, stride=2, padding=1)
        self.start_power_iteration()
        initialize(self)

    def forward(self, images: Tensor) -> Tensor:
        """[N, in, H, W] -> [N, out, H/2, W/2]."""
        return F.conv2d(images, self.normalized_weight(), self.bias, stride=2, padding=1)


class Head(nn.Module):
    """Halves a mixed map to a few places; its features at each of them are as many as its width."""

    def __init__(self, in_channels: int, width: int, halvings: int) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for before in [in_channels, *[width] * halvings][:halvings]:
            self._append(Halving(before, width), width)
        if not self.layers:
            layer = SpectralNormConv2d(in_channels, width, 1)
            initialize(layer)
            self._append(layer, width)

    def _append(self, layer: nn.Module, width: int) -> None:
        self.layers.extend([layer, nn.GroupNorm(max(1, width // 16), width), nn.LeakyReLU(0.2, inplace=True)])

    def forward(self, mixed: Tensor) -> Tensor:
        """[N, in, H, W] -> features [N, places, width]."""
        hidden: Tensor = self.layers(mixed)
        return hidden.flatten(2).transpose(1, 2)


class ImageHead(nn.Module):
    """Judges the image itself, reduced to eight pixels a place, by three halvings without norms."""

    def __init__(self, channels: int, width: int, side: int) -> None:
        super().__init__()
        self.side = 8 * side
        self.layers = nn.Sequential()
        for before in (channels, width, width):
            self.layers.extend([Halving(before, width), nn.LeakyReLU(0.2, inplace=True)])

    def forward(self, images: Tensor) -> Tensor:
        """[N, channels, H, W] -> features [N, side * side, width]."""
        hidden: Tensor = self.layers(F.adaptive_avg_pool2d(images, self.side))
        return hidden.flatten(2).transpose(1, 2)


class HeadMarginals(nn.Module):
    """psi of each head, and no condition."""

    def __init__(self, shape: ConditionShape, heads: int) -> None:
        super().__init__()
        self.shape, self.heads = shape, heads
        self.width = shape.num_features // heads
        self.marginals = nn.ModuleList(SpectralNormLinear(self.width, 1) for _ in range(heads))
        for layer in self.marginals:
            initialize(layer)

    def terms(self, features: list[Tensor], condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features of each head [N, places, width] -> the marginal and the conditional [N, all places]."""
        pairs = zip(self.marginals, features, strict=True)
        marginal = torch.cat([layer(feature).squeeze(2) for layer, feature in pairs], dim=1)
        return marginal, torch.zeros_like(marginal)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """phi(x) [N, num_features] and the condition -> the output for N images."""
        of_heads = [part[:, None] for part in features.split(self.width, dim=1)]
        marginal, conditional = (term.mean(dim=1) for term in self.terms(of_heads, condition))
        return DiscriminatorOutput(marginal + conditional, marginal, conditional)


class HeadProjections(HeadMarginals):
    """The same, and each head's inner product with its own linear map of the class's vector.

    At the start V_h v_y has mean square length 1 over classes, as long as psi's weights: V_h is a random
    orthogonal matrix, which leaves width / `CLASS_FEATURES` of a square length.
    """

    def __init__(self, shape: ConditionShape, heads: int) -> None:
        super().__init__(shape, heads)
        self.start_length = max(1.0, CLASS_FEATURES / self.width) ** 0.5
        self.classes = nn.Parameter(torch.randn(shape.num_classes, CLASS_FEATURES))
        self.start_classes(self.classes)
        self.maps = nn.ModuleList(
            SpectralNormLinear(CLASS_FEATURES, self.width, bias=False) for _ in range(heads)
        )
        for layer in self.maps:
            nn.init.orthogonal_(layer.weight)  # type: ignore[arg-type]

    @torch.no_grad()
    def start_classes(self, means: Tensor) -> None:
        """Let the classes' vectors be these [num_classes, CLASS_FEATURES], centred, at the right scale."""
        centred = means - means.mean(dim=0)
        lengths = centred.square().sum(dim=1).mean().sqrt()
        self.classes.copy_(centred * (self.start_length / lengths.clamp(min=1e-12)))

    def terms(self, features: list[Tensor], condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """As those of `HeadMarginals`; labels [N] or weights [N, num_classes] mix the classes' vectors."""
        marginal, _ = super().terms(features, condition)
        vectors = select(self.classes, condition)
        conditional = torch.cat(
            [
                (feature @ layer(vectors)[:, :, None]).squeeze(2)
                for layer, feature in zip(self.maps, features, strict=True)
            ],
            dim=1,
        )
        return marginal, conditional


HEAD_CONDITIONS: dict[str, type[HeadMarginals]] = {
    "projection": HeadProjections,
    "unconditional": HeadMarginals,
}
"""How the heads can meet the condition, by its name in configurations."""


class ProjectedDiscriminator(nn.Module):
    """Images and a condition to a logit, through a frozen network.

    Args:
        architecture: `projected`.
        condition: a name in `HEAD_CONDITIONS`.
        resolution: height and width of the images.
        channels: 1 for grey images, 3 for RGB.
        num_classes: classes or columns of the condition.
        width: features of a head at each place.
        input_size: height and width at which the frozen network sees images, a multiple of 32.
        image_head: whether a fifth head judges the image itself (not in the papers).

    The frozen network is no part of its state: see `FrozenConv2d`.
    """

    def __init__(
        self,
        architecture: str,
        condition: str = "projection",
        *,
        resolution: int,
        channels: int = 3,
        num_classes: int,
        width: int | None = None,
        input_size: int,
        image_head: bool = False,
    ) -> None:
        super().__init__()
        self.resolution, self.channels, self.input_size = resolution, channels, input_size
        width = width or 128
        self.network = EfficientNetLite0()
        self.mixing = RandomMixing()
        self.heads = nn.ModuleList(
            Head(mixed, width, halvings) for halvings, mixed in zip((3, 2, 1, 0), MIXED_CHANNELS, strict=True)
        )
        self.image_head = ImageHead(channels, width, input_size // 32) if image_head else None
        heads = len(self.heads) + image_head
        shape = ConditionShape(num_classes=num_classes, num_features=width * heads)
        self.condition = row_of(HEAD_CONDITIONS, condition, "condition")(shape, heads)
        self.normalized = [layer for layer in self.modules() if isinstance(layer, SpectralNorm)]

    def places(self, images: Tensor) -> list[Tensor]:
        """Images [N, channels, R, R] in [-1, 1] -> features of each head, [N, places, width]."""
        seen = resized(images, self.input_size)
        # On a CPU, depthwise convolutions and their gradients are slower in bfloat16 than in float32.
        with torch.autocast("cpu", enabled=False):
            maps = self.network.maps(seen.float())
        mixed = self.mixing(maps)
        features = [head(part) for head, part in zip(self.heads, mixed, strict=True)]
        return [*features, self.image_head(images)] if self.image_head else features

    def features(self, images: Tensor, condition: Tensor | None = None) -> Tensor:
        """phi(x): images [N, channels, R, R] in [-1, 1] -> [N, num_features]; no condition is met here."""
        return torch.cat([part.mean(dim=1) for part in self.places(images)], dim=1)

    def forward(self, images: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Images [N, channels, R, R] in [-1, 1] and their labels [N] or weights [N, num_classes]."""
        check_condition(condition, images.shape[0], self.condition.shape.num_classes)
        with normalized_together(self.normalized):
            places = [short_to_float32(features) for features in self.places(images)]
            with without_autocast(images.device):
                marginal, conditional = self.condition.terms(places, condition)
        votes = marginal + conditional
        return DiscriminatorOutput(
            votes.mean(dim=1), marginal.mean(dim=1), conditional.mean(dim=1), votes=votes
        )
