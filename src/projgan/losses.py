"""Losses: pure functions from what the discriminator says of N images to one loss per image [N].

Hinge: Miyato & Koyama 2018, equation 8. Standard: their equation 1 with A the sigmoid and the generator's
loss in its non-saturating form; it is the loss that the derivation of the projection starts from.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

LogitLoss = Callable[[Tensor], Tensor]


def hinge_real(logits: Tensor) -> Tensor:
    """max(0, 1 - f) on real images, for the discriminator."""
    return F.relu(1 - logits)


def hinge_fake(logits: Tensor) -> Tensor:
    """max(0, 1 + f) on generated images, for the discriminator."""
    return F.relu(1 + logits)


def hinge_generator(logits: Tensor) -> Tensor:
    """-f on generated images, for the generator."""
    return -logits


def standard_real(logits: Tensor) -> Tensor:
    """-log sigmoid(f) = softplus(-f) on real images, for the discriminator."""
    return F.softplus(-logits)


def standard_fake(logits: Tensor) -> Tensor:
    """-log(1 - sigmoid(f)) = softplus(f) on generated images, for the discriminator."""
    return F.softplus(logits)


def standard_generator(logits: Tensor) -> Tensor:
    """-log sigmoid(f) on generated images, for the generator."""
    return F.softplus(-logits)


@dataclass(frozen=True)
class AdversarialLoss:
    """The three functions of one adversarial game."""

    real: LogitLoss
    """The discriminator's loss on real images."""
    fake: LogitLoss
    """The discriminator's loss on generated images."""
    generator: LogitLoss
    """The generator's loss on generated images."""


ADVERSARIAL_LOSSES: dict[str, AdversarialLoss] = {
    "hinge": AdversarialLoss(hinge_real, hinge_fake, hinge_generator),
    "standard": AdversarialLoss(standard_real, standard_fake, standard_generator),
}
"""Every adversarial loss, by the name used in configurations."""


class Judgement(Protocol):
    """What a loss may see of a discriminator's output."""

    @property
    def logits(self) -> Tensor:
        """[N]: positive means real."""

    @property
    def class_logits(self) -> Tensor | None:
        """[N, num_classes] where the method classifies; `adc-gan` and `multi-hinge` have more columns."""

    @property
    def twin_logits(self) -> Tensor | None:
        """[N, num_classes] of `tac-gan`'s second classifier."""

    @property
    def embeddings(self) -> Tensor | None:
        """[N, embedding_size], each of length 1, of `d2d-ce`."""

    @property
    def guide_logits(self) -> Tensor | None:
        """[N, num_classes] of a frozen classifier, in fine-tuning."""

    @property
    def votes(self) -> Tensor | None:
        """[N, places], each judged by itself, where `logits` are the mean of several; else None."""


