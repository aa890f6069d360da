import math

import pytest
import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.evaluation.feature_network import FeatureNetwork
from projgan.evaluation.super_resolution import fidelity, inconsistency, peak_signal_to_noise_ratio
from projgan.pictures.pixels import downscale


def flat(*levels: int, side: int = 64) -> Tensor:
    return torch.tensor(levels, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, side, side).clone()


def test_ratio_of_images_that_differ_by_a_known_amount():
    found = peak_signal_to_noise_ratio(flat(100, 100, 0), flat(110, 100, 255))
    assert found.tolist() == pytest.approx([20 * math.log10(25.5), 100, 0])


def test_ratio_of_one_wrong_pixel():
    images = flat(0, side=8)
    images[0, 1, 3, 4] = 30
    mean_square = 900 / (3 * 64)
    assert peak_signal_to_noise_ratio(flat(0, side=8), images).item() == pytest.approx(
        10 * math.log10(255**2 / mean_square)
    )


def test_consistency_is_of_the_image_made_small_again():
    small = flat(50, 60, side=16)
    assert inconsistency(small, flat(57, 60)).tolist() == [7, 0]
    noise = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    assert inconsistency(downscale(noise, 4), noise).tolist() == [0, 0]


class ByRedness(FeatureNetwork):
    """Its two logits are what the first two channels' first pixels say."""

    name, num_features, resolution, channels = "stub", 2, None, 3
    device = torch.device("cpu")

    def _of_lane(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits = images[:, :2, 0, 0].float()
        return logits, logits


def test_a_classifier_recognises_one_draw_or_the_mean_of_all():
    """Of the second image the first and the last draw are mistaken, by less than the other one is sure."""
    truth = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    draws = truth.repeat(3, 1, 1, 1, 1)
    for draw, pixels in enumerate([[(9, 0), (6, 5)], [(9, 0), (0, 9)], [(9, 0), (3, 2)]]):
        draws[draw, :, :2, 0, 0] = torch.tensor(pixels, dtype=torch.uint8)
    found = fidelity(truth, downscale(truth, 4), draws, ByRedness(), torch.tensor([0, 1]))
    assert found.accuracy.value == 0.5
    assert found.accuracy_of_mean_logits.value == 1.0


def test_the_truth_is_as_close_to_itself_as_can_be():
    truth = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    found = fidelity(truth, downscale(truth, 4), truth[None])
    assert (found.ms_ssim.value, found.psnr.value, found.consistency.value) == (1.0, 100.0, 0.0)
    assert found.accuracy is None
    half = fidelity(truth, downscale(truth, 4), truth.flip(0)[None])  # the middle one is its own truth
    assert half.psnr.value == pytest.approx(
        (2 * peak_signal_to_noise_ratio(truth[:1], truth[2:]).item() + 100) / 3
    )


def test_one_image_is_not_enough():
    truth = flat(5)
    with pytest.raises(UserError, match="give two images or more"):
        fidelity(truth, downscale(truth, 4), truth[None])
