"""The sampler of Plug & Play Generative Networks (Nguyen et al. 2017), their equation 11, in feature space.

One step from features h, with G a generator of images from features and E the network that has them:

    h <- h + e1 (E(G(h)) - h) + e2 d/dh log p(y | G(h)) + N(0, e3^2)

The first term leads to features that images have (E o G as a denoising auto-encoder of h: Alain & Bengio
2014), the second to the class. With e1 = 0 this is DGN-AM (Nguyen et al. 2016). The defaults and what differs
from the equation (the normalised step, the clipping, one logit's gradient) are those of the authors' code
(Evolving-AI-Lab/ppgn, sampler.py, sampling_class.py, 1_class_conditional_sampling.sh).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from projgan.listening import Count, told

Network = Callable[[Tensor], Tensor]
ClassScore = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class ChainSettings:
    """Equation 11 in numbers."""

    prior: float = 1e-5
    """e1, of the pull to features that images have; 0 is DGN-AM."""
    condition: float = 1.0
    """e2, of the gradient to the class."""
    noise: float = 1e-17
    """e3, the deviation of the noise."""
    step_size: float = 1.0
    """Length of a step by its rule."""
    step_rule: str = "normalized"
    """A name in `STEP_RULES`."""
    clip: tuple[float, float] | None = (0.0, 30.0)
    """Bounds of each feature after a step."""


def log_probability(logits: Tensor, labels: Tensor) -> Tensor:
    """log p(y | x) of logits [N, K] at labels [N] -> [N]: equation 11 as it is printed."""
    return logits.log_softmax(dim=1).gather(1, labels[:, None]).squeeze(1)


def own_logit(logits: Tensor, labels: Tensor) -> Tensor:
    """A value [N] with the gradient of the authors' code: 1 - p(y | x) at the logit of y, 0 at the others.

    The gradient of log p(y | x) also is -p(k | x) at every other logit k, which their code leaves out.
    """
    own = logits.gather(1, labels[:, None]).squeeze(1)
    return (1 - log_probability(logits, labels).exp()).detach() * own


CLASS_SCORES: dict[str, ClassScore] = {"own-logit": own_logit, "log-probability": log_probability}
"""What is climbed to get to a class, as a function of logits [N, K] and labels [N]; its gradient counts."""


def normalized(direction: Tensor) -> Tensor:
    """Scale each row of [N, D] so that its entries are 1 in the mean, signs aside; a row of zeros stays."""
    mean = direction.abs().mean(dim=1, keepdim=True)
    return direction / mean.where(mean > 0, torch.ones_like(mean))


def as_printed(direction: Tensor) -> Tensor:
    """The direction itself, as in equation 11."""
    return direction


STEP_RULES: dict[str, Callable[[Tensor], Tensor]] = {"normalized": normalized, "plain": as_printed}
"""How the sum of the three terms [N, D] becomes a step of size 1."""


def drift(
    features: Tensor,
    generator: Network,
    encoder: Network,
    class_score: Network,
    prior: float,
    condition: float,
) -> Tensor:
    """Equation 11 without its noise: e1 (E(G(h)) - h) + e2 d/dh score(G(h)).

    Args:
        features: h, float [N, D].
        generator: G, features [N, D] -> images; its rows must not depend on each other.
        encoder: E, images -> features [N, D].
        class_score: images -> [N], what is climbed, such as log p(y | x).
        prior: e1.
        condition: e2.

    Returns:
        [N, D].
    """
    codes = features.detach().requires_grad_()
    with torch.enable_grad():
        images = generator(codes)
        (gradient,) = torch.autograd.grad(class_score(images).sum(), codes)
    with torch.no_grad():
        return prior * (encoder(images.detach()) - features) + condition * gradient


def walk(
    generator: Network,
    encoder: Network,
    class_score: Network,
    start: Tensor,
    settings: ChainSettings,
    noise: Callable[[int], Tensor],
) -> Iterator[Tensor]:
    """Walk N chains, one step a row, without end.

    Args:
        generator, encoder, class_score: as in `drift`.
        start: float [N, D]; not clipped, as in the authors' code.
        settings: of the steps.
        noise: step, counted from 0 -> draws of N(0, 1), [N, D]; not asked where the noise is 0.

    Yields:
        The features after each step, [N, D].
    """
    features = start
    rule = STEP_RULES[settings.step_rule]
    step = 0
    while True:
        direction = drift(features, generator, encoder, class_score, settings.prior, settings.condition)
        if settings.noise > 0:
            direction = direction + settings.noise * noise(step)
        features = features + settings.step_size * rule(direction)
        if settings.clip is not None:
            features = features.clamp(*settings.clip)
        yield features
        step += 1


@dataclass(frozen=True)
class Chain:
    """Where N chains have been."""

    features: Tensor
    """[N, D], after the last step."""
    trajectory: Tensor
    """[T, N, D]: the start and every `keep_every`-th step after it."""


def sample_chain(
    generator: Network,
    encoder: Network,
    class_score: Network,
    start: Tensor,
    settings: ChainSettings,
    noise: Callable[[int], Tensor],
    *,
    steps: int = 200,
    keep_every: int | None = None,
    progress: Count | None = None,
) -> Chain:
    """Walk N chains for some steps; arguments as in `walk`.

    Args:
        steps: how many; the authors' 200.
        keep_every: steps between two entries of the trajectory, of which each takes the memory of `start`;
            None keeps the start alone.
        progress: told of (steps done, all).
    """
    features, kept = start, [start]
    chain = walk(generator, encoder, class_score, start, settings, noise)
    for step, features in zip(told(range(1, steps + 1), steps, progress), chain, strict=False):
        if keep_every is not None and step % keep_every == 0:
            kept.append(features)
    return Chain(features, torch.stack(kept))
