"""How close enlarged images are to the truth, to the small images they were made of, and to their class.

Peak signal-to-noise ratio and multi-scale structural similarity are means over images, each of one image and
its truth. Consistency asks less: made small again, is the output its input? A classifier asks more: is the
output still what the image was of (Miyato & Koyama 2018, section 5.2)?
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation.diversity import PIXELS_AT_ONCE, ms_ssim
from projgan.evaluation.estimates import Estimate, mean_of
from projgan.evaluation.feature_network import FeatureNetwork
from projgan.evaluation.scores import top_k_accuracy
from projgan.pictures.pixels import downscale

RATIO_OF_EQUALS = 100.0
"""dB of two equal images, whose ratio is infinite and would be the mean over all."""


@dataclass(frozen=True)
class Fidelity:
    """What one way of enlarging does to N images."""

    ms_ssim: Estimate
    """Of output and truth, at their own size; 1 is equal."""
    psnr: Estimate
    """Of output and truth, in dB; higher is closer."""
    consistency: Estimate
    """Root of the mean squared difference of output made small and input, in grey levels; 0 is equal."""
    accuracy: Estimate | None = None
    """Share of the outputs that a classifier recognises; of several draws, of the first ones."""
    accuracy_of_mean_logits: Estimate | None = None
    """Share recognised by the mean of the logits over all draws."""


def fidelity(
    truth: Tensor,
    small: Tensor,
    draws: Tensor,
    classifier: FeatureNetwork | None = None,
    labels: Tensor | None = None,
) -> Fidelity:
    """Measure one way of enlarging.

    Args:
        truth: uint8 [N, C, H, W], N >= 2.
        small: what was enlarged, uint8 [N, C, h, w], `truth` made small.
        draws: uint8 [D, N, C, H, W]; all but the classifier's mean logits are of the first one.
        classifier: what tells classes apart, or None.
        labels: int64 [N], with the classifier.

    Raises:
        UserError: fewer than two images, or not of these shapes.
    """
    outputs = draws[0]
    if len(truth) < 2 or outputs.shape != truth.shape or len(small) != len(truth):
        raise UserError(
            f"{len(small)} small images, outputs {list(outputs.shape)} and truth {list(truth.shape)}; "
            "give two images or more, and for each all three"
        )
    similar = [
        ms_ssim(one.double(), other.double())
        for one, other in zip(_parts(truth), _parts(outputs), strict=True)
    ]
    result = Fidelity(
        mean_of(torch.cat(similar)),
        mean_of(peak_signal_to_noise_ratio(truth, outputs)),
        mean_of(inconsistency(small, outputs)),
    )
    if classifier is None or labels is None:
        return result
    logits = torch.stack([classifier.extract(draw).logits for draw in draws])
    return Fidelity(
        result.ms_ssim,
        result.psnr,
        result.consistency,
        top_k_accuracy(logits[0], labels),
        top_k_accuracy(logits.mean(dim=0), labels) if len(draws) > 1 else None,
    )


def peak_signal_to_noise_ratio(truth: Tensor, images: Tensor) -> Tensor:
    """20 log10(255 / root of the mean squared error) of pairs, uint8 [N, C, H, W] each -> float64 [N]."""
    ratio = 20 * (255 / root_mean_square(truth, images)).log10()
    return ratio.clamp(max=RATIO_OF_EQUALS)


def inconsistency(small: Tensor, images: Tensor) -> Tensor:
    """`root_mean_square` of small images [N, C, h, w] and large ones [N, C, H, W] made as small: [N]."""
    return root_mean_square(small, downscale(images, images.shape[-1] // small.shape[-1]))


def root_mean_square(one: Tensor, other: Tensor) -> Tensor:
    """Root of the mean squared difference of pairs in grey levels, uint8 [N, C, H, W] each -> float64 [N]."""
    return (one.double() - other.double()).square().flatten(1).mean(dim=1).sqrt()


def _parts(images: Tensor) -> tuple[Tensor, ...]:
    return images.split(max(1, PIXELS_AT_ONCE // images[0].numel()))