JudgementLoss = Callable[[Judgement, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """What the two networks minimise: functions of an output and its condition, one value per image."""

    real: JudgementLoss
    """The discriminator's, on real images."""
    fake: JudgementLoss
    """The discriminator's, on generated images."""
    generator: JudgementLoss
    """The generator's, on generated images."""


@dataclass(frozen=True)
class ClassTerm:
    """How the methods that classify weigh and shape their error."""

    weight: float = 1.0
    """Of the error beside the adversarial loss."""
    positive_margin: float = 0.98
    """ReACGAN's m_p: a cosine to the own class above which nothing is asked for."""
    negative_margin: float = 0.02
    """ReACGAN's m_n: a cosine to images of other classes below which nothing is asked for."""
    temperature: float = 0.5
    """ReACGAN's tau, which divides the cosines."""


def class_error(output: Judgement, labels: Tensor) -> Tensor:
    """Cross-entropy of the class logits at labels [N] -> [N]."""
    assert output.class_logits is not None
    return F.cross_entropy(output.class_logits, labels, reduction="none")


def twin_error(output: Judgement, labels: Tensor) -> Tensor:
    """Cross-entropy of the twin classifier's logits at labels [N] -> [N]."""
    assert output.twin_logits is not None
    return F.cross_entropy(output.twin_logits, labels, reduction="none")


def generated_class_error(output: Judgement, labels: Tensor) -> Tensor:
    """Cross-entropy of 2K class logits at the labels' places among the generated classes -> [N]."""
    assert output.class_logits is not None
    return class_error(output, labels + output.class_logits.shape[1] // 2)


def data_to_data_error(output: Judgement, labels: Tensor, term: ClassTerm) -> Tensor:
    """The data-to-data cross-entropy of ReACGAN (Kang et al. 2021, section 3.2) -> [N].

    With s_i the cosine of image i and its class, s_ij that of images i and j, and j over the images of the
    batch that have another label,

        -log[ a_i / (a_i + sum_j exp(max(s_ij - m_n, 0) / tau)) ],    a_i = exp(min(s_i - m_p, 0) / tau).

    It is at least log(1 + the number of such j), which it reaches where all margins are kept. The published
    code subtracts a row's largest cosine from the second exponents only; this is the equation.
    """
    assert output.class_logits is not None
    assert output.embeddings is not None
    own = output.class_logits.gather(1, labels[:, None])
    attraction = (own - term.positive_margin).clamp(max=0) / term.temperature
    cosines = output.embeddings @ output.embeddings.t()
    repulsion = (cosines - term.negative_margin).clamp(min=0) / term.temperature
    repulsion = repulsion.masked_fill(labels[:, None] == labels, -torch.inf)
    return torch.cat([attraction, repulsion], dim=1).logsumexp(dim=1) - attraction.squeeze(1)


def multi_hinge_error(class_logits: Tensor, labels: Tensor) -> Tensor:
    """Crammer and Singer's hinge, max(0, 1 + max over k != y of C_k - C_y): [N, K + 1], [N] -> [N]."""
    own = class_logits.gather(1, labels[:, None]).squeeze(1)
    best_other = class_logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1)
    return F.relu(1 + best_other - own)


def no_error(output: Judgement, labels: Tensor) -> Tensor:
    """Zero for every image [N]: these images teach no class."""
    return torch.zeros_like(output.logits)


def adversarial_objective(loss: AdversarialLoss, term: ClassTerm) -> Objective:
    """The adversarial loss alone: the condition has entered the logits."""
    return Objective(
        real=_of_votes(loss.real), fake=_of_votes(loss.fake), generator=_of_votes(loss.generator)
    )


def _of_votes(loss: LogitLoss) -> JudgementLoss:
    """The loss of an image: of its logit, or the mean over the places that are judged by themselves."""

    def of_output(output: Judgement, condition: Tensor) -> Tensor:
        return loss(output.logits) if output.votes is None else loss(output.votes).mean(dim=1)

    return of_output


def _with_class_errors(loss: AdversarialLoss, weight: float, errors: Objective) -> Objective:
    def added(adversarial: LogitLoss, error: JudgementLoss) -> JudgementLoss:
        return lambda output, labels: adversarial(output.logits) + weight * error(output, labels)

    return Objective(
        real=added(loss.real, errors.real),
        fake=added(loss.fake, errors.fake),
        generator=added(loss.generator, errors.generator),
    )


def auxiliary_classifier_objective(loss: AdversarialLoss, term: ClassTerm) -> Objective:
    """AC-GAN (Odena et al. 2017): both networks also minimise the classification error.

    The discriminator on real and generated images (their L_S + L_C), the generator on generated ones
    (L_C - L_S). Odena et al. weigh both alike, a weight of 1; the projection paper does not say its own.
    """
    return _with_class_errors(loss, term.weight, Objective(class_error, class_error, class_error))


def twin_classifiers_objective(loss: AdversarialLoss, term: ClassTerm) -> Objective:
    """TAC-GAN (Gong et al. 2019, their L_TAC): the generator also plays against a classifier of its images.

    It minimises the classifier's error minus its twin's. As in their code (batmanlab/twin_ac,
    TAC-BigGAN/train_fns.py) the classifier is taught on real images, the twin on generated ones; their
    equation also teaches the classifier on generated images.
    """

    def against_the_twin(output: Judgement, labels: Tensor) -> Tensor:
        return class_error(output, labels) - twin_error(output, labels)

    return _with_class_errors(loss, term.weight, Objective(class_error, twin_error, against_the_twin))


def discriminative_classifier_objective(loss: AdversarialLoss, term: ClassTerm) -> Objective:
    """ADC-GAN (Hou et al. 2022): the classifier tells real from generated images of each class.

    The generator maximises log C(y real|x) - log C(y generated|x); checked against their code
    (houliangict/adcgan, BigGAN-PyTorch/train_fns.py).
    """

    def seem_real(output: Judgement, labels: Tensor) -> Tensor:
        return class_error(output, labels) - generated_class_error(output, labels)

    return _with_class_errors(loss, term.weight, Objective(class_error, generated_class_error, seem_real))


def data_to_data_objective(loss: AdversarialLoss, term: ClassTerm) -> Objective:
    """ReACGAN (Kang et al. 2021): the discriminator lowers the error of real images, the generator its own.

    Where several processes train, an image is compared with those of its process's share of the batch only.
    """

    def error(output: Judgement, labels: Tensor) -> Tensor:
        return data_to_data_error(output, labels, term)

    return _with_class_errors(loss, term.weight, Objective(error, no_error, error))


def multi_hinge_objective(loss: AdversarialLoss, term: ClassTerm) -> Objective:
    """MHGAN (Kavalerov et al. 2021): "generated" is the last class, and the one hinge is all there is.

    The discriminator wants the label of real images and "generated" of the others, the generator its labels.
    Their code (ilyakava/BigGAN-PyTorch) adds feature matching to the generator's; this does not.
    """

    def right_class(output: Judgement, labels: Tensor) -> Tensor:
        assert output.class_logits is not None
        return multi_hinge_error(output.class_logits, labels)

    def generated(output: Judgement, labels: Tensor) -> Tensor:
        assert output.class_logits is not None
        return multi_hinge_error(
            output.class_logits, torch.full_like(labels, output.class_logits.shape[1] - 1)
        )

    return Objective(real=right_class, fake=generated, generator=right_class)


def guided_objective(objective: Objective, weight: float) -> Objective:
    """The same, and the generator also minimises a frozen classifier's cross-entropy at its labels.

    Fine-tuning of Miyato & Koyama 2018 (appendix B): L_G = -E[D(G(z, y), y)] - E[log p(y|G(z, y))].
    """

    def guided(output: Judgement, labels: Tensor) -> Tensor:
        assert output.guide_logits is not None
        error = F.cross_entropy(output.guide_logits, labels, reduction="none")
        return objective.generator(output, labels) + weight * error

    return dataclasses.replace(objective, generator=guided)


OBJECTIVES: dict[str, Callable[[AdversarialLoss, ClassTerm], Objective]] = {
    "projection": adversarial_objective,
    "input-concat": adversarial_objective,
    "hidden-concat": adversarial_objective,
    "output-concat": adversarial_objective,
    "ac-gan": auxiliary_classifier_objective,
    "tac-gan": twin_classifiers_objective,
    "adc-gan": discriminative_classifier_objective,
    "d2d-ce": data_to_data_objective,
    "multi-hinge": multi_hinge_objective,
    "unconditional": adversarial_objective,
}
"""The objective that belongs to each way in which the discriminator meets the condition."""
