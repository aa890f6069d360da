"""An independent implementation of FID, KID and the Inception score, given our own feature network.

It computes in float32 (FID's sums in float64), hence the tolerances.
"""

import warnings

import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance

from projgan.evaluation import (
    frechet_distance_from_features,
    inception_score,
    kernel_distance,
    kernel_distance_of_all,
)
from projgan.evaluation.frechet_error import frechet_distance_with_error


class Features(nn.Module):
    """uint8 images to 12 features."""

    num_features = 12

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * 6 * 6, 12)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return torch.relu(self.linear(images.flatten(1).float() / 16 - 8))


torch.manual_seed(0)
NETWORK = Features()
REAL = torch.randint(256, (150, 3, 6, 6), generator=torch.Generator().manual_seed(1)).byte()
GENERATED = torch.randint(40, 256, (120, 3, 6, 6), generator=torch.Generator().manual_seed(2)).byte()


def test_frechet_distance() -> None:
    metric = FrechetInceptionDistance(feature=NETWORK, input_img_size=(3, 6, 6))
    metric.update(REAL, real=True)
    metric.update(GENERATED, real=False)
    theirs = float(metric.compute())
    real, generated = NETWORK(REAL), NETWORK(GENERATED)
    assert theirs > 0.1
    assert frechet_distance_from_features(real, generated) == pytest.approx(theirs, rel=1e-4)
    assert frechet_distance_with_error(real, generated).value == pytest.approx(theirs, rel=1e-4)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`:UserWarning")
def test_kernel_distance() -> None:
    """One subset of all images is drawn alike by both."""
    metric = KernelInceptionDistance(feature=NETWORK, subsets=1, subset_size=120)
    metric.update(REAL[:120], real=True)
    metric.update(GENERATED, real=False)
    theirs = float(metric.compute()[0])
    real, generated = NETWORK(REAL[:120]), NETWORK(GENERATED)
    assert theirs > 0.1
    assert kernel_distance_of_all(real, generated).value == pytest.approx(theirs, rel=1e-4)
    assert kernel_distance(real, generated, 2, 120).value == pytest.approx(theirs, rel=1e-4)


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore`:UserWarning")
def test_inception_score() -> None:
    """It shuffles before it splits; one split has no order."""
    metric = InceptionScore(feature=NETWORK, splits=1)
    metric.update(GENERATED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the deviation of one split
        theirs = float(metric.compute()[0])
    assert theirs > 1.1
    assert inception_score(NETWORK(GENERATED), 1).mean == pytest.approx(theirs, rel=1e-5)
