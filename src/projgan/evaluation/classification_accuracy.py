"""Can a classifier that saw only generated images recognise real ones?

The classification accuracy score of Ravuri & Vinyals 2019: train a classifier on generated images and the
classes they were asked for, and take its top-1 accuracy on real test images. A class the generator mistakes
for another, or makes too much alike, costs accuracy there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from projgan.data.tensors import as_torch
from projgan.errors import UserError
from projgan.evaluation.checks import checked_labels
from projgan.evaluation.estimates import Estimate
from projgan.evaluation.scores import hits, top_k_accuracy

Classify = Callable[[Tensor], Tensor]
"""Images uint8 [N, C, H, W] -> class logits [N, num_classes]."""


@dataclass(frozen=True)
class ClassificationAccuracy:
    """Shares of real test images recognised, in [0, 1]."""

    top1: Estimate
    """Over all test images; the error is over the draw of these, the classifier held fixed."""
    per_class: Tensor
    """float64 [num_classes], on the CPU."""


def classification_accuracy_score(
    generated_images: Tensor,
    generated_labels: Tensor,
    real_images: Tensor,
    real_labels: Tensor,
    num_classes: int,
    train: Callable[[Tensor, Tensor], Classify],
) -> ClassificationAccuracy:
    """Return the accuracy on real test images of a classifier trained on generated ones.

    The error says nothing of the draw of generated images nor of the training: repeat with other seeds.

    Args:
        generated_images: uint8 [M, C, H, W].
        generated_labels: integers [M] in [0, num_classes), the classes that were asked for.
        real_images: uint8 [N, C, H, W], N >= 2, that neither generator nor classifier was trained on.
        real_labels: integers [N] in [0, num_classes).
        num_classes: at least 2.
        train: given generated images and int64 labels, returns the trained classifier.

    Raises:
        UserError: bad images or labels, images of two shapes, or a class without generated or real images.
    """
    if num_classes < 2:
        raise UserError(f"num_classes is {num_classes}; a classifier needs at least 2")
    generated_images, real_images = as_torch(generated_images), as_torch(real_images)
    generated_labels = _checked("generated", generated_images, generated_labels, num_classes)
    real_labels = _checked("real", real_images, real_labels, num_classes)
    if generated_images.shape[1:] != real_images.shape[1:]:
        raise UserError(
            f"generated images are {list(generated_images.shape[1:])}, real ones "
            f"{list(real_images.shape[1:])}; compare images of one resolution and number of channels"
        )
    logits = as_torch(train(generated_images, generated_labels)(real_images))
    if logits.shape != (len(real_images), num_classes):
        raise ValueError(f"the classifier gave {list(logits.shape)} for {len(real_images)} images")
    logits = logits.cpu()
    return ClassificationAccuracy(
        top_k_accuracy(logits, real_labels), _accuracy_per_class(logits, real_labels, num_classes)
    )


def _accuracy_per_class(logits: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    right = hits(logits, labels).double()
    return torch.bincount(labels, right, num_classes) / torch.bincount(labels, minlength=num_classes)


def _checked(kind: str, images: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    if images.dim() != 4 or images.dtype != torch.uint8:
        raise UserError(
            f"{kind} images must be uint8 [N, C, H, W]; these are {images.dtype} {list(images.shape)}"
        )
    labels = checked_labels(labels, f"{kind} labels", len(images), num_classes).cpu()
    missing = (torch.bincount(labels, minlength=num_classes) == 0).nonzero().flatten()
    if len(missing):
        raise UserError(f"class {int(missing[0])} has no {kind} image; all {num_classes} classes are needed")
    return labels
