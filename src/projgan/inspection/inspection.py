"""What a discriminator says of labelled images: how real each is, and how well each label fits.

What is known of its logit, at the optimum of the standard loss, is f(x, y) = log q(x, y) / p(x, y) for data
q and generator p (Miyato & Koyama 2018, equation 2). By Bayes q(y|x) is proportional to p(y|x) exp f(x, y),
so the posterior of the labels needs p(y|x) too (`label_posterior`). Where that is not given it is taken as
flat, and the posterior is the softmax of f over the labels alone: the marginal term then adds nothing. If the
generator obeys its labels well, f carries little information on them; see docs/guides/inspection.md.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from projgan.errors import UserError
from projgan.lanes import as_seen, in_lanes, lane_size
from projgan.listening import Count, told
from projgan.networks.resnet import Discriminator

MOST_NUMBERS = 2**26
"""Images times classes; a table of two gigabytes."""

MOST_AT_ONCE = 2**24
"""Images times classes times features that are looked at together; 64 MB."""


class Opinion(NamedTuple):
    """What is read off a discriminator for N images and K of its labels."""

    marginal: Tensor
    """r(x), float [N]."""
    class_scores: Tensor | None
    """Float [N, K]: r(y|x) up to a function of x, or a classifier's. None where no label is met."""
    logits: Tensor
    """Float [N, K], of each image with each label."""


