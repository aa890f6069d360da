"""What an inverting generator minimises: errors of its image, of the encoder's maps of it, and a game."""

import torch.nn.functional as F
from torch import Tensor

from projgan.losses import hinge_generator
from projgan.plug_and_play.settings import InverterSettings


def relative_error(values: Tensor, wanted: Tensor) -> Tensor:
    """Sum of (values - wanted)^2 over that of wanted^2, a scalar: 0 is perfect, 1 as bad as zeros."""
    return (values - wanted).square().sum() / wanted.square().sum().clamp(min=1e-12)


def inversion_loss(
    images: Tensor,
    real_images: Tensor,
    maps: Tensor,
    real_maps: Tensor,
    logits: Tensor,
    settings: InverterSettings,
) -> Tensor:
    """The generator's loss of noiseless joint PPGN-h, L_img + L_h1 + L_GAN with weights of ours, a scalar.

    Nguyen et al. 2017, section 3.4. There is no error of h itself: it enters through the maps h1, whose
    largest entries it is.

    Args:
        images, real_images: float [N, C, R, R] in [-1, 1], made and to be made.
        maps, real_maps: the encoder's last maps of either, [N, D, S, S].
        logits: what the discriminator says of `images`, [N].
        settings: its three weights.
    """
    return (
        settings.image_weight * F.mse_loss(images, real_images)
        + settings.feature_weight * relative_error(maps, real_maps)
        + settings.adversarial_weight * hinge_generator(logits).mean()
    )
