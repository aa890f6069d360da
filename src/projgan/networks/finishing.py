"""What follows a convolution in a block: bias and ReLU, or bias and shortcut."""

import torch.nn.functional as F
from torch import Tensor, nn

from projgan.networks import fused, fused_branch, fused_finishing
from projgan.networks.convolutions import downsample, upsample
from projgan.networks.layers import Convolving, is_hooked, is_separable


class Fusing(nn.Module):
    """Where `fused`, what can be is done in fewer passes over the maps; without, all is as written."""

    fused = True


class Finishing(Fusing):
    """Mixed into a residual block, for what stands between its convolutions."""

    def rectify(self, convolution: Convolving, images: Tensor) -> Tensor:
        """ReLU of a convolution: images [N, in, H, W] -> [N, out, ...]."""
        if self.fused and fused.suits(images) and is_separable(convolution):
            return fused_finishing.add_rectify(*convolution.apart(images))
        return F.relu(convolution(images), inplace=not is_hooked(convolution))

    def add(
        self,
        convolution: Convolving,
        hidden: Tensor,
        shortcut: nn.Module,
        images: Tensor,
        *,
        doubled: bool = False,
    ) -> Tensor:
        """A convolution of `hidden`, plus the shortcut of images; `doubled` repeats that one's pixels."""
        if self.fused and fused.suits(hidden) and is_separable(convolution):
            main, bias = convolution.apart(hidden)
            beside, other = shortcut.apart(images) if is_separable(shortcut) else (shortcut(images), None)
            return fused_finishing.add_shortcut(main, beside, bias, other, doubled=doubled)
        result = convolution(hidden)
        beside = shortcut(images)
        beside = upsample(beside) if doubled else beside
        return result + beside if is_hooked(convolution) else result.add_(beside)

    def branch(self, images: Tensor, *, halves: bool) -> tuple[Tensor, Tensor]:
        """ReLU of images [N, C, H, W], and what the shortcut sees: them, or their halves."""
        is_even = images.shape[2] % 2 == images.shape[3] % 2 == 0
        if self.fused and (is_even or not halves) and fused.suits(images):
            return fused_branch.branch(images, halves=halves)
        return F.relu(images), self.halve(images) if halves else images

    def halve(self, images: Tensor) -> Tensor:
        """Average 2x2 pixels: [N, C, H, W] -> [N, C, H/2, W/2]."""
        is_even = images.shape[2] % 2 == images.shape[3] % 2 == 0
        if self.fused and is_even and fused.suits(images):
            return fused_finishing.downsample(images)
        return downsample(images)