def decomposed(discriminator: Discriminator, images: Tensor, classes: Tensor) -> Opinion:
    """Both terms of the logit; the trunk does not see the label, so it runs once, the head in parts."""
    features = discriminator.features(images)
    step = max(1, MOST_AT_ONCE // features.numel())
    marginals, scores, logits = [], [], []
    for part in classes.split(step):
        shape = len(images), len(part)
        output = discriminator.condition(
            features.repeat_interleave(len(part), dim=0), part.repeat(len(images))
        )
        marginals.append(output.marginal.view(shape)[:, 0])
        scores.append(output.conditional.view(shape))
        logits.append(output.logits.view(shape))
    return Opinion(marginals[0], torch.cat(scores, dim=1), torch.cat(logits, dim=1))


def undecomposed(discriminator: Discriminator, images: Tensor, classes: Tensor) -> Opinion:
    """One pass a label; r(x) = log mean exp f(x, y), by the identity sum p(y|x) exp f = q(x)/p(x)."""
    logits = torch.stack(
        [discriminator(images, label.expand(len(images))).logits for label in classes], dim=1
    )
    marginal = logits.logsumexp(dim=1) - math.log(len(classes))
    return Opinion(marginal, logits - marginal[:, None], logits)


def classified(discriminator: Discriminator, images: Tensor, classes: Tensor) -> Opinion:
    """A logit that does not see the label, beside a classifier of the real images."""
    output = discriminator(images)
    assert output.class_logits is not None, "the method classifies"
    return Opinion(
        output.logits, output.class_logits[:, classes], output.logits[:, None].expand(-1, len(classes))
    )


def indifferent(discriminator: Discriminator, images: Tensor, classes: Tensor) -> Opinion:
    """r(x) alone."""
    logits = discriminator(images).logits
    return Opinion(logits, None, logits[:, None].expand(-1, len(classes)))


class Reading(NamedTuple):
    """How a method is read, and what its class scores are."""

    look: Callable[[Discriminator, Tensor, Tensor], Opinion]
    """Given the discriminator, images and the labels [K] to read."""
    score_name: str = ""
    shares_features: bool = False
    """Whether phi(x) does not see the label and r(y|x) is linear in it, so that p(y|x) can be fitted."""


READINGS: dict[str, Reading] = {
    "projection": Reading(decomposed, "r(y|x)", shares_features=True),
    "multi-hinge": Reading(decomposed, "r(y|x)", shares_features=True),
    "input-concat": Reading(undecomposed, "r(y|x)"),
    "hidden-concat": Reading(undecomposed, "r(y|x)"),
    "output-concat": Reading(undecomposed, "r(y|x)"),
    "ac-gan": Reading(classified, "class logit"),
    "tac-gan": Reading(classified, "class logit"),
    "adc-gan": Reading(classified, "class logit"),
    "d2d-ce": Reading(classified, "cosine"),
    "unconditional": Reading(indifferent),
}
"""By the name of the condition, as in `CONDITIONS`. Every r(y|x) is up to a function of x."""


@dataclass(frozen=True)
class Inspection:
    """What a discriminator says of N labelled images; tensors are on the CPU."""

    labels: Tensor
    """Int64 [N], numbered among the K classes that were read."""
    marginal: Tensor
    """r(x), float32 [N]."""
    logits: Tensor
    """Float32 [N], f(x, y) of each image with its own label: how real it is as one of its class."""
    class_scores: Tensor | None
    """Float32 [N, K], see `Opinion`; None where the discriminator meets no label."""
    generated: Tensor | None = None
    """log p(y|x), float64 [N, K]; None where it is taken as flat, or the scores are a classifier's."""

    @property
    def knows_classes(self) -> bool:
        """Whether there is another label to prefer."""
        return self.class_scores is not None and self.class_scores.shape[1] > 1

    @cached_property
    def posterior(self) -> Tensor:
        """The implied q(y|x) = softmax of r(y|x) + log p(y|x) over the labels, [N, K].

        Raises:
            UserError: the discriminator meets no label.
        """
        return self._scores().softmax(dim=1)

    @cached_property
    def suggested(self) -> Tensor:
        """The label of the best score among those that an image does not have, int64 [N]; errors as above."""
        return self._others().argmax(dim=1)

    @cached_property
    def dispute(self) -> Tensor:
        """The best score of another label less that of the own one; above 0 it is disputed.

        It is the log-odds of the two under the implied posterior, [N]. Unlike the probability of the own
        label, it does not depend on how the rest is spread over labels that nobody would choose.
        """
        own = self._scores().gather(1, self.labels[:, None]).squeeze(1)
        return self._others().amax(dim=1) - own

    @cached_property
    def suspects(self) -> Tensor:
        """Positions of all images, the most disputed first, ties in the order of the images; int64 [N]."""
        return self.dispute.argsort(descending=True, stable=True)

    def of_class(self, label: int) -> Tensor:
        """Positions of a class's images, the most real first, int64 [n]."""
        positions = (self.labels == label).nonzero().squeeze(1)
        return positions[self.logits[positions].argsort(descending=True, stable=True)]

    def _scores(self) -> Tensor:
        if self.class_scores is None or not self.knows_classes:
            raise UserError("this discriminator tells no labels apart, so it implies no posterior of them")
        return self.class_scores if self.generated is None else self.class_scores + self.generated

    def _others(self) -> Tensor:
        return self._scores().scatter(1, self.labels[:, None], -torch.inf)


def inspect(
    discriminator: Discriminator,
    method: str,
    images: Tensor,
    labels: Tensor,
    progress: Count | None = None,
    classes: Tensor | None = None,
) -> Inspection:
    """Ask a discriminator about labelled images, in lanes of a fixed size (see `projgan.lanes`).

    Args:
        discriminator: in evaluation mode, on any device.
        method: its condition, a name in `READINGS`.
        images: uint8 [N, C, R, R] of the discriminator's resolution and channels.
        labels: int64 [N], each one of `classes`.
        progress: told of (images done, all).
        classes: int64 [K], ascending, the labels to read: those of which there were images. None for all.

    Raises:
        UserError: more numbers than memory should hold, or a label that is none of the classes.
    """
    if classes is None:
        classes = torch.arange(discriminator.condition.shape.num_classes)
    if len(images) * len(classes) > MOST_NUMBERS:
        raise UserError(
            f"{len(images):,} images and {len(classes):,} classes are too many to inspect at once; "
            "give a part of the images"
        )
    if not torch.isin(labels, classes).all():
        other = int(labels[~torch.isin(labels, classes)][0])
        raise UserError(f"label {other} is none of the {len(classes)} classes that can be asked about")
    labels = torch.searchsorted(classes, labels)
    look, on_device = READINGS[method].look, classes.to(next(discriminator.parameters()).device)
    marginals, scores, logits = [], [], []
    done = 0
    opinions = in_lanes(
        lambda images: look(discriminator, as_seen(images, discriminator), on_device),
        lane_size(discriminator),
        images,
    )
    for opinion, count in told(opinions, len(images), progress, lambda lane: lane[1]):
        own = labels[done : done + count, None].to(opinion.logits.device)
        marginals.append(opinion.marginal[:count].cpu())
        logits.append(opinion.logits[:count].gather(1, own).squeeze(1).cpu())
        if opinion.class_scores is not None:
            scores.append(opinion.class_scores[:count].cpu())
        done += count
    return Inspection(labels, torch.cat(marginals), torch.cat(logits), torch.cat(scores) if scores else None)
