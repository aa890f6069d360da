"""Classes that are Gaussians in the plane, whose log-ratios are known in closed form.

With q(x|y) = N(m_y, I), p(x|y) = N(n_y, I) and uniform labels,
f*(x, y) = log q(x|y) / p(x|y) = (m_y - n_y)'x - (|m_y|^2 - |n_y|^2) / 2, and it splits into
r(y|x) = log q(y|x) / p(y|x) and r(x) = log q(x) / p(x) (Miyato & Koyama 2018, equation 2).
"""

import torch
from torch import Tensor

NUM_CLASSES = 4
REAL = torch.tensor([[1.5, 0.0], [0.0, 1.5], [-1.5, 0.0], [0.0, -1.5]])
FAKE = torch.tensor([[0.5, 0.8], [-0.8, 0.5], [-0.3, -1.0], [1.0, -0.3]])


def log_density(images: Tensor, means: Tensor) -> Tensor:
    """log N(x; mean, I) of each image [N, 2] and class: [N, classes], without the common constant."""
    return -(images[:, None] - means).square().sum(dim=2) / 2


def known_answer(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """f*(x, y) [N, classes], r(y|x) [N, classes] and r(x) [N]."""
    real, fake = log_density(images, REAL), log_density(images, FAKE)
    return (
        real - fake,
        real.log_softmax(dim=1) - fake.log_softmax(dim=1),
        real.logsumexp(dim=1) - fake.logsumexp(dim=1),
    )


def points() -> Tensor:
    """Where the two distributions live: half real, half generated, [2000, 2]."""
    generator = torch.Generator().manual_seed(1)
    means = torch.cat([REAL, FAKE]).repeat(250, 1)
    return means + torch.randn(means.shape, generator=generator)


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Root mean square of the difference over that of what is expected."""
    return ((found - expected).square().mean() / expected.square().mean()).sqrt().item()
