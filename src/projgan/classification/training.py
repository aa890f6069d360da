"""Train a classifier on images in memory, and ask it for classes."""

import torch
from torch import Tensor

from projgan.arithmetic import in_float32
from projgan.classification.settings import ClassifierSettings
from projgan.classification.trainer import ClassifierTrainer
from projgan.listening import Count
from projgan.networks.classifier import Classifier
from projgan.pictures.pixels import to_float


def train_classifier(
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    width: int = 64,
    epochs: int = 20,
    batch_size: int = 64,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Count | None = None,
) -> Classifier:
    """Return a classifier of uint8 images [N, C, H, W] with int64 labels [N], in evaluation mode.

    `progress` is told of (steps, steps in all).
    """
    settings = ClassifierSettings(
        resolution=images.shape[2],
        channels=1 if images.shape[1] == 1 else 3,
        width=width,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
    )
    trainer = ClassifierTrainer(settings, images, labels, num_classes, device)
    while trainer.step < trainer.steps:
        trainer.advance()
        if progress is not None:
            progress(trainer.step, trainer.steps)
    return trainer.classifier.eval()


@torch.inference_mode()
def class_logits(classifier: Classifier, images: Tensor, batch_size: int = 500) -> Tensor:
    """Return the logits of uint8 images [N, C, H, W], float32 [N, num_classes] on the CPU.

    The classifier's batch norms are used in evaluation mode, and its mode is left as it was.
    """
    device, was_training = classifier.linear.weight.device, classifier.training
    classifier.eval()
    with in_float32():
        logits = [classifier(to_float(batch.to(device))).float().cpu() for batch in images.split(batch_size)]
    classifier.train(was_training)
    return torch.cat(logits)


def predict(classifier: Classifier, images: Tensor) -> Tensor:
    """Return the most likely class of uint8 images [N, C, H, W], int64 [N] on the CPU."""
    return class_logits(classifier, images).argmax(dim=1)
